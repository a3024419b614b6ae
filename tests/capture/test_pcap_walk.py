"""A walk through pcap records gives each record's frame, says why it stopped and where it goes on, and stays within its
octets whatever they are."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.capture.pcap_walk import (
    CAPTURED_FIRST,
    DAMAGED,
    FULL,
    LARGEST_CAPTURED,
    LENGTH_FIRST,
    MORE,
    SMALLER_FIRST,
    ZEROS,
    walk_pcap,
)
from ims.capture.source import empty_frames

from . import writers as w
from .hostile import assert_walked, drawn_buffer, numbers_and_octets
from .test_pcap import every_form
from .writers import Packet, packet_lists, pcap_record

LINK = 113


def walked(
    octets: bytes, order: str = "<", capacity: int = 64, header: int = 16, unit: int = 1, lengths: int = 0
) -> Any:
    """(packets, result) of a walk through all of the octets."""
    frames, result = empty_frames(np.frombuffer(octets or b"\0", np.uint8), capacity), np.zeros(3, np.int64)
    count = walk_pcap(frames.octets, 0, len(octets), order == ">", header, unit, LINK, frames, result, lengths)
    ends = zip(frames.offset[:count], frames.offset[:count] + frames.captured[:count], strict=True)
    packets = [
        Packet(int(frames.time[row]), int(frames.link[row]), octets[begin:end], int(frames.length[row]))
        for row, (begin, end) in enumerate(ends)
    ]
    return packets, result.tolist()


@every_form
@given(packets=packet_lists(link=LINK, unit=1000))
def test_every_record_that_was_written_comes_with_its_time_and_lengths(
    order: str, magic: int, packets: list[Packet]
) -> None:
    octets = b"".join(pcap_record(packet, order, magic) for packet in packets)
    header, unit = 24 if magic == w.MODIFIED else 16, 1 if magic == w.NANO else 1000
    found, (at, why, _) = walked(octets, order, header=header, unit=unit)
    assert found == packets
    assert (at, why) == (len(octets), MORE)


def test_a_walk_whose_columns_are_full_goes_on_where_it_stopped() -> None:
    each = [Packet(number * 1000, LINK, bytes([number] * number), number) for number in range(1, 8)]
    octets = b"".join(map(pcap_record, each))
    found, begin, reasons = [], 0, []
    while begin < len(octets):
        packets, (at, why, _) = walked(octets[begin:], capacity=3, unit=1000)
        found += packets
        begin += at
        reasons.append(why)
    assert found == each
    assert reasons == [FULL, FULL, MORE]


@pytest.mark.parametrize("cut", [1, 15, 16, 20])
def test_a_record_that_is_not_all_there_is_left_for_the_next_walk(cut: int) -> None:
    whole = pcap_record(Packet(1000, LINK, b"12345", 5))
    found, (at, why, _) = walked(whole + whole[:cut])
    assert (len(found), at, why) == (1, len(whole), MORE)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (struct.pack("<IIII", 1, 2, LARGEST_CAPTURED + 1, 5), DAMAGED),
        (struct.pack("<IIII", 1, 2, 2**32 - 1, 5), DAMAGED),
        (bytes(16), ZEROS),
        (struct.pack("<IIII", 0, 0, LARGEST_CAPTURED, 0), MORE),
    ],
)
def test_a_record_that_cannot_be_ends_the_walk_before_it(record: bytes, reason: int) -> None:
    whole = pcap_record(Packet(1000, LINK, b"12345", 5))
    found, (at, why, claimed) = walked(whole + record + bytes(50))
    assert (len(found), at, why) == (1, len(whole), reason)
    if reason == DAMAGED:
        assert claimed == struct.unpack("<I", record[8:12])[0]


@pytest.mark.parametrize(
    ("lengths", "first", "second", "wire"),
    [
        (CAPTURED_FIRST, 5, 90, 90), (LENGTH_FIRST, 90, 5, 90), (SMALLER_FIRST, 90, 5, 90), (SMALLER_FIRST, 5, 90, 90),
        (CAPTURED_FIRST, 5, 3, 5),
    ],
)  # fmt: skip
def test_the_captured_length_stands_where_the_writer_put_it(lengths: int, first: int, second: int, wire: int) -> None:
    [packet], _ = walked(struct.pack("<IIII", 1, 2, first, second) + b"12345", lengths=lengths)
    assert (packet.octets, packet.length) == (b"12345", wire)


@every_form
@given(data=st.data(), capacity=st.integers(1, 5))
def test_a_walk_through_pcap_stays_within_its_octets(order, magic, data, capacity):
    octets, begin, end = drawn_buffer(data, data.draw(numbers_and_octets(order)))
    frames, result = empty_frames(octets, capacity), np.zeros(3, np.int64)
    header = 24 if magic == w.MODIFIED else 16
    lengths = data.draw(st.integers(0, 2))
    count = walk_pcap(octets, begin, end, order == ">", header, 1, 1, frames, result, lengths)
    assert_walked(octets, begin, end, frames, count, result)
    assert (result[1] == FULL) <= (count == capacity)
