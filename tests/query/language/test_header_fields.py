"""Octets of headers that columns answer are those that packets have."""

from __future__ import annotations

import struct
from typing import Any

import dpkt
import pytest

from ims.query.language import header_fields
from ims.query.language.filter import parse
from ims.records import PACKETS

from .refusal import refusal


def test_octets_that_can_be_asked_are_listed() -> None:
    assert str(refusal("udp[6:2] = 0")).endswith(header_fields.supported())
    for header, octets in header_fields.HEADERS.items():
        for at in range(64):
            if at in octets:
                parse(f"{header}[{at}] = 0")
            else:
                refusal(f"{header}[{at}] = 0")


# Names that dpkt has for the columns: its own parser says what they hold of a header.
IP = {"tos": "tos", "total_length": "len", "ip_id": "id", "ttl": "ttl", "protocol": "p", "source": "src", "destination": "dst"}  # fmt: skip
TCP = {"source_port": "sport", "destination_port": "dport", "tcp_sequence": "seq", "tcp_acknowledgment": "ack", "tcp_window": "win", "tcp_urgent": "urp"}  # fmt: skip
UDP = {"source_port": "sport", "destination_port": "dport", "datagram_length": "ulen"}
ICMP = {"icmp_type": "type", "icmp_code": "code"}
LAYERS: dict[str, tuple[Any, dict[str, str]]] = {
    "ip": (dpkt.ip.IP, IP), "tcp": (dpkt.tcp.TCP, TCP), "udp": (dpkt.udp.UDP, UDP), "icmp": (dpkt.icmp.ICMP, ICMP),
}  # fmt: skip


@pytest.mark.parametrize("header", LAYERS)
def test_each_octet_of_a_column_is_the_header_s(header: str) -> None:
    layer, names = LAYERS[header]
    octets = bytes([0x45 if header == "ip" else 0x11, *range(0x21, 0x21 + 11), 0x50, *range(0x61, 0x61 + 7)])
    read = dict(zip(layer.__hdr_fields__, struct.unpack_from(layer.__hdr_fmt__, octets), strict=True))
    seen = set()
    for at, (column, shift) in header_fields.HEADERS[header].items():
        if column in names:
            value = read[names[column]]
            number = int.from_bytes(value) if isinstance(value, bytes) else value
            assert number >> shift & 0xFF == octets[at], (header, at, column)
            seen.add(column)
    assert seen == set(names)


def test_octets_are_known_only_where_all_of_them_are() -> None:
    assert header_fields.known("ip", 12, 4) and header_fields.known("ip", 14, 4)
    for header, offset, size in (("ip", 9, 2), ("ip", 18, 4), ("tcp", 13, 3), ("tcp", -1, 1), ("udp", 6, 1), ("ip6", 0, 1), ("ip", 0, 0)):  # fmt: skip
        assert not header_fields.known(header, offset, size)


def test_columns_of_octets_are_columns_of_packets() -> None:
    stored = {column.name for column in PACKETS}
    for header, octets in header_fields.HEADERS.items():
        for at in octets:
            columns = header_fields.columns_of(header, at, 1)
            assert columns and columns <= stored, (header, at)
    assert header_fields.columns_of("ip", 14, 4) == {"source", "destination"}


def test_a_column_is_there_once_its_last_octet_was_captured() -> None:
    """And both ports are, or none."""
    assert [header_fields.captured("tcp", at, 1) for at in (0, 2, 4, 7, 8, 12, 13, 14, 18)] == [
        4,
        4,
        8,
        8,
        12,
        13,
        14,
        16,
        20,
    ]
    assert header_fields.captured("udp", 0, 2) == 4
    assert header_fields.captured("icmp", 0, 1) == 1
    assert header_fields.captured("ip", 14, 4) == 20
