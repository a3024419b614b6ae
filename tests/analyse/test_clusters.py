"""Intervals of sums that come in clusters, against exact ones and against simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, poisson

from ims.analyse.clusters import UNSEEN, Clusters, of_share, of_sum
from ims.analyse.intervals import Interval, of_counts

sizes = st.lists(st.integers(1, 10_000), min_size=1, max_size=20)
ends = st.tuples(*[st.floats(1e-6, 1e6)] * 3).map(sorted)


def clusters(each: list[int]) -> Clusters:
    return Clusters(sum(each), float(sum(n * n for n in each)), max(each))


@given(count=st.integers(1, 1000), size=st.integers(1, 100))
def test_of_equal_clusters_the_lower_end_is_the_exact_one_of_their_number(count: int, size: int) -> None:
    low = clusters([size] * count).interval().low
    assert low == pytest.approx(size * of_counts(np.array([count]))[0][0])


def test_it_is_the_formula_of_the_paper() -> None:
    """Fay and Feuer's equations for L and U, by chi-squared; with the largest weight UNSEEN times as large."""
    each = [5, 40, 3, 12]
    y, v, w = sum(each), sum(n * n for n in each), UNSEEN * 40
    low = v / (2 * y) * chi2.ppf(0.025, 2 * y**2 / v)
    high = (v + w**2) / (2 * (y + w)) * chi2.ppf(0.975, 2 * (y + w) ** 2 / (v + w**2))
    assert clusters(each).interval() == pytest.approx((y, low, high))


@given(count=st.integers(0, 200), size=st.integers(1, 100))
def test_of_equal_clusters_the_mid_interval_is_the_mid_p_one_of_their_number(count: int, size: int) -> None:
    """Half of the probability of the count itself belongs to each tail (Lancaster, J. Am. Stat. Ass. 56, 1961)."""
    found = Clusters(count * size, float(count * size**2), float(size)).mid_interval()
    for mean, tail in ((found.low / size, poisson.sf), (found.high / size, lambda k, m: poisson.cdf(k - 1, m))):
        expected = 0.0 if mean == 0 else 0.025
        assert tail(count, mean) + poisson.pmf(count, mean) / 2 * (mean > 0) == pytest.approx(expected, abs=1e-9)


@given(sizes)
def test_the_mid_interval_is_within_that_of_fay_and_feuer(each: list[int]) -> None:
    found = clusters(each)
    wide, narrow = found.interval(), found.mid_interval()
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_of_nothing_the_upper_end_is_that_of_no_cluster_of_the_size_that_one_may_have() -> None:
    assert Clusters(0, 0.0, 7.0).interval() == pytest.approx((0, 0, 7 * of_counts(np.array([0]))[1][0]))


@given(sizes)
def test_an_interval_holds_its_value_and_one_of_a_higher_level_holds_it(each: list[int]) -> None:
    narrow, wide = (clusters(each).interval(level) for level in (0.9, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


@given(sizes)
def test_clusters_know_less_than_as_many_single_packets(each: list[int]) -> None:
    found, (low, high) = clusters(each).interval(), of_counts(np.array([sum(each)]))
    assert found.low <= low[0] * (1 + 1e-9) and found.high >= high[0] * (1 - 1e-9)


@pytest.mark.parametrize(("mean", "least"), [(4, 0.88), (12, 0.92), (60, 0.93)])
def test_of_sums_of_exponential_clusters_it_holds_the_truth_in_95_of_100_unless_they_are_few(
    mean: int, least: float
) -> None:
    rng = np.random.default_rng(5)
    held = []
    for _ in range(600):
        each = rng.exponential(10, rng.poisson(mean))
        if len(each):
            found = Clusters(each.sum(), float(each @ each), each.max()).interval()
            held.append(found.low <= 10 * mean <= found.high)
    assert least <= np.mean(held) <= 0.99


@given(ends, ends)
def test_a_sum_is_between_the_sums_of_ends_and_no_narrower_than_either(one: list[float], other: list[float]) -> None:
    a, b = (Interval(each[1], each[0], each[2]) for each in (one, other))
    found = of_sum(a, b)
    near = 1e-9 * (a.high + b.high)
    assert a.low + b.low - near <= found.low <= found.value <= found.high <= a.high + b.high + near
    assert found.high - found.value >= max(a.high - a.value, b.high - b.value) - near


@given(ends, ends)
def test_a_share_is_within_0_and_1_and_both_shares_are_whole(one: list[float], other: list[float]) -> None:
    a, b = (Interval(each[1], each[0], each[2]) for each in (one, other))
    found, rest = of_share(a, b), of_share(b, a)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(a.value / (a.value + b.value))
    assert (found.low, found.high) == pytest.approx((1 - rest.high, 1 - rest.low), abs=1e-9)


def test_a_share_of_nothing_and_of_all_have_one_end() -> None:
    nothing, much = Interval(0.0, 0.0, 4.0), Interval(96.0, 90.0, 100.0)
    assert of_share(nothing, much) == (0, 0, 0.04)
    assert of_share(much, nothing) == (1, 0.96, 1)


def test_of_single_packets_a_share_is_nearly_the_binomial_one() -> None:
    """Agresti and Coull's interval of 40 in 400."""
    single = [Clusters(n, float(n), 1.0).interval() for n in (40, 360)]
    found = of_share(*single)
    middle, half = (40 + 1.92) / (400 + 3.84), 1.96 * math.sqrt(0.1038 * 0.8962 / 403.84)
    assert found.low == pytest.approx(middle - half, abs=0.004)
    assert found.high == pytest.approx(middle + half, abs=0.006)
