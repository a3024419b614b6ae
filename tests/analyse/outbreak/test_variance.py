"""How counts of sources vary around a law: against hosts that live and come one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from ims.analyse.likelihood import Target, fit, profile
from ims.analyse.outbreak.epidemic_curve import Array, Of
from ims.analyse.outbreak.law import Law
from ims.analyse.outbreak.starts import only, problem_of
from ims.analyse.outbreak.variance import covariance, ends, enough, excess, misfit, rough_factor

from ..hosts import Worm, hourly, seen

WORM = Worm(hosts=600, decline=10.0, cleaning=0.1, rest=0.1, is_drawn=False)
FREE = only(Of.PEAK, Of.DECLINE, Of.CLEANING, Of.REST)
RUNS = 600


def law(
    whole: float, counts: Array | None = None, worm: Worm = WORM, noise: Array | float = 0.0, before: float = 0.5
) -> Law:
    """The true one. `before`: visits of a source that isn't the worm's."""
    bins = replace(hourly(48, whole), whole_before=before)
    counts = bins.expected(worm.row(whole, 20.0))[0] if counts is None else counts
    return Law(bins, problem_of(bins, counts, noise), worm.row(whole, 20.0)[0], FREE, 0.0, 1.0)


def fitted(whole: float, counts: Array, before: float = 0.5) -> Law:
    """That of these counts."""
    made = law(whole, counts, before=before)
    fits = fit(made.problem, made.parameters[None], FREE)
    return replace(made, parameters=fits.parameters[0], deviance=float(fits.deviance[0]))


def runs(whole: float, worm: Worm = WORM, count: int = RUNS) -> Array:
    """Sources of a worm, whose hosts are as many as chance makes them, and of those that come half a time an hour, whose
    mean is 20: (runs, bins)."""
    draw, bins = np.random.default_rng(1), hourly(48, whole)
    others = round(20 / -math.expm1(-0.5))
    lives = (np.full(others, -math.inf), np.full(others, math.inf))
    return np.array([
        seen(replace(worm, hosts=int(draw.poisson(worm.hosts))).lives(draw), bins, draw).sum(0)
        + seen(lives, bins, draw, 0.5).sum(0)
        for _ in range(count)
    ], float)  # fmt: skip


@pytest.mark.parametrize("whole", [0.05, 0.7, 4.0])
def test_counts_of_bins_vary_together_as_by_hosts_that_live_one_by_one(whole: float) -> None:
    """Of 600 runs: the variances of single bins, of the sum after the decline, and of its begin less its end. In the bin
    in which hosts begin to go, more is expected."""
    made, counts = covariance(law(whole)), runs(whole)
    found = np.cov(counts.T)
    error = math.sqrt(2 / RUNS)
    ratio = np.delete(np.diag(made) / np.diag(found), 10)
    assert ratio == pytest.approx(np.ones(47), abs=4.5 * error)
    assert np.mean(ratio) == pytest.approx(1, abs=0.08)
    assert made[10, 10] > 0.8 * found[10, 10]
    for weights in (np.arange(48) >= 12, np.where(np.arange(48) < 24, 1.0, -1.0) * (np.arange(48) >= 12)):
        assert weights @ made @ weights == pytest.approx(weights @ found @ weights, rel=3.5 * error)
    assert np.linalg.eigvalsh(made).min() > 0 and made == pytest.approx(made.T)


def test_hosts_that_are_on_for_a_part_of_the_day_vary_together_as_they_are_on() -> None:
    """Of 2000 runs of 100 hosts of the rest, each on for ten hours a day from any hour on: the variance of one bin, and the
    covariances of bins some hours and a day apart. Hosts that are always on add none."""
    draw, made = np.random.default_rng(1), law(30.0, worm=replace(WORM, hosts=100, decline=0.0, cleaning=50.0))
    at = np.arange(48) + 0.5
    on = ((at - draw.random((2000, 100, 1)) * 24) % 24 < 10).sum(1)
    parameters = made.parameters.copy()
    parameters[[Of.PEAK, Of.REST, Of.LOST]] = math.log(100), math.log(10 / 24), 14 / 24
    waved = replace(made, parameters=parameters, free=FREE | only(Of.COSINE))
    added = covariance(waved) - covariance(replace(waved, free=FREE))
    found = np.cov(on.T)
    for apart in (0, 5, 10, 12, 24):
        pairs = np.arange(10, 24), np.arange(10, 24) + apart
        assert added[pairs].mean() == pytest.approx(found[pairs].mean(), abs=1.2)
    parameters[Of.LOST] = 0.0
    always = replace(waved, parameters=parameters)
    assert covariance(always) == pytest.approx(covariance(replace(always, free=FREE)))


def test_waves_that_the_law_leaves_out_are_as_much_smaller_as_the_second_is() -> None:
    """Beside the hours of hosts, the day's waves of 8, 6, 4.8 and 4 hours: each one's square at no distance, and the same a
    day later; at least 2 % of hosts are taken for not seen."""
    made = law(30.0)
    parameters = made.parameters.copy()
    parameters[[Of.COSINE, Of.COSINE_2]] = 0.4, 0.1
    waved = replace(made, parameters=parameters, free=FREE | only(Of.COSINE))
    level = math.exp(parameters[Of.PEAK]) / made.bins.chance * math.exp(parameters[Of.REST])
    added = covariance(waved) - covariance(replace(waved, free=FREE))
    expected = (0.98 * level) ** 2 * sum((0.1 * 0.25 ** (n - 2)) ** 2 for n in (3, 4, 5, 6))
    assert added[20, 20] == pytest.approx(expected, rel=1e-6)
    assert added[20, 44] == pytest.approx(expected, rel=1e-6) and abs(added[20, 22]) < 0.2 * expected


def test_noise_that_a_role_is_shown_is_variance_of_each_bin() -> None:
    plain, noisy = covariance(law(0.7)), covariance(law(0.7, noise=np.full(48, 50.0)))
    assert noisy - plain == pytest.approx(np.diag(np.full(48, 50.0)))


@pytest.mark.parametrize("whole", [0.05, 0.7])
def test_sources_that_vary_by_chance_have_no_excess(whole: float) -> None:
    """But in one of twenty runs and some."""
    factors = [excess(fitted(whole, counts)) for counts in runs(whole, count=60)]
    assert np.mean(np.array(factors) == 1.0) > 0.8 and np.median(factors) == 1.0
    assert np.quantile(factors, 0.98) < 2.5
    assert all(misfit(fitted(whole, counts)) == 0 for counts in runs(whole, count=5))


def test_sources_that_vary_more_have_an_excess_of_as_much() -> None:
    """Of counts whose variance is three, or ten, times their mean."""
    draw, curve = np.random.default_rng(2), law(1e-6, worm=replace(WORM, hosts=3 * 10**7)).expected
    for times in (3.0, 10.0):
        factors = [
            excess(fitted(1e-6, draw.poisson(draw.gamma(curve / (times - 1), times - 1)).astype(float), 1e-6))
            for _ in range(40)
        ]
        assert np.median(factors) == pytest.approx(times, rel=0.25)
        assert min(factors) > 1


def test_misses_that_follow_each_other_widen_more_than_as_many_in_another_order() -> None:
    draw, curve = np.random.default_rng(3), law(0.05).expected
    waves = 1 + 0.5 * np.sin(np.arange(48) / 24 * 2 * np.pi)
    follow = excess(fitted(0.05, draw.poisson(curve * waves).astype(float)))
    apart = excess(fitted(0.05, draw.poisson(curve * draw.permutation(waves)).astype(float)))
    assert follow > 2 * apart > 2


def test_sources_of_another_form_miss_the_law_by_much() -> None:
    curve = law(0.7).expected
    made = law(0.7, np.where(np.arange(48) % 12 < 6, 2.0, 0.1) * curve)
    assert misfit(made) > 0.5


def test_bins_of_few_are_taken_together_until_some_are_expected() -> None:
    curve = np.array([0.1, 0.2, 5.0, 7.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2])
    together = enough(curve)
    assert (together.sum(0) == 1).all() and (np.diff(np.argmax(together, 0)) >= 0).all()
    assert np.median(together @ curve) >= 3
    assert enough(np.full(10, 50.0)) == pytest.approx(np.eye(10))
    assert len(enough(np.full(10, 0.01))) == 1


def test_the_rough_factor_is_pearson_s_statistic_by_its_degrees_of_freedom() -> None:
    bins, curve = hourly(48, 1e-9), np.full(48, 50.0)
    counts = np.random.default_rng(4).poisson(50, 48).astype(float)
    found = rough_factor(problem_of(bins, counts), bins, curve, 3)
    assert found == pytest.approx(
        scipy.stats.chisquare(counts, curve * counts.sum() / curve.sum()).statistic / 45, rel=0.05
    )
    assert rough_factor(problem_of(bins, curve), bins, curve, 3) == pytest.approx(1)
    often = replace(bins, whole=50.0)
    assert rough_factor(problem_of(bins, curve), often, curve, 3) == 0.02


def test_ends_of_counts_that_vary_by_poisson_s_law_are_those_of_the_profile() -> None:
    """Of sources that are seen so seldom, that no host is seen twice; twice the factor, the root of it wider."""
    made = law(1e-9, worm=replace(WORM, hosts=20_000_000_000), before=1e-9)
    made = replace(
        made,
        free=only(Of.PEAK, Of.BEFORE),
        deviance=float(made.problem.deviance(made.parameters[None], made.expected[None])[0]),
    )
    found = ends(made, 1.0, (made.problem, Of.PEAK, made.parameters))
    plain = profile(Target(made.problem, Of.PEAK, made.parameters, made.free, made.deviance), 3.8415)
    assert found == pytest.approx(plain, abs=0.05 * (plain[1] - plain[0]))  # type: ignore[operator]
    low, high = ends(made, 4.0, (made.problem, Of.PEAK, made.parameters))
    assert low is not None and high is not None and found[0] is not None and found[1] is not None
    assert high - low == pytest.approx(2 * (found[1] - found[0]), rel=0.15)
