"""UDP headers are written as dpkt writes them, checksums included, and a datagram ends where it says, as far as there is
something."""

from __future__ import annotations

import struct

import dpkt
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from ims.packet import udp
from ims.packet.checksum import ones_sum
from ims.packet.field_values import PROTOCOL_UDP
from ims.packet.transport import transport_header

from .written import finished, number, payloads, whole, word


@given(number, number, number, payloads)
@example(0, 0, 0xFFFF0000 - 17 - 16 << 0, b"")
def test_udp(source: int, destination: int, ports: int, payload: bytes) -> None:
    out = np.frombuffer(bytes(udp.HEADER) + payload, np.uint8).copy()
    total = udp.put_header(out, 0, ports, out.size)
    assert total % 0xFFFF == ones_sum(out, 0, udp.HEADER) % 0xFFFF
    found = finished(out, udp.HEADER, udp.CHECKSUM, PROTOCOL_UDP, total, source, destination)
    expected = dpkt.udp.UDP(sport=ports >> 16, dport=ports & 0xFFFF, ulen=out.size)
    assert found == whole(PROTOCOL_UDP, source, destination, expected, payload)
    assert found[6:8] != b"\0\0"
    assert transport_header(out, 0, out.size, PROTOCOL_UDP) == udp.HEADER
    assert udp.datagram_end(out, 0, 1000) == out.size


def datagram(length: int) -> np.ndarray:
    return np.frombuffer(b"\xff\xff" + struct.pack(">HHHH", 53, 54, length, 0) + bytes(100), np.uint8)


@given(word | st.integers(0, 9), st.integers(0, 100))
@example(0, 8)
def test_a_header_shorter_than_itself_is_none_but_zero_says_nothing(length: int, present: int) -> None:
    lies = 1 <= length <= 7
    assert udp.header_length(datagram(length), 2, 2 + present) == (0 if lies or present < 8 else 8)


@given(word | st.integers(8, 110), st.integers(8, 100))
@example(0, 50)
def test_a_datagram_ends_where_it_says_or_where_the_packet_does(length: int, present: int) -> None:
    """A length of 0 is of one whose segmentation was left to hardware."""
    assert udp.datagram_end(datagram(length), 2, 2 + present) == 2 + (min(length, present) if length else present)
