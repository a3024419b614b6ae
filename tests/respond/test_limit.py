"""Limits: how many replies leave in a second, whatever is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.respond.limit import (
    ADDRESS_LIMITED,
    ADDRESSES,
    ALLOWED,
    BURST_SECONDS,
    LIMITED,
    NETWORK_LIMITED,
    allowed,
    limits,
)

KEY = bytes(range(16))
SECOND = 1_000_000_000


def test_a_burst_of_ten_seconds_and_then_the_rate():
    made = limits(500, None, KEY)
    now = 7 * SECOND
    at_once = [allowed(np.int64(1), np.int64(now), *made) for _ in range(20_000)]
    assert at_once.count(ALLOWED) == 500 * BURST_SECONDS
    assert set(at_once) == {ALLOWED, ADDRESS_LIMITED}
    later = [allowed(np.int64(1), np.int64(now + SECOND), *made) for _ in range(20_000)]
    assert later.count(ALLOWED) == 500


def test_a_24_gets_ten_times_as_many():
    made = limits(5, None, KEY)
    found = [allowed(np.int64(0x01020300 + i % 256), np.int64(SECOND), *made) for i in range(20_000)]
    assert found.count(ALLOWED) == 5 * 10 * BURST_SECONDS
    assert NETWORK_LIMITED in found
    assert allowed(np.int64(0x01020400), np.int64(SECOND), *made) == ALLOWED


def test_all_together_have_a_limit():
    made = limits(None, 1000, KEY)
    found = [allowed(np.int64(i * 7919), np.int64(SECOND), *made) for i in range(5000)]
    assert found.count(ALLOWED) == 1000
    assert found.count(LIMITED) == 4000


def test_none_is_no_limit():
    made = limits(None, None, KEY)
    assert all(allowed(np.int64(1), np.int64(SECOND), *made) == ALLOWED for _ in range(20_000))


@pytest.mark.parametrize(
    ("reply_limit", "global_limit", "seconds"),
    [(0.05, None, 20), (0.001, None, 1000), (None, 0.5, 2), (None, 0.01, 100), (0.02, 0.02, 50)],
)
def test_a_rate_below_one_in_a_burst_lets_one_leave_each_interval(reply_limit, global_limit, seconds):
    """The burst of ten seconds, or of one for all, is shorter than the interval: it holds one reply all the same."""
    made = limits(reply_limit, global_limit, KEY)
    for moment in range(10):
        now = (7 + moment * seconds) * SECOND
        assert allowed(np.int64(1), np.int64(now), *made) == ALLOWED
        assert allowed(np.int64(1), np.int64(now), *made) != ALLOWED
        assert allowed(np.int64(1), np.int64(now + (seconds - 1) * SECOND), *made) != ALLOWED


@pytest.mark.parametrize("rate", [1e-9, 1e-300, 5e-324])
def test_the_smallest_rates_let_one_leave_and_no_other(rate):
    made = limits(rate, rate, KEY)
    assert allowed(np.int64(1), np.int64(SECOND), *made) == ALLOWED
    for day in range(1, 3650):
        assert allowed(np.int64(1), np.int64(day * 86_400 * SECOND), *made) != ALLOWED


def test_what_is_refused_costs_nothing():
    made = limits(1, None, KEY)
    for _ in range(BURST_SECONDS):
        assert allowed(np.int64(1), np.int64(SECOND), *made) == ALLOWED
    before = made.buckets[ADDRESSES:].copy()
    for _ in range(100):
        assert allowed(np.int64(1), np.int64(SECOND), *made) == ADDRESS_LIMITED
    assert (made.buckets[ADDRESSES:] == before).all()


def test_memory_is_the_same_whatever_comes():
    made = limits(500, 100_000, KEY)
    before = [array.nbytes for array in made]
    for i in range(100_000):
        allowed(np.int64(i * 2654435761 % 2**32), np.int64(i), *made)
    assert [array.nbytes for array in made] == before
    assert sum(before) < 4 << 20


def test_where_an_address_falls_depends_on_the_key():
    places = set()
    for key in range(20):
        made = limits(1, None, bytes([key] * 16))
        allowed(np.int64(0x01020304), np.int64(SECOND), *made)
        places.add(int(np.flatnonzero(made.buckets[:ADDRESSES])[0]))
    assert len(places) > 15


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3 * SECOND)), max_size=300), st.integers(1, 50))
def test_never_more_than_burst_and_rate(steps, rate):
    """Whatever the order: in any run from the first reply on, at most the burst and what the time brought."""
    made = limits(rate, None, KEY)
    now = SECOND
    given_out: dict[int, list[int]] = {}
    for address, pause in steps:
        now += pause
        if allowed(np.int64(address << 8), np.int64(now), *made) == ALLOWED:
            given_out.setdefault(address, []).append(now)
    for times in given_out.values():
        for i, begin in enumerate(times):
            assert len(times) - i <= rate * (BURST_SECONDS + (times[-1] - begin) / SECOND) + 1


def test_a_clock_that_stands_still_or_goes_back_gives_no_more():
    made = limits(10, None, KEY)
    found = [allowed(np.int64(1), np.int64(5 * SECOND - i), *made) for i in range(1000)]
    assert found.count(ALLOWED) <= 10 * BURST_SECONDS + 1
