"""A walk through pcapng blocks gives each packet by its interface's clock, leaves to its caller what isn't a packet's, and
stays within its octets whatever they are."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.capture.pcap_walk import LARGEST_CAPTURED
from ims.capture.pcapng_walk import (
    DAMAGED,
    FULL,
    MORE,
    NO_LINK,
    READ,
    Interfaces,
    dropped_before,
    nanoseconds,
    walk_pcapng,
)
from ims.capture.source import empty_frames

from . import writers as w
from .hostile import NUMBERS, assert_walked, blocks, drawn_buffer, numbers_and_octets
from .test_pcapng import RESOLUTIONS, both_orders, time_of
from .writers import Packet, enhanced, old_packet, option, options, simple

DROPS = 4


def known() -> Interfaces:
    """Two interfaces: microseconds of link 1, cut at 8 octets; nanoseconds of link 101, an hour ahead."""
    return Interfaces(
        np.array([1, 101], np.uint16), np.array([8, 0]), np.array([6, 9], np.uint8), np.array([0, 3600]),
        np.zeros(2, np.int64),
    )  # fmt: skip


def walked(octets: bytes, order: str = "<", capacity: int = 64, interfaces: Interfaces | None = None) -> Any:
    """(packets, result) of a walk through all of the octets."""
    frames, result = empty_frames(np.frombuffer(octets, np.uint8), capacity), np.zeros(4, np.int64)
    count = walk_pcapng(frames.octets, 0, len(octets), order == ">", interfaces or known(), 2, 1 << 20, frames, result)
    packets = []
    for row in range(count):
        begin = int(frames.offset[row])
        content = octets[begin : begin + int(frames.captured[row])]
        packets.append(Packet(int(frames.time[row]), int(frames.link[row]), content, int(frames.length[row])))
    return packets, result.tolist()


@both_orders
def test_packets_of_every_kind_come_by_their_interface_s_clock(order: str) -> None:
    octets = (
        enhanced(0, 5_000_001, b"abc", 9, order) + block_of_names(order) + old_packet(1, 7, b"de", order=order)
        + simple(b"12345678", 20, order) + enhanced(2, 1, b"x", order=order)
    )  # fmt: skip
    found, (at, why, _, untimely) = walked(octets, order)
    assert found == [
        Packet(5_000_001_000, 1, b"abc", 9),
        Packet(3600 * 10**9 + 7, 101, b"de", 2),
        Packet(0, 1, b"12345678", 20),
        Packet(0, NO_LINK, b"x", 1),
    ]
    assert (at, why, untimely) == (len(octets), MORE, 0)


def block_of_names(order: str) -> bytes:
    return w.block(w.NAMES, b"unknown to a walk", order)


@both_orders
@pytest.mark.parametrize("kind", [w.SECTION, w.INTERFACE, w.STATISTICS])
def test_what_is_no_packet_s_is_left_to_the_caller(order: str, kind: int) -> None:
    before = enhanced(0, 1, b"abc", order=order)
    found, (at, why, length, _) = walked(before + w.block(kind, bytes(20), order) + before, order)
    assert (len(found), at, why, length) == (1, len(before), READ, 32)


def test_a_walk_whose_columns_are_full_goes_on_where_it_stopped() -> None:
    each = [enhanced(1, number, bytes(number)) for number in range(5)]
    found, (at, why, *_) = walked(b"".join(each), capacity=3)
    assert (len(found), at, why) == (3, len(b"".join(each[:3])), FULL)


@pytest.mark.parametrize(
    "lie",
    [
        w.block(w.PACKET, bytes(20), total=30), w.block(w.PACKET, bytes(20), total=8),
        w.block(w.PACKET, bytes(20), trailer=36), w.block(w.PACKET, bytes(16)), enhanced(0, 0, b"abc", captured=5),
        w.block(w.SIMPLE_PACKET, b""), enhanced(0, 0, bytes(LARGEST_CAPTURED + 1)),
    ],
    ids=range(7),
)  # fmt: skip
def test_a_block_that_lies_ends_the_walk_before_it(lie: bytes) -> None:
    before = enhanced(0, 1, b"abc")
    found, (at, why, *_) = walked(before + lie + before)
    assert (len(found), at, why) == (1, len(before), DAMAGED)


@both_orders
@given(count=st.integers(0, 2**64 - 1), comment=st.binary(max_size=9))
def test_drops_are_found_behind_other_options_and_stay_a_number_that_can_be_added(
    order: str, count: int, comment: bytes
) -> None:
    end = options(option(1, comment, order), option(DROPS, struct.pack(order + "Q", count), order))
    octets = np.frombuffer(end, np.uint8)
    found = int(dropped_before(octets, 0, octets.size, order == ">"))
    assert found == min(count >> 32, 0xFFFF) << 32 | count & 0xFFFF_FFFF
    assert dropped_before(octets, 0, octets.size - 9, order == ">") == 0  # its value isn't all there
    interfaces = known()
    walked(enhanced(1, 0, b"abc", order=order, end=end) * 3, order, interfaces=interfaces)
    assert interfaces.dropped.tolist() == [0, 3 * found]


@both_orders
@given(data=st.data(), capacity=st.integers(1, 5), known=st.integers(0, 3))
def test_a_walk_through_pcapng_stays_within_its_octets(order, data, capacity, known):
    octets, begin, end = drawn_buffer(data, data.draw(st.one_of(blocks(order), numbers_and_octets(order))))
    frames, result = empty_frames(octets, capacity), np.zeros(4, np.int64)
    each = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3)
    interfaces = Interfaces(
        np.array([1, 101, 113], np.uint16),
        np.array(data.draw(st.lists(NUMBERS, min_size=3, max_size=3)), np.int64),
        np.frombuffer(data.draw(st.binary(min_size=3, max_size=3)), np.uint8).copy(),
        np.array(data.draw(each), np.int64),
        np.zeros(3, np.int64),
    )
    largest = data.draw(st.sampled_from([12, 100, 1 << 20]))
    count = walk_pcapng(octets, begin, end, order == ">", interfaces, known, largest, frames, result)
    assert_walked(octets, begin, end, frames, count, result)
    assert set(frames.link[:count].tolist()) <= {*interfaces.link[:known].tolist(), NO_LINK}


@given(units=st.integers(0, 2**64 - 1), resolution=RESOLUTIONS, offset=st.integers(-(2**60), 2**60))
def test_every_resolution_and_offset_gives_the_nanosecond(units, resolution, offset):
    found = nanoseconds(np.int64(units >> 32), np.int64(units & 0xFFFF_FFFF), np.uint8(resolution), np.int64(offset))
    assert found == time_of(units, resolution, offset)


@given(time_ns=st.integers(0, 2**62), exponent=st.integers(30, 33))
def test_the_nanosecond_survives_in_a_power_of_two(time_ns, exponent):
    units = -(-time_ns * 2**exponent // 10**9)
    resolution = np.uint8(0x80 | exponent)
    if units < 2**64:
        found = nanoseconds(np.int64(units >> 32), np.int64(units & 0xFFFF_FFFF), resolution, np.int64(0))
        assert found == time_ns
