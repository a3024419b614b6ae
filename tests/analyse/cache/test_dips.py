"""Where hit rates dip: planted falls are found, and quiet traffic, however uneven, hardly ever has one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from ims.analyse.cache.dips import COLD_HOURS, FALSE_ALARMS, LEAST_FALL, Dip, dips_of, usual_of
from ims.settings.durations import DAY_US, HOUR_US

Array = np.ndarray[Any, Any]
COLD = [0.075, 0.042, 0.027]
"""Shares of new payloads in the first hours of a day, as scenario mysql-2004 has them."""


def traffic(seed: int, days: int, rate: float, uneven: float = 0.0, share: float = 0.02) -> tuple[Array, Array, Array]:
    """Hours, packets with a payload, and new ones. `uneven`: variance of both from hour to hour, by their mean."""
    random = np.random.default_rng(seed)
    time = np.arange(days * 24) * HOUR_US

    def varied() -> Array:
        return random.gamma(1 / uneven, uneven, len(time)) if uneven else np.ones(len(time))

    hour = time % DAY_US // HOUR_US
    payloads = random.poisson(rate * varied())
    shares = np.where(hour < COLD_HOURS, np.array(COLD)[np.minimum(hour, COLD_HOURS - 1)], share) * varied()
    return time, payloads.astype(float), random.binomial(payloads, np.minimum(shares, 1)).astype(float)


def found(time: Array, payloads: Array, new: Array) -> list[Dip]:
    usual = usual_of(time, payloads, new, HOUR_US)
    return dips_of(payloads, new, usual, int(np.isfinite(usual.share).sum()))


@pytest.mark.parametrize("uneven", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("rate", [50, 2_000, 100_000])
def test_quiet_traffic_has_a_dip_as_rarely_as_is_said(rate: float, uneven: float) -> None:
    alarms = sum(bool(found(*traffic(seed, 7, rate, uneven))) for seed in range(200))
    assert binomtest(alarms, 200, FALSE_ALARMS, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize("seed", range(10))
def test_a_planted_fall_is_one_dip_at_its_hours_with_what_was_added(seed: int) -> None:
    time, payloads, new = traffic(seed, 16, 400)
    added = np.random.default_rng(seed + 1000).poisson(600, 30)
    for each in (payloads, new):
        each[129:159] += added
    [dip] = found(time, payloads, new)
    assert (dip.first, dip.last) == (129, 158)
    assert dip.excess == pytest.approx(added.sum() * (1 - 0.025), rel=0.02)


def test_a_fall_over_midnight_is_one_dip_and_midnight_itself_is_none() -> None:
    time, payloads, new = traffic(1, 16, 400)
    assert found(time, payloads, new) == []
    for each in (payloads, new):
        each[140:150] += 500
    assert [(dip.first, dip.last) for dip in found(time, payloads, new)] == [(140, 149)]


def test_of_few_days_the_first_hours_of_each_aren_t_judged() -> None:
    time, payloads, new = traffic(1, 3, 400)
    usual = usual_of(time, payloads, new, HOUR_US)
    assert np.isnan(usual.share[time % DAY_US < COLD_HOURS * HOUR_US]).all()
    assert np.isfinite(usual.share[time % DAY_US >= COLD_HOURS * HOUR_US]).all()
    new[24:26] = payloads[24:26]
    assert found(time, payloads, new) == []


def test_where_watching_begins_during_a_day_its_first_hours_aren_t_judged() -> None:
    time, payloads, new = (each[10:] for each in traffic(1, 3, 400))
    new[:3] = payloads[:3] // 2
    assert found(time, payloads, new) == []


def test_a_fall_of_less_than_a_fiftieth_isn_t_a_dip_however_sure_it_is() -> None:
    time, payloads, new = traffic(1, 7, 1_000_000)
    new[40] += (LEAST_FALL - 0.002) * payloads[40]
    assert found(time, payloads, new) == []
    new[40] += 0.004 * payloads[40]
    assert [(dip.first, dip.last) for dip in found(time, payloads, new)] == [(40, 40)]


def test_without_enough_bins_nothing_is_usual() -> None:
    time, payloads, new = traffic(1, 1, 400)
    assert np.isnan(usual_of(time[:5], payloads[:5], new[:5], HOUR_US).share).all()
    assert np.isnan(usual_of(time, np.zeros(24), np.zeros(24), HOUR_US).share).all()
    assert len(usual_of(time[:0], payloads[:0], new[:0], HOUR_US).share) == 0


def test_bins_of_a_day_are_all_alike() -> None:
    random = np.random.default_rng(3)
    time = np.arange(30) * DAY_US
    payloads, new = np.full(30, 5000.0), random.binomial(5000, 0.03, 30).astype(float)
    new[12] = 1000
    usual = usual_of(time, payloads, new, DAY_US)
    assert usual.share == pytest.approx(np.full(30, 0.03), rel=0.05)
    assert [(dip.first, dip.last) for dip in dips_of(payloads, new, usual, 30)] == [(12, 12)]


def test_a_watch_that_begins_again_during_a_day_has_no_dip_while_its_cache_is_empty() -> None:
    time, payloads, new = traffic(1, 7, 2_000)
    begin = 3 * 24 + 9
    new[begin : begin + 2] = payloads[begin : begin + 2] * 0.08
    assert [(dip.first, dip.last) for dip in found(time, payloads, new)] == [(begin, begin + 1)]
    watched = np.r_[0 : 3 * 24 - 2, begin : len(time)]
    assert found(time[watched], payloads[watched], new[watched]) == []
    late = np.r_[0 : 3 * 24 - 2, 3 * 24 + 2 : len(time)]  # its first hours are like those after a midnight
    new[begin : begin + 2] = payloads[begin : begin + 2] * 0.02
    new[3 * 24 + 2 : 3 * 24 + 5] = payloads[3 * 24 + 2 : 3 * 24 + 5] * 0.08
    assert found(time[late], payloads[late], new[late]) == []


def test_a_first_bin_that_was_hardly_watched_is_where_the_watch_begins() -> None:
    time, payloads, new = traffic(1, 21, 2_000)
    new[24:28] = payloads[24:28] * np.array([0.3, 0.2, 0.042, 0.02])
    seconds = np.full(len(time), 3600.0)
    seconds[24], payloads[24], new[24] = 60.0, 30.0, 4.0
    usual = usual_of(time, payloads, new, HOUR_US, seconds)
    assert dips_of(payloads, new, usual, len(time)) == []
    assert dips_of(payloads, new, usual_of(time, payloads, new, HOUR_US), len(time)) != []


@pytest.mark.parametrize("hours", [5, 6, 7, 9, 11, 12])
def test_bins_that_hold_a_midnight_are_no_dips_of_the_others(hours: int) -> None:
    alarms = 0
    for seed in range(20):
        time, payloads, new = (each[: 21 * 24 // hours * hours] for each in traffic(seed, 21, 2_000))
        payloads, new = (each.reshape(-1, hours).sum(axis=1) for each in (payloads, new))
        width = hours * HOUR_US
        usual = usual_of(time[::hours], payloads, new, width)
        assert np.isfinite(usual.share).sum() > len(new) / 2
        alarms += bool(dips_of(payloads, new, usual, len(new)))
    assert alarms <= 3
