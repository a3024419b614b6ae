"""The kernel filter, run by the kernel: it lets through what may be for a block, and nothing else."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.capture.afpacket import SO_ATTACH_FILTER
from ims.capture.bpf import RANGES, Program, joined, program

from ..decode.makers import MACS, ip, udp

MOST_INSTRUCTIONS = 4096
BLOCKS = [(0xC6336400, 0xC63364FF), (0xCB007100, 0xCB0071FF), (0x0A000000, 0x0AFFFFFF)]


class Kernel:
    """A pair of sockets, one of which has the filter: the kernel runs it over what is sent, from the first octet on, as
    over a frame with a link header."""

    def __init__(self, code: Program) -> None:
        self._sends, self._takes = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        octets = b"".join(struct.pack("HBBI", *each) for each in code)
        held = ctypes.create_string_buffer(octets, len(octets))
        request = struct.pack("HP", len(code), ctypes.addressof(held))
        self._takes.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, request)
        self._takes.setblocking(False)

    def accepts(self, frame: bytes) -> bool:
        try:
            self._sends.send(frame)
        except OSError:  # ECONNREFUSED or EPERM: how a filter's refusal shows here
            return False
        try:
            return self._takes.recv(65536) == frame
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._sends.close()
        self._takes.close()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def tagged(packet: bytes, tags: Sequence[int], kind: int = 0x0800) -> bytes:
    return MACS + b"".join(struct.pack(">HH", tag, 5) for tag in tags) + struct.pack(">H", kind) + packet


def arp(target: int) -> bytes:
    return struct.pack(">HHBBH6sI6sI", 1, 0x0800, 6, 4, 1, MACS[6:], 0xC6120001, bytes(6), target)


def inside(address: int, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(first <= address <= last for first, last in ranges)


addresses = st.one_of(
    st.integers(0, 2**32 - 1),
    st.sampled_from([edge + off for block in BLOCKS for edge in block for off in (-1, 0, 1)]),
)
tags = st.lists(st.sampled_from([0x8100, 0x88A8, 0x9100]), max_size=2)


@given(addresses, tags, st.booleans())
def test_packets_to_a_block_pass_and_no_others(destination: int, outer: list[int], options: bool) -> None:
    with Kernel(program(BLOCKS, True)) as kernel:
        packet = udp(destination=destination, options=4 if options else 0)
        assert kernel.accepts(tagged(packet, outer)) == inside(destination, BLOCKS)
        assert not kernel.accepts(tagged(packet, outer, 0x86DD))


@given(addresses, tags)
def test_arp_passes_where_the_sensor_answers_it(target: int, outer: list[int]) -> None:
    frame = tagged(arp(target), outer, 0x0806)
    with Kernel(program(BLOCKS, True, arp=True)) as kernel:
        assert kernel.accepts(frame) == inside(target, BLOCKS)
    with Kernel(program(BLOCKS, True)) as kernel:
        assert not kernel.accepts(frame)


OTHERS = 0x01020304
EACH = {"arp": True, "unwrap": ["gre", "ipip", "vxlan", "vxlan:8472", "geneve"]}


def wrapped(options: int = 0) -> Iterator[tuple[str, bytes]]:
    inner, ends = udp(destination=BLOCKS[0][0]), {"destination": OTHERS, "options": options}
    yield "ipip", ip(4, inner, **ends)
    yield "gre", ip(47, b"\0\0\x08\0" + inner, **ends)
    yield "vxlan", udp(b"\x08" + bytes(7) + tagged(inner, []), port=4789, **ends)
    yield "vxlan:8472", udp(b"\x08" + bytes(7) + tagged(inner, []), port=8472, **ends)
    yield "geneve", udp(b"\0\0\x65\x58" + bytes(4) + tagged(inner, []), port=6081, **ends)


@pytest.mark.parametrize("options", range(0, 41, 4))
@pytest.mark.parametrize("outer", [[], [0x8100], [0x88A8, 0x8100]], ids=["no tag", "one", "two"])
def test_a_tunnel_s_packets_pass_where_it_is_taken_off(outer: list[int], options: int) -> None:
    for name, packet in wrapped(options):
        with Kernel(program(BLOCKS, True, unwrap=[name])) as kernel:
            assert kernel.accepts(tagged(packet, outer)), name
            assert not kernel.accepts(tagged(udp(destination=OTHERS, options=options), outer))
        with Kernel(program(BLOCKS, True)) as kernel:
            assert not kernel.accepts(tagged(packet, outer))


def test_options_that_hold_a_tunnel_s_port_are_none() -> None:
    """Where the port would be behind a header of 20 octets."""
    packet = bytearray(udp(destination=OTHERS, options=8))
    packet[22:24] = struct.pack(">H", 4789)
    with Kernel(program(BLOCKS, True, unwrap=["vxlan"])) as kernel:
        assert not kernel.accepts(tagged(bytes(packet), []))


@given(addresses, tags, st.integers(0, 40), st.integers(0, 15))
def test_whatever_is_cut_a_packet_to_a_block_passes(destination: int, outer: list[int], kept: int, words: int) -> None:
    """Nothing but the address need be there: no ports, and no options that the header's length claims."""
    packet = bytes([0x40 | words]) + udp(destination=destination, port=9)[1:20] + bytes(kept)
    with Kernel(program(BLOCKS, True, **EACH)) as kernel:
        if inside(destination, BLOCKS):
            assert kernel.accepts(tagged(packet, outer))
        elif words >= 5:
            assert not kernel.accepts(tagged(packet, outer))


