"""Whether a payload appeared: the test's chance by brute force, and what must not fool it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from ims.analyse.signature.rise import NONE, dispersion, rise

HOURS = np.ones(168)
RNG = np.random.default_rng


def counts(rates: np.ndarray, seed: int = 1) -> np.ndarray:
    return RNG(seed).poisson(rates).astype(np.float64)


def since(at: int, rate: float, seed: int = 1) -> np.ndarray:
    return counts(np.where(np.arange(168) < at, 0.0, rate), seed)


def test_the_chance_is_that_of_random_moments_none_of_which_is_before_the_first_arrival() -> None:
    arrivals = np.zeros(168)
    arrivals[[60, 75, 80, 95, 110, 121, 130, 144, 150, 163]] = 1
    found = rise(arrivals, HOURS, 0.5, 1000)
    drawn = RNG(1).uniform(0, 168, (400_000, 10)).min(1)
    assert dispersion(arrivals[60:], HOURS[60:]) == 1
    assert found.p == pytest.approx(float((drawn > 60.5).mean()), rel=0.05)


def test_with_strays_before_it_is_the_binomial_chance_for_every_bin_that_it_might_have_been() -> None:
    arrivals = since(100, 1.0)
    arrivals[3] = 1
    found = rise(arrivals, HOURS, 0.0, 1e9)
    size = arrivals.sum() / dispersion(arrivals[3:], HOURS[3:])
    first = int(np.flatnonzero(arrivals[10:])[0]) + 10
    exact = binom.cdf(1, round(size), first / 168)
    assert (found.bin, found.earlier) == (first, 1)
    assert found.p == pytest.approx(2 * 168 * exact, rel=2)


def test_no_more_arrivals_count_than_there_are_sources() -> None:
    arrivals = since(100, 10.0)
    assert rise(arrivals, HOURS, 0.0, 4).p == pytest.approx((1 - 100 / 168) ** 4)


def test_one_that_begins_is_found() -> None:
    found = rise(since(100, 2.0), HOURS, 0.0, 100)
    assert found.p < 1e-6 and found.bin >= 100 and not found.earlier


@pytest.mark.parametrize("seed", range(20))
def test_random_moments_all_the_time_are_no_rise(seed: int) -> None:
    for rate in (0.05, 0.5, 5, 50):
        at = np.sort(RNG(seed).uniform(0, 168, max(round(168 * rate), 3)))
        arrivals = np.bincount(at.astype(np.int64), minlength=168).astype(np.float64)
        assert rise(arrivals, HOURS, float(at[0]) % 1, len(at)).p > 1e-3


def test_one_that_ended_or_came_seldom_is_no_rise() -> None:
    ended = counts(np.where(np.arange(168) < 60, 5.0, 0.0))
    assert rise(ended, HOURS, 0.0, 200).p > 0.05
    late = np.zeros(168)
    late[[140, 150, 160]] = 1
    assert rise(late, HOURS, 0.0, 3).p > 1e-3


def test_one_that_comes_by_day_alone_is_no_rise() -> None:
    hour = np.arange(168) % 24
    assert rise(counts(np.where((hour >= 8) & (hour < 20), 30.0, 0.0)), HOURS, 0.0, 2000).p == 1


def test_a_burst_is_no_rise() -> None:
    arrivals = np.zeros(168)
    arrivals[150] = 5000
    assert rise(arrivals, HOURS, 0.0, 5000) == NONE


def test_time_that_was_not_watched_is_no_silence() -> None:
    watched = HOURS.copy()
    watched[1:100] = 0
    assert rise(since(100, 3.0), watched, 0.0, 200).p > 0.05


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_it_is_a_chance_whatever_the_unit_of_exposure(values: list[int], seed: int, unit: float) -> None:
    arrivals = np.array(values, np.float64)
    exposure = RNG(seed).uniform(0, 1, len(values)) * (RNG(seed).random(len(values)) < 0.8)
    found = rise(arrivals, exposure, 0.3, 50)
    again = rise(arrivals, exposure * unit, 0.3, 50)
    assert 0 <= found.p <= 1 and 0 <= found.bin <= found.latest < len(values)
    assert again.p == pytest.approx(found.p, rel=1e-6, abs=1e-12)


def test_a_handful_within_minutes_at_the_end_is_no_level_beside_which_one_before_was_a_stray() -> None:
    arrivals = np.zeros(715)
    arrivals[[1, 711, 712, 714]] = 1
    assert rise(arrivals, np.full(715, 1 / 60), 0.0, 4).p > 0.05
    arrivals[700:715] = 1
    assert rise(arrivals, np.full(715, 1 / 60), 0.0, 12).p < 1e-3
