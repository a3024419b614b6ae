"""Pairs distinguished by hashing, kernel by kernel, against Python's sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.query.distinct.hash_kernels import LATELY, PARTS, by_part, move, pack, put, unlike_lately, unpack

from ...effort import examples

MOST = 0xFFFF_FFFF
WORDS = st.one_of(st.integers(0, MOST), st.sampled_from([0, 1, 255, 256, MOST - 1, MOST]))
PAIRS = st.lists(st.builds(lambda group, address: group << 32 | address, WORDS, WORDS), max_size=60)
ODD = st.integers(0, (1 << 63) - 1).map(lambda half: np.uint64(2 * half + 1))
ONE = np.uint64(1)


def numbers(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint64)


@given(st.lists(st.tuples(st.integers(-(1 << 62), 1 << 62), WORDS)), st.integers(1, 1 << 45))
def test_pairs_are_made_until_a_number_has_more_than_32_bits(rows: list[tuple[int, int]], width: int) -> None:
    groups, members = np.array([g for g, _ in rows], np.int64), np.array([m for _, m in rows], np.uint32)
    pairs = np.zeros(len(rows), np.uint64)
    made = pack(groups, members, width, pairs)
    codes = [group // width for group, _ in rows]
    wanted = next((at for at, code in enumerate(codes) if not 0 <= code <= MOST), len(rows))
    assert made == wanted
    assert pairs[:made].tolist() == [code << 32 | member for code, (_, member) in zip(codes, rows, strict=True)][:made]


@given(PAIRS, ODD, ODD)
@settings(max_examples=examples(50, 10))
def test_what_came_lately_is_left_out_and_nothing_else_is_lost(values: list[int], upper: int, lower: int) -> None:
    lately, waiting = np.zeros(LATELY, np.uint64), np.zeros(len(values) + 3, np.uint64)
    end = unlike_lately(numbers(values), upper, lower, lately, waiting, 3)
    assert set(waiting[3:end].tolist()) == set(values) - {0}
    assert not waiting[:3].any()
    twice = unlike_lately(numbers(values[-1:]), upper, lower, lately, waiting[:4], 3)
    assert twice == 3


def test_too_little_room_is_said_before_anything_is_written() -> None:
    lately, waiting = np.zeros(LATELY, np.uint64), np.zeros(3, np.uint64)
    for begin in (1, 4, -1):
        assert unlike_lately(numbers([7, 8, 9]), ONE, ONE, lately, waiting, begin) == -1
    assert not waiting.any()
    assert not lately.any()


@given(PAIRS, ODD, ODD)
def test_each_part_has_all_of_its_own_pairs(values: list[int], upper: int, lower: int) -> None:
    ends, ordered = np.empty(PARTS, np.int64), np.zeros(len(values), np.uint64)
    by_part(numbers(values), upper, lower, ends, ordered)
    assert sorted(ordered.tolist()) == sorted(values)
    assert ends[-1] == len(values)
    own = [set(part.tolist()) for part in np.split(ordered, ends[:-1])]
    assert sum(map(len, own)) == len(set(values))


@given(PAIRS, ODD, ODD, st.integers(0, 3))
@settings(max_examples=examples(50, 10))
def test_a_table_takes_each_once_until_a_part_is_nearly_full_and_grows(
    values: list[int], upper: int, lower: int, bits: int
) -> None:
    pairs = numbers([value for value in values if value])
    table, counts, at = np.zeros(PARTS << bits, np.uint64), np.zeros(PARTS, np.int64), 0
    while at < pairs.size:
        at = put(pairs, at, upper, lower, table, counts)
        assert np.count_nonzero(table) == counts.sum() == len(set(pairs[:at].tolist()))
        assert at == pairs.size or counts.max() * 4 >= table.size // PARTS * 3
        larger = np.zeros(table.size * 2, np.uint64)
        move(table, upper, lower, larger)
        assert sorted(larger[larger != 0].tolist()) == sorted(table[table != 0].tolist())
        table = larger
    count = int(counts.sum())
    groups, members = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.uint32)
    assert unpack(table, groups, members, 1) == count + 1
    found = [group << 32 | member for group, member in zip(groups.tolist(), members.tolist(), strict=True)]
    assert sorted(found[1:]) == sorted(set(pairs.tolist()))
    assert found[0] == 0


def test_pairs_that_all_want_one_place_are_told_apart_too() -> None:
    table, counts = np.zeros(PARTS * 64, np.uint64), np.zeros(PARTS, np.int64)
    alike = numbers(
        [at << 32 | (1 << 32) - at for at in range(1, 30)] * 2
    )  # with these multipliers all are hashed to 0
    assert put(alike, 0, 1, 1, table, counts) == 58
    assert counts[0] == 29
    assert sorted(table[:29].tolist()) == sorted(set(alike.tolist()))


@pytest.mark.parametrize("bits", [0, 8, 24])
def test_who_sends_pairs_can_not_have_many_hashed_alike(bits: int) -> None:
    """Sums modulo 2^32 would: here, a thousand hashes for a million pairs that differ in ten bits of each half."""
    some = np.arange(1024, dtype=np.uint64) << np.uint64(min(bits, 22))
    pairs = (some[:, None] << np.uint64(32) | some[None, :]).ravel()
    counts = np.zeros(PARTS, np.int64)
    table = np.zeros(PARTS << 13, np.uint64)
    dice = np.random.default_rng(5)
    for _ in range(3):
        upper, lower = dice.integers(0, 1 << 63, 2, np.uint64) << ONE | ONE
        hashes = (pairs >> np.uint64(32)) * upper + (pairs & np.uint64(MOST)) * lower >> np.uint64(32)
        assert len(np.unique(hashes)) > 1_000_000
        table[:], counts[:] = 0, 0
        ends, ordered = np.empty(PARTS, np.int64), np.empty_like(pairs)
        by_part(pairs, upper, lower, ends, ordered)
        assert put(ordered, 0, upper, lower, table, counts) == pairs.size
        assert counts.max() < 3 * pairs.size // PARTS


def test_places_too_short_are_said_and_nothing_is_written_behind_them() -> None:
    table = numbers([0, 5, 6, 0])
    groups, members = np.zeros(4, np.int64), np.zeros(4, np.uint32)
    assert unpack(table, groups[:1], members, 0) == -1
    assert unpack(table, groups, members[:3], 2) == -1
    assert unpack(table, groups, members, -2) == -1
    assert members.tolist() == [5, 0, 5, 0]
