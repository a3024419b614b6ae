"""Addresses distinguished by marks, against Python's sets and numpy's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ims.query.distinct.bitmap import MARKS, PLACES, by_eight, mark, marked, no_recent, unlike_before

from ...effort import examples

ADDRESSES = st.lists(st.one_of(st.integers(0, 0xFFFF_FFFF), st.sampled_from([0, 1, 63, 64, 0xFF_FFFF, 0xFFFF_FFFF])))


def numbers(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint32)


@given(st.lists(st.integers(0, 4095)), st.integers(0, 255))
@settings(max_examples=examples(30, 10), deadline=None)
def test_marks_give_each_address_once_and_in_order_and_are_wiped(values: list[int], eight: int) -> None:
    check_marks(values, eight, words=64)


def test_a_whole_eight_has_room() -> None:
    check_marks([0xFFFF_FFFF, 0, 0xFF_FFFF, 63, 64, 0x1200_0000], 255, words=MARKS)


def check_marks(values: list[int], eight: int, words: int) -> None:
    marks, inside = np.zeros(words, np.uint64), [value & 0xFFFFFF for value in values]
    wanted = sorted({(eight << 24) | value for value in inside})
    mark(marks, numbers(values))
    found = np.zeros(len(wanted) + 2, np.uint32)
    assert marked(marks, eight, PLACES, found, 1) == len(wanted) + 1
    assert found[1 : len(wanted) + 1].tolist() == wanted
    assert not marks.any()


def test_a_place_too_short_is_said_and_nothing_is_written_behind_it() -> None:
    marks = np.zeros(1, np.uint64)
    mark(marks, numbers([1, 2, 3]))
    found = np.zeros(4, np.uint32)
    assert marked(marks, 0, PLACES, found[:2], 0) == -1
    assert found.tolist() == [1, 2, 0, 0]


@pytest.mark.parametrize("bit", range(64))
def test_every_bit_of_a_word_is_told(bit: int) -> None:
    marks, found = np.zeros(2, np.uint64), np.zeros(1, np.uint32)
    marks[1] = np.uint64(1 << bit)
    assert (marked(marks, 0, PLACES, found, 0), found[0]) == (1, 64 + bit)


@given(ADDRESSES)
@settings(max_examples=examples(100, 20), deadline=None)
def test_addresses_come_in_the_order_of_their_first_octet(values: list[int]) -> None:
    ends, ordered = np.empty(256, np.int64), np.empty(len(values), np.uint32)
    by_eight(numbers(values), ends, ordered)
    assert ordered.tolist() == sorted(values, key=lambda value: value >> 24)
    assert ends.tolist() == [sum(value >> 24 <= eight for value in values) for eight in range(256)]


@given(st.lists(ADDRESSES, max_size=5))
@example([[0], [0, 1], [1, 0]])
@settings(max_examples=examples(50, 10), deadline=None)
def test_what_is_left_out_came_before(batches: list[list[int]]) -> None:
    recent, seen = no_recent(), set()
    for batch in batches:
        found = np.empty(len(batch), np.uint32)
        kept = found[: unlike_before(numbers(batch), recent, found)].tolist()
        assert set(batch) <= seen | set(kept)
        assert set(kept) <= set(batch)
        seen |= set(batch)


def test_one_address_again_and_again_is_kept_once() -> None:
    recent, found = no_recent(), np.empty(1000, np.uint32)
    assert unlike_before(np.full(1000, 7, np.uint32), recent, found) == 1
