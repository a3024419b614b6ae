"""Pairs of groups and addresses as numbers, and how many each group has, against Python's own."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.distinct import pair_set
from ims.query.distinct.pair_set import apart, members_counted, write_pairs

MOST = 0xFFFF_FFFF
WORDS = st.one_of(st.integers(0, MOST), st.integers(0, 5), st.sampled_from([0, 1, 255, 256, MOST - 1, MOST]))
PAIRS = st.lists(st.tuples(WORDS, WORDS), max_size=60)


@pytest.mark.parametrize("number", [-1, 1 << 32, -(1 << 63), (1 << 63) - 1])
def test_a_group_with_more_than_32_bits_is_refused(number: int) -> None:
    groups = np.array([3, number], np.int64)
    with pytest.raises(OverflowError, match="more than 32 bits"):
        write_pairs(groups, np.zeros(2, np.uint32), 1, np.empty(2, np.uint64))


@given(PAIRS)
def test_a_pair_is_taken_apart(rows: list[tuple[int, int]]) -> None:
    groups, members = np.array([g for g, _ in rows], np.int64), np.array([m for _, m in rows], np.uint32)
    pairs = np.empty(len(rows), np.uint64)
    write_pairs(groups, members, 1, pairs)
    found = apart(pairs)
    assert [values.tolist() for values in found] == [groups.tolist(), members.tolist()]


@given(PAIRS, st.integers(0, 32), st.sampled_from([1, 2, 7, 1 << 20]))
def test_members_of_each_group_and_of_each_prefix_are_counted(
    rows: list[tuple[int, int]], bits: int, step: int
) -> None:
    each = sorted(set(rows))
    pairs = np.array([group << 32 | member for group, member in each], np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_set, "_STEP", step)
        groups, counts = members_counted(pairs, bits)
    wanted = Counter((group, member >> 32 - bits << 32 - bits) for group, member in each)
    assert [values.tolist() for values in apart(groups)] == [
        list(column) for column in zip(*wanted, strict=True)
    ] or not wanted
    assert counts.tolist() == list(wanted.values())
