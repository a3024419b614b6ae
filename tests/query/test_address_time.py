"""Sums of addresses over time, against exact integers."""

from __future__ import annotations

import ipaddress
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.address_time import AddressTime, Array, Networks, means

YEAR = 366 * 86_400_000_000
T0 = 1_772_582_400_000_000
Drawn = tuple[int, int, int, int, int]


def address_time(drawn: list[Drawn]) -> AddressTime:
    """Of (group, address, bits, since, microseconds)."""
    found = [ipaddress.IPv4Network((address, bits), strict=False) for _, address, bits, _, _ in drawn]
    networks = sorted(set(found))
    columns = [
        np.array(column, np.int64)
        for column in (
            [group for group, *_ in drawn],
            [networks.index(network) for network in found],
            [since for *_, since, _ in drawn],
            [since + lasting for *_, since, lasting in drawn],
        )
    ]
    return AddressTime(*columns, Networks(networks))


def distinct(networks: list[ipaddress.IPv4Network]) -> int:
    return sum(network.num_addresses for network in ipaddress.collapse_addresses(networks))


def exactly(drawn: list[Drawn], group: int, since: int, until: int) -> tuple[int, int]:
    """Addresses times microseconds, and microseconds with any."""
    own = [
        (ipaddress.IPv4Network((address, bits), strict=False), begin, begin + lasting)
        for of, address, bits, begin, lasting in drawn
        if of == group
    ]
    moments = sorted({since, until, *(min(max(t, since), until) for _, *ends in own for t in ends)})
    area = spent = 0
    for begin, end in pairwise(moments):
        size = distinct([network for network, first, last in own if first <= begin and end <= last])
        area += size * (end - begin)
        spent += (end - begin) * (size > 0)
    return area, spent


def column(*values: int) -> Array:
    return np.array(values, np.int64)


periods = st.tuples(
    st.integers(0, 2), st.sampled_from([0xC6336407, 0xC63364FF, 0xC6336500, 0x0A000000, 0]), st.integers(0, 32),
    st.integers(-20, 20).map(lambda n: T0 + n * 7_777_777), st.sampled_from([0, 1, 999, 7_777_777, YEAR, 30 * YEAR]),
)  # fmt: skip


@given(
    st.lists(periods, max_size=10),
    st.integers(0, 2),
    st.integers(-20, 20).map(lambda n: T0 + n * 3_333_333),
    st.sampled_from([1, 1000, 10_000_000, YEAR]),
)
def test_sums_and_means_of_any_periods_are_exact(drawn: list[Drawn], group: int, since: int, width: int) -> None:
    """Of addresses up to all of them, over microseconds up to a year, after sums that no longer fit into 64 bits."""
    found = address_time(drawn)
    sums = found.sums(column(group), column(since), column(since + width))
    area, spent = exactly(drawn, group, since, since + width)
    assert (int(sums.high[0]) << 16) + int(sums.low[0]) == area
    assert int(sums.spent[0]) == spent
    if spent:
        mean = Fraction(float(means(sums, sums.spent)[0]))
        assert abs(mean - Fraction(area, spent)) <= Fraction(area, spent) * Fraction(1, 1 << 52)


@given(st.lists(periods, max_size=10))
def test_what_is_watched_are_the_periods_with_addresses_in_order(drawn: list[Drawn]) -> None:
    groups, begins, ends = (each.tolist() for each in address_time(drawn).watched)
    rows = list(zip(groups, begins, ends, strict=True))
    assert rows == sorted(rows) and all(begin < end for _, begin, end in rows)
    for group in range(3):
        spent = sum(end - begin for of, begin, end in rows if of == group)
        assert spent == exactly(drawn, group, T0 - 3 * YEAR, T0 + 100 * YEAR)[1]


def test_a_prefix_counts_only_while_none_around_it_is_watched() -> None:
    whole, half, one = (0xC6336400, 24), (0xC6336480, 25), (0xC6336407, 32)
    drawn = [(0, *whole, 10, 10), (0, *half, 0, 40), (0, *one, 15, 30), (1, *one, 0, 12)]
    times, sizes = address_time(drawn[:3]).steps
    assert (times.tolist(), sizes.tolist()) == ([0, 10, 15, 20, 40, 45], [128, 256, 256, 129, 1, 0])
    assert address_time(drawn).sums(column(1), column(0), column(100)).low.tolist() == [12]


@pytest.mark.parametrize("rows", [[], [(0, 0xC6336400, 24, 5, 0)]])
def test_nothing_watched_sums_to_nothing(rows: list[Drawn]) -> None:
    found = address_time(rows)
    assert [each.tolist() for each in found.sums(column(0), column(0), column(100))] == [[0], [0], [0]]
    assert [each.tolist() for each in (*found.watched, *found.steps)] == [[], [], [], [], []]
