"""A walk through ERF records gives each packet by its type, says why it stopped and where it goes on, and stays within its
octets whatever they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.capture.erf_walk import META, PAD, walk_erf
from ims.capture.pcap_walk import DAMAGED, FULL, MORE, ZEROS
from ims.capture.source import empty_frames

from .hostile import assert_walked, drawn_buffer, numbers_and_octets
from .test_erf import BEGIN, CISCO, ETHERNET, FRAME, PPP, SECOND, record


def walked(octets: bytes, capacity: int = 64) -> Any:
    """((time, link, octets, length) of each frame, result) of a walk through all of the octets."""
    frames, result = empty_frames(np.frombuffer(octets, np.uint8), capacity), np.zeros(4, np.int64)
    count = walk_erf(frames.octets, 0, len(octets), frames, result)
    found = []
    for row in range(count):
        begin = int(frames.offset[row])
        content = octets[begin : begin + int(frames.captured[row])]
        found.append((int(frames.time[row]), int(frames.link[row]), content, int(frames.length[row])))
    return found, result.tolist()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 * SECOND - 1).map(lambda time: time // 1000 * 1000), st.binary(min_size=1, max_size=60),
            st.integers(0, 3),
        ),
        max_size=20,
    )
)  # fmt: skip
def test_every_record_that_was_written_comes_with_its_time_and_octets(written: list[tuple[int, bytes, int]]) -> None:
    """Microseconds survive a fraction of 32 bits."""
    octets = b"".join(record(time, content, extensions=extensions) for time, content, extensions in written)
    found, (at, why, *_) = walked(octets or b"\0")
    assert [(time // 1000 * 1000, link) for time, link, _, _ in found] == [(time, ETHERNET) for time, _, _ in written]
    assert [content for *_, content, _ in found] == [content for _, content, _ in written]
    assert (at, why) == (len(octets), MORE)


def test_padding_and_metadata_are_no_frames_and_fill_no_columns() -> None:
    octets = record(BEGIN, b"", PAD) + record(BEGIN, FRAME) + record(0, bytes(8), META) + record(BEGIN, FRAME)
    found, (at, why, *_) = walked(octets, capacity=2)
    assert (len(found), at, why) == (2, len(octets), MORE)


def test_hdlc_is_ppp_where_it_begins_with_ppp_s_address() -> None:
    found, _ = walked(record(BEGIN, b"\xff\x03\0\x21E", 1) + record(BEGIN, b"\x0f\0\x08\0E", 1))
    assert [link for _, link, _, _ in found] == [PPP, CISCO]


def test_a_walk_whose_columns_are_full_goes_on_where_it_stopped() -> None:
    one = record(BEGIN, FRAME)
    found, (at, why, *_) = walked(one * 5, capacity=3)
    assert (len(found), at, why) == (3, 3 * len(one), FULL)


def test_losses_are_added_to_those_of_the_walks_before() -> None:
    octets = np.frombuffer(record(BEGIN, FRAME, lost=3) + record(BEGIN, FRAME, 11, lost=99), np.uint8)
    frames, result = empty_frames(octets, 8), np.array([0, 0, 0, 40])
    walk_erf(octets, 0, octets.size, frames, result)
    assert result[3] == 43


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (record(BEGIN, FRAME, 0), DAMAGED), (record(BEGIN, FRAME, 49), DAMAGED), (record(BEGIN, FRAME, total=15), DAMAGED),
        (record(BEGIN, FRAME, 9, total=16), DAMAGED), (bytes(32), ZEROS), (record(BEGIN, FRAME, total=500), MORE),
    ],
    ids=range(6),
)  # fmt: skip
def test_a_record_that_cannot_be_ends_the_walk_before_it(lie: bytes, reason: int) -> None:
    one = record(BEGIN, FRAME)
    found, (at, why, *_) = walked(one + lie + one)
    assert (len(found), at, why) == (1, len(one), reason)


@given(data=st.data(), capacity=st.integers(1, 5))
def test_a_walk_stays_within_its_octets(data, capacity):
    records = st.builds(
        record, st.integers(0, 2**32 * SECOND - 1), st.binary(max_size=40), st.integers(0, 60), st.integers(0, 99),
        st.integers(0, 9), st.integers(0, 3), st.sampled_from([None, None, None, 0, 15, 16, 17, 24, 65_535]),
    )  # fmt: skip
    made = st.one_of(st.lists(records, max_size=8).map(b"".join), numbers_and_octets(">"))
    octets, begin, end = drawn_buffer(data, data.draw(made))
    frames, result = empty_frames(octets, capacity), np.zeros(4, np.int64)
    count = walk_erf(octets, begin, end, frames, result)
    for row in range(count):
        frames.length[row] = max(frames.length[row], frames.captured[row])
    assert_walked(octets, begin, end, frames, count, result)
