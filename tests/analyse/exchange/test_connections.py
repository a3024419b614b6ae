"""Connections, counted."""

from __future__ import annotations

from ims.analyse.exchange.connections import connections_of
from ims.analyse.exchange.replies import replies_of

from ..exchanges import ACK, PSH, SOURCE, SYN, answering, packet, udp


def test_each_has_its_packets_replies_and_octets() -> None:
    data = {"tcp_acknowledgment": 0x101, "tcp_sequence": 1001, "verified": True}
    packets = [
        packet(SYN), udp(1, payload_length=5), packet(ACK, 2, **data), packet(ACK | PSH, 3, payload_length=72, **data),
        udp(4, payload_length=6), packet(SYN, 5, source_port=9),
    ]  # fmt: skip
    rows = connections_of(packets, replies_of(packets, SOURCE, answering()))
    names = ("protocol", "source_port", "packets", "replies", "verified", "octets")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("tcp", 1025, 3, 2, 2, 72), ("udp", 1025, 2, 0, 0, 11), ("tcp", 9, 1, 1, 0, 0),
    ]  # fmt: skip
    assert [row["time"] for row in rows] == [packets[0].time, packets[1].time, packets[5].time]
