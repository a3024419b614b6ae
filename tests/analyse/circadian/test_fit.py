"""A daily curve beside a trend: statsmodels' fit is the judge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.analyse.circadian.fit import Observed, fit, local_waves, period_of, trend, waves

from ..day_counts import wave

HOURS = np.arange(168) + 0.5


def observed(counts: Any, exposure: Any = 1.0, hour: Any = HOURS, ahead: Any = (0.0,)) -> Observed:
    return Observed(
        hour, 1.0, np.broadcast_to(exposure, hour.shape).astype(float), np.array(ahead), np.atleast_2d(counts)
    )


def drawn(rate: Any, seed: int = 1) -> Any:
    return np.random.default_rng(seed).poisson(rate).astype(float)


def test_it_is_the_fit_of_statsmodels() -> None:
    counts = drawn(2000 * wave(HOURS) * 1.3 ** (HOURS / 24))
    found = fit(observed(counts), local_waves(observed(counts)))
    judge = sm.GLM(counts, np.hstack([trend(HOURS), waves(HOURS, 1.0)]), family=sm.families.Poisson()).fit()
    assert found.values == pytest.approx(judge.params[-6:], abs=2e-4)
    assert found.expected == pytest.approx(judge.fittedvalues, rel=1e-3)
    assert found.inverse == pytest.approx(judge.cov_params()[-6:, -6:], rel=2e-2, abs=1e-7)


def test_the_trend_takes_nothing_that_repeats_each_day_but_a_level() -> None:
    """Of whole days a spline with a knot a day has no part in a wave of a day, but at the range's ends."""
    inner = trend(HOURS)[:, 3:-3]
    assert np.abs(inner.T @ waves(HOURS)).max() < 1e-9 * len(HOURS)


@pytest.mark.parametrize("slope", [-1.6, -0.3, 0.5])
def test_a_steady_decay_or_growth_is_the_trends(slope: float) -> None:
    rate = 1e5 * np.exp(slope * (HOURS - 84) / 24)
    found = fit(observed(rate), local_waves(observed(rate)))
    assert np.abs(found.values).max() < 1e-3


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 24), st.floats(0.05, 1.5), st.integers(2, 9))
def test_a_wave_is_found_again(peak: float, height: float, days: int) -> None:
    hour = np.arange(24 * days) + 0.5
    rate = 1e4 * wave(hour, peak, height)
    values = fit(observed(rate, hour=hour), local_waves(observed(rate, hour=hour))).values
    assert np.hypot(*values[:2]) == pytest.approx(height, abs=0.02)
    off = np.arctan2(values[1], values[0]) * 12 / np.pi - peak
    assert abs((off + 12) % 24 - 12) < 0.05


def test_means_over_bins_are_those_of_their_middles_less() -> None:
    fine = (np.arange(1000) + 0.5) / 1000 * 3
    assert waves(np.array([1.5]), 3.0)[0] == pytest.approx(waves(fine).mean(0), abs=1e-5)


@pytest.mark.parametrize(("power", "expected"), [(1.0, 1.0), (0.4, 0.4), (0.0, 0.0), (1.6, 1.0), (-0.7, 0.0)])
def test_twice_as_many_addresses_see_up_to_twice_as_many_sources(power: float, expected: float) -> None:
    """A block joins in the middle of the fourth day: a step that the trend can't follow."""
    exposure = np.where(HOURS < 84, 1.0, 16.0)
    rate = 1000 * wave(HOURS) * exposure**power
    found = fit(observed(rate, exposure), local_waves(observed(rate, exposure)))
    if power == expected:
        assert found.expected == pytest.approx(rate, rel=0.03)
    step = found.expected[84] / found.expected[83] * wave(HOURS[83:84]) / wave(HOURS[84:85])
    assert step == pytest.approx(16**expected, rel=0.05 if power == expected else 0.8)


def test_strata_have_levels_and_clocks_of_their_own() -> None:
    ahead = np.array([-5.0, 9.0])
    rate = np.stack([100 * wave(HOURS - 5, 14), 3000 * wave(HOURS + 9, 14)])
    both = observed(rate, ahead=ahead)
    found = fit(both, local_waves(both))
    assert np.arctan2(found.values[1], found.values[0]) * 12 / np.pi % 24 == pytest.approx(14, abs=0.01)
    assert found.expected == pytest.approx(rate.ravel(), rel=0.02)


@pytest.mark.parametrize("period", [23.4, 24.0, 24.7])
def test_a_period_is_found(period: float) -> None:
    counts = drawn(500 * np.exp(0.5 * np.cos(2 * np.pi * HOURS / period)))
    found = period_of(observed(counts))
    assert found is not None
    assert found[0] == pytest.approx(period, abs=4 * np.sqrt(found[1].inverse[-1, -1]))
    assert np.sqrt(found[1].inverse[-1, -1]) < 0.05


def test_a_period_that_a_week_tells_from_a_day_is_not_a_days() -> None:
    assert period_of(observed(1e4 * np.exp(0.5 * np.cos(2 * np.pi * HOURS / 26.5)))) is None


def test_hours_without_a_source_are_no_trouble() -> None:
    counts = np.where(np.arange(168) // 24 == 3, 0.0, drawn(20 * wave(HOURS)))
    found = fit(observed(counts), local_waves(observed(counts)))
    assert np.isfinite(found.values).all() and found.expected.sum() == pytest.approx(counts.sum(), rel=1e-3)
