"""TCP, UDP and ICMP are written as dpkt writes them, checksums included, and their headers are read as they were meant."""

from __future__ import annotations

import dpkt
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ims.packet import icmp, tcp, udp
from ims.packet.checksum import ones_sum, pseudo_header
from ims.packet.field_values import FLAG_LETTERS, FLAGS, NS, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP
from ims.packet.transport import put_checksum, transport_header

octet, word, number = st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
payloads = st.binary(max_size=64)


def whole(protocol: int, source: int, destination: int, transport: object, payload: bytes) -> bytes:
    """What dpkt makes of it, with the checksum that it works out."""
    transport.data = payload  # type: ignore[attr-defined]
    packet = dpkt.ip.IP(src=source.to_bytes(4, "big"), dst=destination.to_bytes(4, "big"), p=protocol, data=transport)
    packet.len = len(packet)
    return bytes(packet)[20:]


def finished(
    out: np.ndarray, header: int, field: int, protocol: int, total: int, source: int, destination: int
) -> bytes:
    """What was written, with the checksum that belongs to it."""
    total += ones_sum(out, header, out.size - header)
    if protocol != PROTOCOL_ICMP:
        total += pseudo_header(source, destination, protocol, out.size)
    put_checksum(out, field, protocol, total)
    return out.tobytes()


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


def test_a_udp_checksum_of_zero_is_written_as_ones() -> None:
    out = np.zeros(8, np.uint8)
    put_checksum(out, 6, PROTOCOL_UDP, 0xFFFF)
    assert out[6:].tolist() == [0xFF, 0xFF]
    put_checksum(out, 6, PROTOCOL_TCP, 0xFFFF)
    assert out[6:].tolist() == [0, 0]


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


@pytest.mark.parametrize(("protocol", "least"), [(PROTOCOL_TCP, 20), (PROTOCOL_UDP, 8), (PROTOCOL_ICMP, 8)])
def test_a_header_that_is_cut_or_lies_has_no_length(protocol: int, least: int) -> None:
    out = np.zeros(60, np.uint8)
    tcp.put_header(out, 0, 0, 0, 0, 60 if protocol == PROTOCOL_TCP else 20, 0, 0, 0)
    assert transport_header(out, 0, least - 1, protocol) == 0
    if protocol == PROTOCOL_TCP:
        assert (transport_header(out, 0, 59, protocol), transport_header(out, 0, 60, protocol)) == (0, 60)
        out[12] = 4 << 4
        assert transport_header(out, 0, 60, protocol) == 0
    if protocol == PROTOCOL_UDP:
        for length, header in ((0, 8), (7, 0), (1, 0), (8, 8), (999, 8)):
            udp.put_header(out, 0, 0, length)
            assert transport_header(out, 0, 60, protocol) == header


def test_flags_have_a_letter_each() -> None:
    assert len(FLAG_LETTERS) == 9 and NS == 1 << 8 and FLAGS == 2 * NS - 1
