"""What a packet is, in a few words."""

from __future__ import annotations

import pytest

from ims.analyse.exchange.packets import Packet
from ims.analyse.exchange.reasons import because, names_of, refused, unanswerable
from ims.respond.policy import ACK as POLICY_ACK
from ims.respond.policy import SILENT, SYNACK
from ims.respond.reply import ACKS, FINS, RESETS, SYNACKS

from ..exchanges import ACK, FIN, PSH, RST, SYN, echo, packet, udp


@pytest.mark.parametrize(
    ("one", "above", "name"),
    [
        (packet(SYN), 0, "SYN"), (packet(SYN | PSH), 0, "SYN"), (packet(SYN | ACK), 0, "SYN-ACK"),
        (packet(RST), 0, "reset"), (packet(ACK), 1, "acknowledges our SYN-ACK"), (packet(ACK), 2, "acknowledges our FIN"),
        (packet(ACK), 0, "ACK of nothing of ours"), (packet(ACK, payload_length=1), 1, "data"),
        (packet(ACK | FIN), 1, "FIN"), (packet(FIN), 0, "FIN of no connection of ours"),
        (packet(ACK, payload_length=1), 0, "data of no connection of ours"), (udp(), 0, "UDP"), (echo(), 0, "echo request"),
        (echo(icmp_type=3), 0, "ICMP type 3"), (packet(None, protocol=132), 0, "SCTP"),
        (packet(None, protocol=47), 0, "PROTOCOL 47"), (packet(None), 0, "TCP"),
    ],
)  # fmt: skip
def test_packets_are_named(one: Packet, above: int, name: str) -> None:
    assert names_of([one], [above]) == [name]


def test_a_syn_that_came_before_comes_again() -> None:
    packets = [packet(SYN), packet(SYN, 3), packet(SYN, 4, tcp_sequence=2), packet(SYN, 5, source_port=9)]
    assert names_of(packets, [0] * 4) == ["SYN", "SYN again", "SYN", "SYN"]


def test_why_there_is_no_reply() -> None:
    assert unanswerable(packet(SYN), False) is None
    assert unanswerable(packet(RST, verified=None), False) == ""
    assert refused(packet(SYN), SILENT, 0) == "policy silent"
    assert refused(packet(ACK, payload_length=1), SYNACK, 1) == "policy synack answers SYNs only"
    assert refused(packet(ACK, payload_length=1), POLICY_ACK, 0) == "not our cookie"
    assert refused(packet(RST), SILENT, 0) == refused(packet(ACK), POLICY_ACK, 1) == ""


def test_why_there_is_one() -> None:
    assert because(SYNACKS, packet(SYN), POLICY_ACK) == "SYN-ACK, the cookie"
    assert because(SYNACKS, packet(SYN, verified=None), POLICY_ACK) == "SYN-ACK, by whom isn't recorded"
    assert because(RESETS, packet(SYN), None) == "refused: closed by policy"
    assert because(RESETS, packet(ACK), None) == "reset: data after the end"
    assert because(FINS, packet(ACK), None) == "closed: the limit is reached"
    assert because(FINS, packet(ACK | FIN), None) == "FIN acknowledged, and ours"
    assert because(ACKS, packet(ACK | FIN), None) == "FIN acknowledged"
    assert because(ACKS, packet(ACK), None) == "acknowledged"
