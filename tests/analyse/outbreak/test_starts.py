"""Where fits begin, and within which bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.outbreak.epidemic_curve import Bins, Of
from ims.analyse.outbreak.starts import POOLED, only, pooled, problem_of, start_of, starts_of

from ..hosts import hourly


@given(st.lists(st.integers(0, 100_000), min_size=12, max_size=200), st.sampled_from([None, 0.0, 7.5]))
def test_every_start_is_within_the_bounds(counts: list[int], decline: float | None) -> None:
    bins, found = hourly(len(counts)), np.array(counts, float)
    problem = problem_of(bins, found)
    rows = starts_of(bins, found, decline)
    fast = rows[:, [Of.GROWTH, Of.CLEANING]]  # of a short range, faster than its bins: fits keep to the bounds
    rows[:, [Of.GROWTH, Of.CLEANING]] = np.minimum(fast, problem.high[[Of.GROWTH, Of.CLEANING]])
    assert (rows >= problem.low).all() and (rows <= problem.high).all()
    assert (problem.low < problem.high).all() and len(rows) >= 3
    if decline is not None:
        assert (rows[:, Of.DECLINE] == decline).all()


@given(st.integers(12, 1500), st.integers(0, 100))
def test_pooled_bins_hold_all_sources_and_all_that_was_watched(count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    begin = np.flatnonzero(draw.random(2 * count) < 0.5)[:count].astype(float)
    bins = Bins(begin, begin + 1, draw.random(len(begin)), 0.3, 0.1)
    counts = draw.poisson(5, len(begin)).astype(float)
    few, summed, noise = pooled(bins, counts, np.full(len(begin), 2.0))
    assert len(summed) <= POOLED and summed.sum() == counts.sum() and np.sum(noise) == 2.0 * len(begin)
    together = -(-len(begin) // POOLED)
    assert few.share.sum() * together == pytest.approx(bins.share.sum())
    assert few.begin[0] == bins.begin[0] and few.end[-1] == bins.end[-1] and (few.begin[1:] >= few.end[:-1]).all()
    assert few.whole == pytest.approx(0.3 * together) and few.whole_before == pytest.approx(0.1 * together)


def test_a_start_has_the_level_and_the_peak_of_what_was_watched() -> None:
    """A quarter of the addresses saw a quarter of the sources."""
    counts = np.r_[np.full(30, 10.0), np.full(10, 100.0)]
    whole = start_of(hourly(40), counts)
    quarter = start_of(hourly(40, share=0.25), counts / 4)
    assert np.exp(whole[[Of.BEFORE, Of.PEAK]]) == pytest.approx([10, 90]) == np.exp(quarter[[Of.BEFORE, Of.PEAK]])


def test_only_chosen_parameters_are_fitted() -> None:
    chosen = only(Of.PEAK, Of.SINE_2)
    assert chosen.sum() == 2 and chosen[Of.PEAK] and chosen[Of.SINE_2] and len(chosen) == len(Of)
    assert not only().any()
