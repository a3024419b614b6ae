"""Packets as the verb has them."""

from __future__ import annotations

import pytest

from ims.analyse.exchange.packets import Packet, packets_of, protocol_name
from ims.telescope import Telescope

from ..exchanges import ACK, FIN, PSH, RST, SYN, echo, packet, udp


def test_rows_of_the_verb_are_packets_with_whole_microseconds(telescope: Telescope) -> None:
    answer = telescope.packets("src host 192.0.2.9", limit=50)
    found = packets_of(answer.table)
    assert [each.time for each in found] == [row["time"].value // 1000 for row in answer.rows()]
    assert {(each.sensor, each.protocol, each.source_port, each.verified) for each in found} <= {
        (sensor, 17, 1024, None) for sensor in "abc"
    }
    assert all(each.tcp_flags is None and each.payload_length == 1 and each.signature for each in found)


@pytest.mark.parametrize(
    ("one", "calls"),
    [
        (packet(SYN), True), (packet(SYN | PSH), True), (packet(SYN | ACK), False), (packet(SYN | FIN), False),
        (packet(SYN | RST), False), (packet(RST), False), (packet(ACK), False), (packet(ACK, payload_length=1), True),
        (packet(ACK | FIN), True), (packet(FIN), False), (packet(PSH, payload_length=1), False), (echo(), True),
        (echo(icmp_type=0), False), (udp(), False), (packet(SYN, tcp_options=None), False),
    ],
)  # fmt: skip
def test_which_packets_call_for_a_reply(one: Packet, calls: bool) -> None:
    assert one.calls == calls


def test_protocols_have_names() -> None:
    assert [protocol_name(each) for each in (1, 6, 17, 132, 47)] == ["icmp", "tcp", "udp", "sctp", "protocol 47"]
