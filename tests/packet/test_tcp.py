"""TCP headers are written as dpkt writes them, checksums included, and are as long as they say where that can be."""

from __future__ import annotations

import struct

import dpkt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.packet import tcp
from ims.packet.checksum import ones_sum
from ims.packet.field_values import FLAGS, PROTOCOL_TCP
from ims.packet.transport import transport_header

from .written import finished, number, payloads, whole, word


@given(number, number, number, number, number, st.integers(0, FLAGS), word, word, payloads)
def test_tcp(
    source: int, destination: int, ports: int, sequence: int, acknowledgment: int, flags: int, window: int, urgent: int,
    payload: bytes,
) -> None:  # fmt: skip
    out = np.frombuffer(bytes(tcp.HEADER) + payload, np.uint8).copy()
    total = tcp.put_header(out, 0, ports, sequence, acknowledgment, tcp.HEADER, flags, window, urgent)
    assert total % 0xFFFF == ones_sum(out, 0, tcp.HEADER) % 0xFFFF
    found = finished(out, tcp.HEADER, tcp.CHECKSUM, PROTOCOL_TCP, total, source, destination)
    expected = dpkt.tcp.TCP(
        sport=ports >> 16, dport=ports & 0xFFFF, seq=sequence, ack=acknowledgment, win=window, urp=urgent
    )
    expected._off_flags = 5 << 12 | flags
    assert found == whole(PROTOCOL_TCP, source, destination, expected, payload)
    assert transport_header(out, 0, out.size, PROTOCOL_TCP) == tcp.HEADER


@given(st.integers(0, 15), st.integers(0, 5), st.integers(0, 70))
def test_a_header_has_the_length_that_it_claims_where_that_can_be(words: int, before: int, present: int) -> None:
    octets = b"\xff" * before + struct.pack(">HHIIHHHH", 1, 2, 3, 4, words << 12 | 2, 5, 0, 0) + bytes(60)
    can_be = words >= 5 and words * 4 <= present
    found = tcp.header_length(np.frombuffer(octets, np.uint8), before, before + present)
    assert found == (words * 4 if can_be else 0)


@pytest.mark.parametrize("options", range(0, 44, 4))
def test_a_header_says_how_long_its_options_make_it(options: int) -> None:
    out = np.full(70, 0x55, np.uint8)
    tcp.put_header(out, 5, 0x00500051, 1, 2, tcp.HEADER + options, 2, 3, 0)
    read = dpkt.tcp.TCP(out[5 : 5 + tcp.HEADER + options].tobytes())
    assert (read.off * 4, read.sport, read.dport, read.flags) == (tcp.HEADER + options, 80, 81, 2)
    assert read.opts == b"\x55" * options  # they are the caller's
    assert set(out[:5]) == set(out[5 + tcp.HEADER :]) == {0x55}