def test_later_fragments_of_udp_pass_where_a_tunnel_over_it_is_taken_off() -> None:
    """They have no ports, and are counted."""
    for fragment in (1, 0x1FFF, 0x2001):
        later = tagged(ip(17, b"what follows", destination=OTHERS, fragment=fragment), [])
        tcp = tagged(ip(6, b"what follows", destination=OTHERS, fragment=fragment), [])
        with Kernel(program(BLOCKS, True, unwrap=["geneve"])) as kernel:
            assert kernel.accepts(later) and not kernel.accepts(tcp)
        with Kernel(program(BLOCKS, True, unwrap=["gre"])) as kernel:
            assert not kernel.accepts(later)
    whole = tagged(ip(17, b"\0\1\0\2what follows", destination=OTHERS, fragment=0x4000), [])
    with Kernel(program(BLOCKS, True, unwrap=["geneve"])) as kernel:
        assert not kernel.accepts(whole)


@given(addresses, tags)
def test_arp_is_no_tunnel(target: int, outer: list[int]) -> None:
    """An address of a sender may look like a protocol and a port."""
    frame = bytearray(tagged(arp(target), outer, 0x0806))
    with Kernel(program(BLOCKS, True, **EACH)) as kernel:
        for protocol in (4, 17, 47):
            at = len(frame) - 28
            frame[at + 9] = protocol
            assert kernel.accepts(bytes(frame)) == inside(target, BLOCKS)


@given(st.lists(st.tuples(addresses, st.integers(0, 3000)), min_size=1, max_size=40), st.lists(addresses, max_size=20))
def test_any_ranges(begins: list[tuple[int, int]], asked: list[int]) -> None:
    ranges = [(first, min(first + size, 2**32 - 1)) for first, size in begins]
    with Kernel(program(ranges, True)) as kernel:
        for address in [*asked, *(first for first, _ in ranges), *(last for _, last in ranges)]:
            assert kernel.accepts(tagged(udp(destination=address), [])) == inside(address, ranges)


def test_more_ranges_than_fit_are_joined_where_they_are_closest() -> None:
    networks = [int(ipaddress.IPv4Address("11.0.0.0")) + 512 * number for number in range(3 * RANGES)]
    ranges = [(first, first + 255) for first in networks]
    code = program(ranges, True, arp=True, unwrap=["gre", "ipip", "vxlan"])
    assert len(code) <= MOST_INSTRUCTIONS
    assert len(joined(ranges)) == RANGES
    with Kernel(code) as kernel:
        assert all(kernel.accepts(tagged(udp(destination=first + 7), [])) for first, _ in ranges)
        assert not kernel.accepts(tagged(udp(destination=networks[0] - 1), []))


@given(st.binary(max_size=80))
def test_whatever_comes_the_kernel_is_not_confused(octets: bytes) -> None:
    with Kernel(program(BLOCKS, True, arp=True, unwrap=["gre", "vxlan"])) as kernel:
        kernel.accepts(octets or b"?")
        assert kernel.accepts(tagged(udp(destination=BLOCKS[0][1]), []))
