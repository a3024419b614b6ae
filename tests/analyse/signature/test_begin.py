"""When a payload began to come: intervals that hold the truth, and those that can't be bounded."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import f

from ims.analyse.signature.begin import begin_of

HOUR = 3_600_000_000
TIME = np.arange(168) * HOUR
HOURS = np.ones(168)


def test_it_reaches_back_by_the_f_distribution_of_what_came_just_after() -> None:
    arrivals = np.zeros(168)
    arrivals[100:] = 2  # 7 arrivals after the first within 3.5 hours of it
    found = begin_of(TIME, HOUR, arrivals, HOURS, 100, 100.5 * HOUR)
    number, length = 7, 3.5
    assert found.high == 100.5 * HOUR
    assert (100.5 - found.low / HOUR) / length * number == pytest.approx(f.ppf(0.95, 2, 2 * number), rel=1e-6)
    assert (100.5 - found.value / HOUR) / length * number == pytest.approx(f.ppf(0.5, 2, 2 * number), rel=1e-6)


@pytest.mark.parametrize("rate", [0.5, 3.0, 40.0])
def test_of_two_hundred_intervals_most_hold_the_begin(rate: float) -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = float(rng.uniform(30, 90))
        at = np.sort(rng.uniform(truth, 168, rng.poisson(rate * (168 - truth))))
        arrivals = np.bincount(at.astype(np.int64), minlength=168).astype(np.float64)
        found = begin_of(TIME, HOUR, arrivals, HOURS, int(at[0]), float(at[0] * HOUR))
        held += found.low is not None and found.low <= truth * HOUR <= found.high
    assert 181 <= held <= 199


def test_a_gap_before_is_passed_over() -> None:
    arrivals, watched = np.zeros(168), np.delete(TIME, range(90, 100))
    arrivals[100:] = 1
    kept = np.delete(arrivals, range(90, 100))
    found = begin_of(watched, HOUR, kept, np.ones(158), 90, 100.0 * HOUR)
    assert found.low is not None and found.low < 90 * HOUR
    without = begin_of(TIME, HOUR, arrivals, HOURS, 100, 100.0 * HOUR)
    assert without.low is not None and without.low - found.low == pytest.approx(10 * HOUR)


def test_the_begin_of_one_that_grew_from_few_is_not_bounded() -> None:
    growing = np.round(0.5 * 2 ** (np.arange(168) / 3 - 34))
    at = int(np.flatnonzero(growing)[0])
    growing = np.minimum(growing, 4000)
    assert begin_of(TIME, HOUR, growing, HOURS, at, (at + 0.5) * HOUR).low is None


def test_strays_before_leave_open_which_arrival_was_the_first() -> None:
    arrivals = np.zeros(168)
    arrivals[100:] = 3
    found = begin_of(TIME, HOUR, arrivals, HOURS, 100, None)
    assert found.low is not None and found.low < 100 * HOUR < found.high
    later = begin_of(TIME, HOUR, arrivals, HOURS, 100, None, latest=110)
    assert later.high == 111 * HOUR


def test_a_single_arrival_bounds_nothing() -> None:
    arrivals = np.zeros(168)
    arrivals[167] = 1
    found = begin_of(TIME, HOUR, arrivals, HOURS, 167, 167.5 * HOUR)
    assert found == (167.5 * HOUR, None, 167.5 * HOUR)
