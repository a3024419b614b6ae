"""ICMP headers are written with the checksum that dpkt works out, and one that is cut is none."""

from __future__ import annotations

import dpkt
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.packet import icmp
from ims.packet.checksum import ones_sum
from ims.packet.field_values import PROTOCOL_ICMP
from ims.packet.transport import transport_header

from .written import finished, number, octet, payloads


@given(octet, octet, number, payloads)
def test_icmp(kind: int, code: int, rest: int, payload: bytes) -> None:
    out = np.frombuffer(bytes(icmp.HEADER) + payload, np.uint8).copy()
    total = icmp.put_header(out, 0, kind << 8 | code, rest)
    assert total % 0xFFFF == ones_sum(out, 0, icmp.HEADER) % 0xFFFF
    found = finished(out, icmp.HEADER, icmp.CHECKSUM, PROTOCOL_ICMP, total, 0, 0)
    expected = bytearray(bytes([kind, code, 0, 0]) + rest.to_bytes(4, "big") + payload)
    expected[2:4] = dpkt.in_cksum(bytes(expected)).to_bytes(2, "big")
    assert found == bytes(expected)
    assert transport_header(out, 0, out.size, PROTOCOL_ICMP) == icmp.HEADER


@given(st.integers(0, 9), st.integers(0, 12))
def test_a_header_is_eight_octets_or_none(before: int, present: int) -> None:
    octets = np.full(40, 0xFF, np.uint8)
    assert icmp.header_length(octets, before, before + present) == (8 if present >= 8 else 0)


def test_nothing_around_a_header_is_written() -> None:
    out = np.full(20, 0x55, np.uint8)
    icmp.put_header(out, 6, 8 << 8, 0x01020304)
    assert out.tobytes() == b"\x55" * 6 + b"\x08\0\0\0\1\2\3\4" + b"\x55" * 6
