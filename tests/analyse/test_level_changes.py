"""Levels that change: against brute force, and what is no change."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from ims.analyse.level_changes import (
    MIXED,
    PENALTY,
    _best_levels,
    chance,
    changes_of,
    correlation_factor,
    gains,
    judged,
    variability,
)
from ims.analyse.level_screen import FEWEST_BINS
from ims.analyse.negative_binomial import level_gain


def levels(rng: np.random.Generator, *parts: tuple[int, float]) -> np.ndarray:
    return np.concatenate([rng.poisson(rate, bins) for bins, rate in parts]).astype(float)


def brute(counts: np.ndarray, shape: float) -> float:
    """The best total of up to two changes, each with or without a bin of two levels before it."""
    n = len(counts)
    cost = np.array(shape)

    def gain(first: int, last: int) -> float:
        return float(level_gain(counts[first:last].sum(), np.array(float(last - first)), cost))

    best = gain(0, n)
    for number in (1, 2):
        for begins in combinations(range(FEWEST_BINS, n - FEWEST_BINS + 1), number):
            for mixed in np.ndindex(*(2,) * number):
                ends = [0, *begins, n]
                spans = [(ends[k], ends[k + 1] - (mixed[k] if k < number else 0)) for k in range(number + 1)]
                if any(last - first < FEWEST_BINS for first, last in spans):
                    continue
                extra = sum(gain(b - 1, b) - MIXED for b, m in zip(begins, mixed, strict=True) if m)
                best = max(best, sum(gain(*span) for span in spans) + extra - PENALTY * number)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_dynamic_programming_finds_what_brute_force_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = levels(rng, (5, 3), (1, 30), (5, 60), (5, 3))
    found = _best_levels(counts[None], np.ones(16), np.array([20.0]), FEWEST_BINS)[0]
    ends = [0, *(np.flatnonzero(np.diff(found)) + 1), 16]
    spans = list(pairwise(ends))
    total = sum(float(level_gain(counts[a:b].sum(), np.array(float(b - a)), np.array(20.0))) for a, b in spans)
    long = sum(b - a >= FEWEST_BINS for a, b in spans)
    assert total - PENALTY * (long - 1) - MIXED * (len(spans) - long) == pytest.approx(brute(counts, 20.0))


def test_a_level_that_begins_and_ends_is_found_and_quiet_rows_are_not() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(2.0, (500, 100)).astype(float)
    counts[7, 40:60] = rng.poisson(80, 20)
    found = changes_of(counts, np.ones(100))
    assert found[7].begins == (40, 60)
    assert found[7].p < 1e-12
    assert all(each.p > 1e-5 for row, each in found.items() if row != 7)


def test_half_of_the_exposure_with_half_of_the_counts_is_no_change() -> None:
    rng = np.random.default_rng(1)
    exposures = np.where(np.arange(100) < 50, 1.0, 16.0)
    found = changes_of(rng.poisson(20 * exposures, (200, 100)), exposures)
    assert all(each.p > 1e-4 for each in found.values())


def test_rows_that_are_too_short_have_nothing_to_tell() -> None:
    assert changes_of(np.full((3, 5), 100), np.ones(5)) == {}


def test_chance_is_a_bound_of_binomial_splits() -> None:
    """Of Poisson counts, one split anywhere: the bound is never below what simulations say."""
    rng = np.random.default_rng(1)
    counts = rng.poisson(5.0, (3000, 20)).astype(float)
    shape = np.array(1e9)
    left, all_counts = np.cumsum(counts, 1)[:, 2:17], counts.sum(1, keepdims=True)
    size = np.arange(3.0, 18.0)
    gain = level_gain(left, size, shape) + level_gain(all_counts - left, 20 - size, shape)
    best = (gain - level_gain(all_counts, np.array(20.0), shape)).max(1)
    for level in (0.2, 0.05):
        assert np.mean([chance(each, 1, 20) < level for each in best]) <= level
    assert chance(100.0, 0, 20) == 1


def test_neighbours_that_are_alike_count_less() -> None:
    rng = np.random.default_rng(1)
    alone = rng.poisson(100, 200).astype(float)
    alike = np.repeat(rng.gamma(10, 10, 50), 4)
    one = np.zeros(200, np.int64)
    assert correlation_factor(alone, np.ones(200), one, 1e6) < 1.5
    assert correlation_factor(alike, np.ones(200), one, 10.0) > 3


def test_the_bin_of_two_levels_does_not_count_as_variance() -> None:
    rng = np.random.default_rng(1)
    counts = levels(rng, (30, 10), (1, 500), (30, 1000))
    assert variability(counts, np.ones(61), [30])[0] > 1000
    found = judged(counts, np.ones(61), [30])
    assert found.p < 1e-50
    assert gains(counts, np.ones(61), found)[0] > 50
