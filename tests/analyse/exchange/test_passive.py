"""What a monitor that answers nothing would have seen."""

from __future__ import annotations

from ims.analyse.exchange.packets import Packet
from ims.analyse.exchange.passive import seen_passively
from ims.analyse.exchange.replies import replies_of

from ..exchanges import ACK, PSH, RST, SOURCE, SYN, answering, echo, packet, udp

DATA = {"tcp_acknowledgment": 0x101, "tcp_sequence": 1001, "payload_length": 72, "verified": True}


def seen(*packets: Packet, policy: str = "ack") -> list[str]:
    return seen_passively(packets, replies_of(packets, SOURCE, answering(policy)))


def test_what_comes_unasked_is_seen() -> None:
    assert seen(packet(SYN), packet(SYN, 3), packet(SYN, 9), udp(10), echo(11)) == ["yes"] * 5
    assert seen(packet(SYN | ACK), packet(RST), packet(ACK | PSH, payload_length=9)) == ["yes"] * 3, "backscatter"


def test_what_follows_an_answer_is_not() -> None:
    ack = packet(ACK, 1, tcp_acknowledgment=8, tcp_sequence=1001, verified=True)
    assert seen(packet(SYN), ack, packet(ACK | PSH, 2, **DATA), packet(RST, 3)) == ["yes", "no", "no", "no"]
    assert seen(packet(SYN), packet(RST, 1)) == ["yes", "no"], "a SYN scan"
    assert seen(packet(SYN), packet(RST, 1), policy="silent") == ["yes", "yes"], "nothing was answered"


def test_what_comes_to_other_ports_after_a_payload_is_seen_perhaps() -> None:
    """Blaster's SYN to 4444 follows its request on 135; what a source sends elsewhere doesn't depend on it."""
    first, data = packet(SYN, destination_port=135), packet(ACK | PSH, 1, destination_port=135, **DATA)
    then = packet(SYN, 2, destination_port=4444, source_port=1026)
    assert seen(first, data, then, udp(3, destination_port=69)) == ["yes", "no", "perhaps", "perhaps"]
    assert seen(first, data, then._replace(destination="198.51.100.8")) == ["yes", "no", "yes"]
    assert seen(first, data._replace(payload_length=0), then) == ["yes", "no", "yes"]
    assert seen(first, data._replace(verified=False), then) == ["yes", "no", "yes"]
    assert seen(first, then, data) == ["yes", "yes", "no"]
