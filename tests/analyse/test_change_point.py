"""When a level changed: intervals hold the truth as often as they say, and gaps and ends are told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ims.analyse.change_point import Level, Series
from ims.analyse.intervals import Interval
from ims.analyse.negative_binomial import draw


def series(seed: int, before: float, after: float, shape: float, at: float, bins: int = 60) -> Series:
    rng, exposures = np.random.default_rng(seed), np.ones(bins)
    bin, part = int(at), at - int(at)
    counts = np.concatenate([draw(rng, before, shape, exposures[:bin]), draw(rng, after, shape, exposures[bin:])])
    counts[bin] = sum(float(draw(rng, rate, shape, np.full(1, share))[0]) for rate, share in (
        (before, part), (after, 1 - part)))  # fmt: skip
    return Series(counts, exposures, shape)


@pytest.mark.parametrize(
    ("before", "after", "shape"),
    [(0.0, 100.0, 100.0), (100.0, 0.0, 100.0), (50.0, 100.0, 30.0), (0.0, 1.5, 1e6), (1e6, 3e6, 1e6)],
)
def test_intervals_hold_the_truth(before: float, after: float, shape: float) -> None:
    held = 0
    for seed in range(40):
        at = 30 + np.random.default_rng(seed).random()
        found = series(seed, before, after, shape, at).change(0, 30, 60, np.random.default_rng(1))
        held += (found.low or 0) <= at <= (found.high or 60)
    assert held >= 34


def test_it_is_the_same_each_time_and_within_its_interval() -> None:
    one, other = (series(1, 5, 50, 20, 30.25).change(0, 31, 60, np.random.default_rng(1)) for _ in range(2))
    assert one == other
    assert one.low is not None and one.high is not None and one.low <= one.at <= one.high
    wide = series(1, 5, 50, 20, 30.25).change(0, 31, 60, None)
    assert wide.low is not None and wide.high is not None and wide.high - wide.low >= one.high - one.low


def test_bins_far_away_are_taken_together() -> None:
    whole = series(3, 20, 60, 50, 30.5)
    near, far = (whole.change(0, 30, 60, None, around) for around in (8, 28))
    assert near.at == pytest.approx(far.at, abs=0.02)


def test_what_can_not_be_told_within_reach_has_no_bound() -> None:
    found = series(2, 10, 10.2, 5, 30.5).change(0, 30, 60, None, 5)
    assert found.low is None or found.high is None


def level(value: float, low: float, high: float) -> Level:
    return Level(Interval(value, low, high), 1.0)


def test_a_ratio_has_the_interval_of_both() -> None:
    ratio = level(20, 10, 40).by(level(10, 9, 11))
    assert ratio.value == 2
    assert ratio.low == pytest.approx(2 * math.exp(-math.hypot(math.log(2), math.log(1.1))))
    assert level(5, 4, 6).by(level(0, 0, 0.5)) == (None, 8, None)
    assert level(0, 0, 0.5).by(level(5, 4, 6)) == (0, 0, 0.125)


def test_a_level_has_the_variance_of_its_own_bins_as_far_as_they_tell_it() -> None:
    """A shape gives a level of more hosts a variance that is as many times more: where hosts send alike it isn't."""
    rng = np.random.default_rng(1)
    counts = np.concatenate([rng.poisson(100, 60), rng.poisson(1000, 60)]).astype(float)
    both = Series(counts, np.ones(120), 200.0)
    few, many = both.level(0, 60), both.level(60, 120)
    assert 1 <= few.spread < 1.5 and 1 <= many.spread < 3
    assert both.level(60, 62).spread > 4, "two bins tell little, so the shape does"
    nothing = Series(np.zeros(4), np.ones(4), 1.0).level(0, 4)
    assert nothing.rate.low == nothing.rate.value == 0 < nothing.rate.high
