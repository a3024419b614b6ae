"""IPv4 headers are written as dpkt writes them, and read as they were meant."""

from __future__ import annotations

import dpkt
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.packet.ipv4 import HEADER, cut_header_length, header_length, packet_end, put_header

octet, word, address = st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


@given(octet, word, word, word, octet, octet, address, address)
def test_a_header_is_dpkt_s(
    tos: int, length: int, number: int, fragment: int, ttl: int, protocol: int, source: int, destination: int
) -> None:
    out = np.full(HEADER + 8, 0xEE, np.uint8)
    put_header(out, 4, tos, length, number, fragment, ttl, protocol, source, destination)
    expected = dpkt.ip.IP(
        tos=tos, len=length, id=number, _flags_offset=fragment, ttl=ttl, p=protocol,
        src=source.to_bytes(4, "big"), dst=destination.to_bytes(4, "big"),
    )  # fmt: skip
    expected.sum = dpkt.in_cksum(expected.pack_hdr())
    assert out[4:-4].tobytes() == expected.pack_hdr()
    assert set(out[:4]) == set(out[-4:]) == {0xEE}
    assert header_length(out, 4, 24) == (HEADER if length == 0 or length >= HEADER else 0)
    assert header_length(out, 4, 23) == 0
    assert packet_end(out, 4, 1000) == (min(1000, 4 + length) if length else 1000)


def test_options_may_be_cut() -> None:
    out = np.zeros(60, np.uint8)
    put_header(out, 0, 0, 60, 1, 0, 64, 6, 1, 2)
    out[0] = 0x4F
    assert (header_length(out, 0, 60), header_length(out, 0, 59)) == (60, 0)
    assert (cut_header_length(out, 0, 59), cut_header_length(out, 0, 60), cut_header_length(out, 0, 19)) == (60, 0, 0)
    out[0] = 0x65
    assert header_length(out, 0, 60) == cut_header_length(out, 0, 20) == 0
