"""How a curve would differ for other networks and other days: judged by leaving networks out, by statsmodels, and by
drawing again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from ims.analyse.circadian.fit import Fit, Observed, fit, local_waves, trend, waves
from ims.analyse.circadian.variance import ENOUGH_NETWORKS, Cells, Spread, p_value, spread_of

from ..day_counts import wave

HOURS = np.arange(168) + 0.5
NETWORKS = 40


def drawn(rates: Any, seed: int) -> Any:
    return np.random.default_rng(seed).poisson(rates).astype(float)


def observed(counts: Any) -> tuple[Observed, Cells]:
    """Counts of networks, (k, n)."""
    cluster, place = np.nonzero(counts)
    seen = Observed(HOURS, 1.0, np.ones(168), np.zeros(1), counts.sum(0)[None])
    return seen, Cells(cluster, place, counts[cluster, place])


def spread(counts: Any) -> tuple[Fit, Spread]:
    seen, cells = observed(counts)
    found = fit(seen, local_waves(seen))
    return found, spread_of(seen, found, cells)


def own_hours(seed: int, rate: float = 30.0) -> Any:
    """Networks of different sizes, each of which has an hour of its own, around five."""
    rng = np.random.default_rng(seed)
    peaks = rng.normal(5, 4, NETWORKS)
    return drawn(
        rate * rng.uniform(0.3, 1.7, NETWORKS)[:, None] * np.stack([wave(HOURS, peak) for peak in peaks]), seed
    )


def test_it_is_the_covariance_of_fits_that_leave_one_network_out() -> None:
    counts = own_hours(1)
    found, spreads = spread(counts)
    left_out = []
    for number in range(NETWORKS):
        seen = observed(np.delete(counts, number, 0))[0]
        left_out.append(fit(seen, local_waves(seen)).values - found.values)
    judge = (NETWORKS - 1) / NETWORKS * np.array(left_out).T @ np.array(left_out)
    shared = max(spreads.together - spreads.apart, 0) * found.inverse
    assert np.sqrt(np.diag(spreads.covariance - shared)) == pytest.approx(np.sqrt(np.diag(judge)), rel=0.04)


def test_it_is_the_sandwich_of_statsmodels_by_cluster() -> None:
    """Of many networks, whose jackknife and sandwich are nearly the same."""
    counts = own_hours(2)
    found, spreads = spread(counts)
    shares = counts.sum(1) / counts.sum()
    judge = sm.GLM(
        counts.ravel(), np.tile(np.hstack([trend(HOURS), waves(HOURS, 1.0)]), (NETWORKS, 1)),
        family=sm.families.Poisson(), offset=np.repeat(np.log(shares), 168),
    ).fit(cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(NETWORKS), 168)})  # fmt: skip
    shared = max(spreads.together - spreads.apart, 0) * found.inverse
    ours, theirs = (np.sqrt(np.diag(each)) for each in (spreads.covariance - shared, judge.cov_params()[-6:, -6:]))
    assert ours == pytest.approx(theirs, rel=0.08)
    assert (ours > theirs).all()  # a jackknife is the wider one


def test_independent_sources_have_the_covariance_of_poisson_counts() -> None:
    found, spreads = spread(drawn(np.full((200, 168), 3.0), 3))
    assert np.diag(spreads.covariance) == pytest.approx(np.diag(found.inverse), rel=0.5)
    assert spreads.apart == pytest.approx(1, abs=0.1) and spreads.together < 2.5


def test_networks_that_each_have_their_hour_are_wider_than_that() -> None:
    found, spreads = spread(own_hours(4))
    assert np.trace(spreads.covariance[:2, :2]) > 10 * np.trace(found.inverse[:2, :2])


def test_what_all_networks_share_is_told_by_time() -> None:
    """Hours that are noisy for all: drawn again and again, the values vary as told."""
    made = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        made.append(spread(drawn(rng.gamma(10, 0.3, 168) * np.ones((60, 1)), seed)))
    told = np.mean([np.diag(each.covariance) for _, each in made], 0)
    varied = np.var([found.values for found, _ in made], 0)
    assert told.sum() == pytest.approx(varied.sum(), rel=0.35)
    assert np.mean([each.together / each.apart for _, each in made]) > 8


@pytest.mark.parametrize("networks", [1, ENOUGH_NETWORKS - 2])
def test_of_few_networks_time_alone_tells(networks: int) -> None:
    found, spreads = spread(drawn(np.full((networks, 168), 50.0), 5))
    assert spreads.networks is None
    assert spreads.covariance == pytest.approx(found.inverse * max(spreads.together, 1))


def test_one_large_network_among_many_small_ones_is_few() -> None:
    rates = np.full((60, 168), 0.2)
    rates[0] = 100
    assert spread(drawn(rates, 6))[1].networks is None


def test_it_is_never_less_than_of_independent_sources() -> None:
    """Each of 300 hosts is seen in each hour: counts don't vary at all."""
    found, spreads = spread(np.full((60, 168), 5.0))
    assert np.diag(spreads.covariance) == pytest.approx(np.diag(found.inverse))


def p_values(noise: float | None, height: float = 0.0, runs: int = 120) -> Any:
    """Of sources without a pattern, or with one; `noise`: how uneven hours are for all, the shape of a gamma."""
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        shared = 1.0 if noise is None else rng.gamma(noise, 1 / noise, 168)
        found.append(p_value(*spread(drawn(2 * wave(HOURS, 5, height) * shared * np.ones((40, 1)), seed))))
    return np.array(found, float)


@pytest.mark.parametrize("noise", [None, 10.0, 1.0])
def test_without_a_pattern_it_is_small_as_often_as_it_says_or_less(noise: float | None) -> None:
    found = p_values(noise)
    assert (found < 0.05).mean() <= 0.11
    assert found.min() > 5e-4


def test_with_a_pattern_it_is_small() -> None:
    assert p_values(None, 0.2, 10).max() < 1e-4


def test_of_two_days_there_are_waves_enough_beside_the_day() -> None:
    counts = drawn(np.full((40, 48), 3.0), 7)
    cluster, place = np.nonzero(counts)
    seen = Observed(HOURS[:48], 1.0, np.ones(48), np.zeros(1), counts.sum(0)[None])
    found = fit(seen, local_waves(seen))
    assert spread_of(seen, found, Cells(cluster, place, counts[cluster, place])).beside >= 8
