"""Intervals: against SciPy and published tables, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.intervals import FEWEST, long_run_variance, of_counts, of_mean, of_quantile

RUNS = 300


def test_counts_have_garwood_s_interval() -> None:
    """Table 1 of Ulm, Am. J. Epidemiology 131 (1990), 373: 0, 1, 5, 10 and 20 observed cases, 95 %."""
    low, high = of_counts(np.array([0, 1, 5, 10, 20]))
    assert low == pytest.approx([0, 0.025, 1.624, 4.795, 12.217], abs=0.001)
    assert high == pytest.approx([3.689, 5.572, 11.668, 18.390, 30.888], abs=0.001)


@given(st.integers(0, 10_000_000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_counts_are_as_by_chi_squared(count: int, level: float) -> None:
    low, high = of_counts(np.array([count]), level)
    tail = (1 - level) / 2
    assert high[0] == pytest.approx(scipy.stats.chi2.ppf(1 - tail, 2 * count + 2) / 2, rel=1e-8)
    assert low[0] == pytest.approx(0 if count == 0 else scipy.stats.chi2.ppf(tail, 2 * count) / 2, rel=1e-8)


def test_the_variance_of_a_mean_is_the_true_one() -> None:
    """Of values of which each is 0.8 of the one before, and noise: 1 / (1 - 0.8)^2 / n; in the mean of many runs."""
    generator = np.random.default_rng(1)
    noise = generator.normal(size=(2000, 1100))
    values = scipy.signal.lfilter([1], [1, -0.8], noise)[:, 100:]
    found = [long_run_variance(each)[0] for each in values]
    assert np.mean(found) == pytest.approx(25 / 1000, rel=0.05)


def test_waves_are_the_slowest_cosines() -> None:
    values = np.random.default_rng(2).normal(size=500)
    variance, waves = long_run_variance(values)
    moments = (np.arange(500) + 0.5) / 500
    squares = [
        2 / 500 * float((values - values.mean()) @ np.cos(math.pi * wave * moments)) ** 2 for wave in range(1, 9)
    ]
    assert waves == 8 and variance == pytest.approx(sum(squares) / 8 / 500)
    assert [long_run_variance(np.arange(float(count)))[1] for count in (6, 20, 60, 90)] == [4, 4, 6, 8]


def test_a_busy_hour_widens_an_interval() -> None:
    """The same values in another order: what follows itself tells less."""
    values = np.sort(np.random.default_rng(2).exponential(size=288))
    shuffled = np.random.default_rng(3).permutation(values)
    in_order, mixed = of_quantile(values, 0.5), of_quantile(shuffled, 0.5)
    assert in_order is not None and mixed is not None and in_order.value == mixed.value
    assert in_order.high - in_order.low > 3 * (mixed.high - mixed.low)


@pytest.mark.parametrize(
    ("count", "dependence"), [(8, 0.0), (30, 0.0), (288, 0.0), (288, 0.7), (288, 0.9), (2000, 0.95)]
)
def test_the_interval_of_a_median_holds_it(count: int, dependence: float) -> None:
    """In 95 % of all cases, of independent bins and of bins that follow each other: at least 89 % of so many runs."""
    generator = np.random.default_rng(4)
    held = 0
    for _ in range(RUNS):
        values = scipy.signal.lfilter([1], [1, -dependence], generator.normal(size=count + 200))[200:]
        found = of_quantile(np.exp(values), 0.5)
        assert found is not None
        held += found.low <= 1 <= found.high
    assert held >= 0.89 * RUNS


def test_the_interval_of_a_mean_holds_it_with_unequal_exposure() -> None:
    """Rates that vary from bin to bin, whose exposures vary too: what is left over is weighed by exposure."""
    generator = np.random.default_rng(5)
    held, widths = 0, []
    for _ in range(RUNS):
        exposures = generator.choice([0.2, 2.0], size=200)
        rates = generator.gamma(4, 25, size=200)  # mean 100
        found = of_mean(generator.poisson(rates * exposures).astype(float), exposures)
        held += found.low <= 100 <= found.high
        widths.append(found.high - found.low)
    assert 0.91 * RUNS <= held <= 0.99 * RUNS
    assert np.median(widths) < 25


def test_nothing_that_came_bounds_a_mean_from_above() -> None:
    found = of_mean(np.zeros(100), np.full(100, 2.0))
    assert (found.value, found.low) == (0, 0) and found.high == pytest.approx(3.689 / 200, rel=1e-3)


def test_few_bins_have_no_median_and_a_mean_as_of_one_count() -> None:
    counts = np.array([3.0, 4, 5, 2, 6])
    assert len(counts) < FEWEST and of_quantile(counts, 0.5) is None
    found = of_mean(counts, np.ones(5))
    assert found.low == pytest.approx(of_counts(np.array([20]))[0][0] / 5)


def test_values_that_are_only_known_to_be_low_are_below_the_median() -> None:
    values = np.array([-np.inf] * 3 + [1.0, 2, 3, 4, 5])
    found = of_quantile(values, 0.5)
    assert found is not None and found.value == 1.5
    hidden = of_quantile(np.array([-np.inf] * 6 + [1.0, 2]), 0.5)
    assert hidden is not None and hidden.value == -np.inf


@pytest.mark.parametrize("dependence", [0.9, 0.98])
def test_values_that_are_on_or_off_have_a_median_s_interval_too(dependence: float) -> None:
    """Of equal values the step below and the step above both count: half of the bins 0, and long runs of either."""
    generator = np.random.default_rng(7)
    held = 0
    for _ in range(RUNS):
        level = scipy.signal.lfilter([1], [1, -dependence], generator.normal(size=488))[200:]
        found = of_quantile((level / np.sqrt(1 / (1 - dependence**2)) > 0.1).astype(float), 0.5)  # 54 % are off
        assert found is not None
        held += found.low <= 0 <= found.high
    assert held >= 0.88 * RUNS


@pytest.mark.parametrize(("dependence", "least"), [(0.0, 0.93), (0.7, 0.9)])
def test_the_interval_of_a_mean_holds_it_where_bins_follow_each_other(dependence: float, least: float) -> None:
    """Garwood's alone, as if packets were independent, holds it in fewer than 60 of 100."""
    generator = np.random.default_rng(8)
    held = alone = 0
    for _ in range(RUNS):
        level = scipy.signal.lfilter([1], [1, -dependence], generator.normal(size=488))[200:]
        scale = 0.3 * math.sqrt(1 - dependence**2)
        counts = generator.poisson(200 * np.exp(scale * level)).astype(float)
        true = 200 * math.exp(0.3**2 / 2)
        found = of_mean(counts, np.ones(288))
        held += found.low <= true <= found.high
        low, high = of_counts(np.array([counts.sum()]))
        alone += low[0] / 288 <= true <= high[0] / 288
    assert held >= least * RUNS
    assert alone < 0.6 * RUNS


@given(st.lists(st.integers(0, 1000), min_size=FEWEST, max_size=60), st.sampled_from([0.05, 0.5, 0.95]))
def test_an_interval_holds_its_value_and_lies_among_the_values(counts: list[int], share: float) -> None:
    values = np.array(counts, float)
    found = of_quantile(values, share)
    assert found is not None
    assert values.min() <= found.low <= found.value <= found.high <= values.max()
    assert found.value == pytest.approx(float(np.quantile(values, share)))
