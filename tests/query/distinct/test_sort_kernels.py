"""Kernels over ascending numbers, one by one, against Python's own."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.query.distinct.sort_kernels import merge, once, pack

MOST, ADDRESS = (1 << 64) - 1, 0xFFFF_FFFF
WORDS = st.one_of(st.integers(0, MOST), st.integers(0, 9), st.sampled_from([0, 1, 1 << 63, MOST - 1, MOST]))
LISTS = st.lists(WORDS, max_size=60)
ADDRESSES = st.one_of(st.integers(0, ADDRESS), st.sampled_from([0, 1, 255, 256, ADDRESS - 1, ADDRESS]))
ROWS = st.lists(st.tuples(st.integers(-(1 << 62), 1 << 62), ADDRESSES))


def numbers(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint64)


def counts_of(values: list[int], counted: bool) -> np.ndarray:
    return np.array([count for _, count in sorted(Counter(values).items())] if counted else [], np.uint32)


@given(LISTS, st.booleans())
def test_each_of_ascending_numbers_once(values: list[int], counted: bool) -> None:
    ascending, counts = numbers(sorted(values)), np.empty(len(values) if counted else 0, np.uint32)
    found = np.empty_like(ascending)
    length = once(ascending, found, counts)
    assert found[:length].tolist() == sorted(set(values))
    assert counts[:length].tolist() == counts_of(values, counted).tolist()


@given(LISTS, LISTS, st.booleans())
def test_two_runs_are_merged(one: list[int], other: list[int], counted: bool) -> None:
    runs = [(numbers(sorted(set(values))), counts_of(values, counted)) for values in (one, other)]
    room = sum(run.size for run, _ in runs)
    found, counts = np.empty(room, np.uint64), np.empty(room if counted else 0, np.uint32)
    length = merge(*runs[0], *runs[1], found, counts)
    assert found[:length].tolist() == sorted({*one, *other})
    assert counts[:length].tolist() == counts_of(one + other, counted).tolist()


def test_a_count_of_more_than_32_bits_is_refused() -> None:
    run, most = numbers([3, 7]), np.array([1, 0xFFFF_FFFF], np.uint32)
    found, counts = np.empty(4, np.uint64), np.empty(4, np.uint32)
    assert merge(run, most, numbers([7]), np.array([1], np.uint32), found, counts) == -1
    assert merge(run, most, numbers([8]), np.array([1], np.uint32), found, counts) == 3
    assert counts[:3].tolist() == [1, 0xFFFF_FFFF, 1]


@given(ROWS, st.integers(1, 1 << 45))
def test_pairs_are_made_until_a_number_has_more_than_32_bits(rows: list[tuple[int, int]], width: int) -> None:
    groups, members = np.array([g for g, _ in rows], np.int64), np.array([m for _, m in rows], np.uint32)
    pairs = np.zeros(len(rows), np.uint64)
    made = pack(groups, members, width, pairs)
    codes = [group // width for group, _ in rows]
    wanted = next((at for at, code in enumerate(codes) if not 0 <= code <= ADDRESS), len(rows))
    assert made == wanted
    assert pairs[:made].tolist() == [code << 32 | member for code, (_, member) in zip(codes, rows, strict=True)][:made]
