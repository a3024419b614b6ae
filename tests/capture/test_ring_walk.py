"""A block of an AF_PACKET ring, laid out by linux/if_packet.h, gives its frames and what the kernel says beside them; one
that lies gives nothing from outside itself."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.capture.ring_walk import Aside, walk_block
from ims.capture.source import empty_frames
from ims.packet.link_types import ETHERNET, RAW

from ..effort import examples

MAC, NET = 82, 96
"""Where the kernel puts a frame of Ethernet and its IP header: behind a header of 68 octets, aligned."""
CHECKSUM_NOT_READY, VLAN_VALID, VLAN_TPID_VALID = 8, 16, 64
HOST, BROADCAST, OUTGOING = 0, 1, 4
SIZE = 1 << 12


class Held(NamedTuple):
    """What is found of a frame."""

    octets: bytes
    length: int
    time: int
    link: int
    offloaded: int
    vlan: int
    kind: int


def frame(
    octets: bytes, *, seconds: int = 0, nanos: int = 0, length: int | None = None, status: int = 1, kind: int = HOST,
    tci: int = 0, tpid: int = 0, mac: int = MAC, net: int = NET, captured: int | None = None, step: int | None = None,
) -> bytes:  # fmt: skip
    """A tpacket3_hdr, its sockaddr_ll and the frame, padded to 8 octets."""
    captured = len(octets) if captured is None else captured
    whole = MAC + len(octets) + (-(MAC + len(octets)) % 8)
    header = struct.pack(
        "<6I2H", whole if step is None else step, seconds, nanos, captured,
        captured if length is None else length, status, mac, net,
    ) + struct.pack("<IIHH8x", 0, tci, tpid, 0)  # hash, VLAN, padding  # fmt: skip
    address = struct.pack("<HHiHBB8s", 17, 0x0008, 2, 1, kind, 6, bytes(8))
    assert len(header) == 48
    return (header + address).ljust(MAC, b"\0") + octets + bytes(whole - MAC - len(octets))


def block(*frames: bytes, count: int | None = None, first: int = 48, size: int = SIZE) -> np.ndarray:
    """A tpacket_block_desc and its frames, between octets that are none of its business."""
    count = len(frames) if count is None else count
    head = struct.pack("<IIIIII", 1, 0, 1, count, first, 48 + sum(map(len, frames))).ljust(48, b"\0")
    return np.frombuffer(b"\xff" * 64 + (head + b"".join(frames)).ljust(size, b"\0") + b"\xff" * 64, np.uint8).copy()


def walked(octets: Any, link: int = ETHERNET, capacity: int = 16, before: int = 0) -> list[Held]:
    frames = empty_frames(octets, capacity)
    aside = Aside(np.zeros(capacity, np.uint32), np.zeros(capacity, np.uint8))
    count = int(walk_block(octets, 64, octets.size - 128, link, link == RAW, frames, aside, before))
    held = []
    for row in range(before, count):
        begin, captured = int(frames.offset[row]), int(frames.captured[row])
        assert 64 <= begin <= begin + captured <= octets.size - 64
        others = (frames.length, frames.time, frames.link, frames.offloaded, aside.vlan, aside.kind)
        held.append(Held(octets[begin : begin + captured].tobytes(), *(int(column[row]) for column in others)))
    return held


def test_frames_come_in_order_with_all_that_the_kernel_says() -> None:
    found = walked(
        block(
            frame(b"first of all, 14 + x", seconds=2**32 - 1, nanos=999_999_999, length=90),
            frame(b"tagged", status=1 | VLAN_VALID, tci=0x2007, kind=BROADCAST),
            frame(b"doubly tagged", status=1 | VLAN_VALID | VLAN_TPID_VALID, tci=5, tpid=0x88A8),
            frame(b"left to the card", status=1 | CHECKSUM_NOT_READY, tci=7, tpid=0x8100),
        )
    )
    assert found == [
        Held(b"first of all, 14 + x", 90, 2**32 * 10**9 - 1, ETHERNET, 0, 0, HOST),
        Held(b"tagged", 6, 0, ETHERNET, 0, 0x81002007, BROADCAST),
        Held(b"doubly tagged", 13, 0, ETHERNET, 0, 0x88A80005, HOST),
        Held(b"left to the card", 16, 0, ETHERNET, 1, 0, HOST),
    ]


def test_frames_of_ours_on_their_way_out_are_left_out() -> None:
    found = walked(block(frame(b"in"), frame(b"out", kind=OUTGOING), frame(b"in too")))
    assert [held.octets for held in found] == [b"in", b"in too"]


def test_of_a_tunnel_frames_begin_at_their_ip_header() -> None:
    [held] = walked(block(frame(bytes(14) + b"\x45 packet", length=100)), link=RAW)
    assert (held.octets, held.length, held.link) == (b"\x45 packet", 86, RAW)
    [held] = walked(block(frame(b"\x45 packet", net=MAC)), link=RAW)
    assert held.octets == b"\x45 packet"
    assert walked(block(frame(b"short")), link=RAW) == []  # its IP header lies behind its end


def test_blocks_are_added_to_those_before_as_long_as_there_are_columns() -> None:
    octets = block(*(frame(bytes([number])) for number in range(5)))
    assert [held.octets for held in walked(octets, before=2)] == [bytes([number]) for number in range(5)]
    assert [held.octets for held in walked(octets, capacity=4, before=2)] == [b"\0", b"\1"]


@pytest.mark.parametrize(
    "lie",
    [
        frame(b"x", captured=SIZE), frame(b"x", captured=2**32 - 1), frame(b"x", mac=0xFFFF), frame(b"x")[:40],
    ],
    ids=range(4),
)  # fmt: skip
def test_a_frame_that_reaches_beyond_its_block_ends_it(lie: bytes) -> None:
    octets = block(frame(b"good"), lie, size=48 + 88 + len(lie) if len(lie) == 40 else SIZE, count=2)
    assert [held.octets for held in walked(octets)] == [b"good"]


def test_a_frame_without_a_next_one_is_the_last() -> None:
    assert len(walked(block(frame(b"a"), frame(b"b", step=0), frame(b"c")))) == 2


@given(st.data())
@settings(max_examples=examples(400, 80))
def test_whatever_a_block_says_nothing_outside_it_is_given(data: st.DataObject) -> None:
    octets = block(*(frame(b"some frame's octets") for _ in range(4)), size=600)
    for _ in range(data.draw(st.integers(0, 6))):
        at = 64 + data.draw(st.integers(8, 550))
        octets[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
    walked(octets, data.draw(st.sampled_from([ETHERNET, RAW])))  # which checks where each lies
