"""Number and address of a host are each other's, and what a host is follows from its number by the laws that are written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.kernels.hosts import (
    ALL,
    NEVER,
    Law,
    address_of,
    block_at,
    hops_to,
    infected,
    is_inhabited,
    is_switched_on,
    number_of,
    numbers_in,
)

from ..laws import ALPHA, chi_square

u32 = st.integers(0, 2**32 - 1)
keys_of = st.lists(st.integers(0, 2**64 - 1), min_size=5, max_size=5).map(lambda some: np.array(some, np.uint64))
KEYS = np.array([0x0123456789ABCDEF, 7, 2**63, 0xFEDCBA9876543210, 99], np.uint64)
FIRST, LAST = np.array([1000, 5000, 2**32 - 256]), np.array([1255, 5000, 2**32 - 1])


def law(**changes: Any) -> Law:
    usual = Law(
        KEYS, np.array([100.0, 10_000.0, 9_000.0]), np.array([0.001, 0.0]), np.array([50.0, 1e9, 0.0]),
        np.array([0.0, 0.0, 10.0]), np.array([NEVER]), np.arange(1, 25.0), np.ones(1 << 16, np.uint8), np.ones(1),
        np.ones(1),
    )  # fmt: skip
    return usual._replace(**changes)


@given(keys_of, u32)
def test_number_and_address_are_each_other_s(keys: Any, number: int) -> None:
    address = int(address_of(keys, number))
    assert 0 <= address < 2**32
    assert number_of(keys, address) == number
    assert address_of(keys, int(number_of(keys, number))) == number


def test_hosts_next_to_each_other_live_anywhere() -> None:
    """Chi-square over /8s, and over the last octets."""
    addresses = np.array([address_of(KEYS, number) for number in range(20_000)])
    assert len(set(addresses.tolist())) == 20_000
    assert chi_square(np.bincount(addresses >> 24, minlength=256), np.ones(256)) > ALPHA
    assert chi_square(np.bincount(addresses & 0xFF, minlength=256), np.ones(256)) > ALPHA


@given(u32 | st.sampled_from([999, 1000, 1255, 1256, 4999, 5000, 5001, 2**32 - 257, 2**32 - 256]))
def test_a_block_is_found_and_nobody_lives_in_it_or_where_nobody_does(address: int) -> None:
    found = [n for n in range(3) if FIRST[n] <= address <= LAST[n]]
    assert block_at(address, FIRST, LAST) == (found[0] if found else -1)
    inhabited = np.ones(1 << 16, np.uint8)
    assert is_inhabited(address, inhabited, FIRST, LAST) == (not found)
    inhabited[address >> 16] = 0
    assert not is_inhabited(address, inhabited, FIRST, LAST)


@given(st.floats(-100, 1e6), st.floats(1e-6, 1e-2), st.floats(60, 1e5))
def test_growth_is_logistic_from_the_outbreak_to_the_decline(at: float, rate: float, decline: float) -> None:
    found = infected(law(rates=np.array([rate, 0.0]), times=np.array([50.0, decline, 0.0])), at)
    if at < 50:
        assert found == 0
    else:
        logistic = 10_000 / (1 + 99 * math.exp(-rate * (min(at, decline) - 50)))
        assert found == pytest.approx(min(9_000, logistic))


def test_hosts_that_do_not_grow_are_all_there_from_the_outbreak_on() -> None:
    still = law(rates=np.zeros(2))
    assert [infected(still, at) for at in (49.9, 50.0, 1e9)] == [0, 9_000, 9_000]


@pytest.mark.parametrize(
    ("limit", "lowest", "highest"), [(3000, 0, 2**32 - 1), (2**32, 70_000, 70_500), (2**31, 900, 1400)]
)
def test_the_hosts_of_a_range_are_those_that_looking_at_each_finds(limit: int, lowest: int, highest: int) -> None:
    """By numbers where those are fewer, else by addresses; dark ones and those of nobody are left out."""
    inhabited = np.ones(1 << 16, np.uint8)
    inhabited[::3] = 0
    found = np.full(4000, -1)
    where = law(inhabited=inhabited)
    count = numbers_in(where, limit, lowest, highest, FIRST, LAST, found)
    if limit < highest - lowest:
        expected = [n for n in range(limit) if is_inhabited(int(address_of(KEYS, n)), inhabited, FIRST, LAST)]
    else:
        places = (a for a in range(lowest, highest + 1) if is_inhabited(a, inhabited, FIRST, LAST))
        expected = [n for n in (int(number_of(KEYS, a)) for a in places) if n < limit]
    assert found[:count].tolist() == expected
    few = np.full(2, -1)
    assert numbers_in(where, limit, lowest, highest, FIRST, LAST, few) == count
    assert few.tolist() == [*expected, -1, -1][:2]


def test_those_who_keep_hours_are_on_by_day_for_as_long_as_the_law_says_on_average() -> None:
    """All in the zone UTC-11, whose noon is 23:00 UTC."""
    of_day = law(hours=np.array([ALL]), rest=np.array([0.0, 0.0, 8.0]), zones=np.ones(24))
    half_hours = np.array([[is_switched_on(of_day, n, 0, half * 1800.0) for half in range(48)] for n in range(3000)])
    assert half_hours.sum(axis=1).mean() / 2 == pytest.approx(8, abs=0.2)
    at_noon, at_night = half_hours[:, 2 * 23].mean(), half_hours[:, 2 * 15].mean()
    assert at_noon > 0.5 > 0.1 > at_night


@given(u32, st.integers(0, 30))
def test_a_distance_is_6_to_24_and_the_same_for_a_16(source: int, block: int) -> None:
    hops = hops_to(source, block)
    assert 6 <= hops <= 24
    assert hops == hops_to(source ^ 0xFFFF, block)
