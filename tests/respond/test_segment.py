"""Replies are written as dpkt writes them, checksums included, and never in more than 60 octets."""

from __future__ import annotations

import dpkt
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.respond.segment import LARGEST, TTL, put_echo_reply, put_tcp

from ..decode.makers import ethernet, icmp
from .answers import Desk

word, number = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
AT = 7


def packet_of(out: np.ndarray, length: int) -> bytes:
    """What was written, and nothing was beside it."""
    assert length <= LARGEST
    assert set(out[:AT].tolist()) == set(out[AT + LARGEST :].tolist()) == {0x55}
    return out[AT : AT + length].tobytes()


def by_dpkt(source: int, destination: int, protocol: int, transport: object) -> bytes:
    packet = dpkt.ip.IP(
        src=source.to_bytes(4, "big"), dst=destination.to_bytes(4, "big"), p=protocol, ttl=TTL, id=0, data=transport
    )
    packet.df = 1
    packet.len = len(packet)
    return bytes(packet)


@given(number, number, number, number, number, st.integers(0, 0x1FF), word, st.binary(max_size=20))
def test_a_segment_is_dpkt_s(
    source: int, destination: int, ports: int, sequence: int, acknowledgment: int, flags: int, window: int,
    options: bytes,
) -> None:  # fmt: skip
    options = options[: len(options) // 4 * 4]
    out = np.full(AT + LARGEST + 5, 0x55, np.uint8)
    out[AT + 40 : AT + 40 + len(options)] = list(options)
    length = put_tcp(out, AT, source, destination, ports, sequence, acknowledgment, flags, window, len(options))
    theirs = dpkt.tcp.TCP(
        sport=ports & 0xFFFF, dport=ports >> 16, seq=sequence, ack=acknowledgment, win=window, opts=options
    )
    theirs._off_flags = 5 + len(options) // 4 << 12 | flags
    assert packet_of(out, length) == by_dpkt(destination, source, 6, theirs)


@given(number, number, st.binary(min_size=5, max_size=90))
def test_an_echo_s_reply_is_dpkt_s_with_as_much_of_its_data_as_fits(
    source: int, destination: int, asked: bytes
) -> None:
    """From the fifth octet on a request is answered with what it says."""
    asked = b"\x08\0\xff\xff" + asked.rjust(5, b"\1")
    out = np.full(AT + LARGEST + 5, 0x55, np.uint8)
    octets = np.frombuffer(b"\xee" * 3 + asked, np.uint8)
    length = int(put_echo_reply(out, AT, source, destination, octets, 3, len(asked)))
    assert length == min(20 + len(asked), 60)
    found = packet_of(out, length)
    body = b"\0\0\0\0" + asked[4 : length - 20]
    checksum = dpkt.in_cksum(body).to_bytes(2, "big")
    if any(body):
        assert found[20:] == body[:2] + checksum + body[4:]
    assert found[:20] == by_dpkt(source, destination, 1, body)[:20]


def test_an_echo_of_zeros_has_a_checksum_of_ones() -> None:
    [frame] = Desk(echo=True).answer(ethernet(icmp(8, rest=0, payload=b"")))
    assert frame[34:] == b"\0\0\xff\xff\0\0\0\0"
