"""The likelihood of counts, against scipy's negative binomial distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import nbinom, poisson

from ims.analyse.negative_binomial import best_shape, bin_part, draw, level_gain, log_chance, moment_shape

Counts = st.lists(st.integers(0, 500), min_size=3, max_size=12)


@given(counts=Counts, shape=st.floats(0.05, 50), size=st.floats(0.1, 20))
def test_a_level_s_likelihood_is_that_of_its_bins(counts: list[int], shape: float, size: float) -> None:
    exposures = size * (1 + np.arange(len(counts)) % 3)
    rate = sum(counts) / exposures.sum()
    found = level_gain(np.array(sum(counts)), exposures.sum(), np.array(shape))
    found = found + bin_part(np.array(counts, float), exposures, np.array(shape)).sum()
    if rate:
        expected = nbinom.logpmf(counts, shape * exposures, shape / (shape + rate)).sum()
        assert float(found) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_a_count_of_a_mean_and_a_variance_is_scipy_s() -> None:
    counts = np.array([0.0, 3, 50])
    expected = nbinom.logpmf(counts, 10 / 2, 1 / 3)
    assert log_chance(counts, np.full(3, 10.0), np.full(3, 30.0)) == pytest.approx(expected)
    assert log_chance(counts, np.full(3, 10.0), np.full(3, 10.0)) == pytest.approx(poisson.logpmf(counts, 10))


def test_the_best_shape_is_where_scipy_finds_it() -> None:
    rng = np.random.default_rng(1)
    counts, exposures = draw(rng, 20.0, 2.0, np.ones(100))[None], np.ones(100)
    shape, found = best_shape(counts, exposures, np.zeros((1, 100), np.int64))

    def missing(logs: float) -> float:
        k = np.exp(logs)
        return -float(nbinom.logpmf(counts[0], k, k / (k + counts.mean())).sum())

    judge = minimize_scalar(missing, bounds=(-5, 8), method="bounded")
    assert float(found[0]) == pytest.approx(-judge.fun, abs=0.05)
    assert np.log(shape[0]) == pytest.approx(judge.x, abs=0.1)
    assert moment_shape(counts, exposures)[0] == pytest.approx(2.0, rel=0.6)


def test_two_parts_of_a_bin_add_up_to_it() -> None:
    rng = np.random.default_rng(1)
    parts = draw(rng, 30.0, 3.0, np.full(20_000, 0.3)) + draw(rng, 30.0, 3.0, np.full(20_000, 0.7))
    assert parts.mean() == pytest.approx(30, rel=0.02)
    assert parts.var() == pytest.approx(30 * (1 + 30 / 3), rel=0.05)
    assert not draw(rng, 0.0, 3.0, np.ones(4)).any()


def test_what_is_drawn_leaves_as_many_bins_empty_as_runs_of_geometric_length() -> None:
    """Of 2.5 runs a bin, of 2.7 packets each: more than of the negative binomial law with the same variance."""
    shape = 2.5 * 2.7 / 2 / 1.7
    counts = draw(np.random.default_rng(1), 2.5 * 2.7, shape, np.ones(100_000))
    assert (counts == 0).mean() == pytest.approx(np.exp(-2.5), rel=0.03)
    assert (counts == 0).mean() > 1.3 * nbinom.pmf(0, shape, shape / (shape + 2.5 * 2.7))
    assert counts.var() == pytest.approx(2.5 * 2.7 * (2 * 2.7 - 1), rel=0.03)
