"""The peak and the amplitude of a curve, and their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.analyse.circadian.curve import WIDEST, amplitude, peak, student
from ims.analyse.circadian.fit import waves
from ims.analyse.circadian.variance import Spread


def values(*heights: float, at: float = 5.0) -> Any:
    """Of waves that are all highest at an hour."""
    found = np.zeros(6)
    for number, height in enumerate(heights):
        angle = 2 * np.pi * (number + 1) * at / 24
        found[2 * number : 2 * number + 2] = height * np.cos(angle), height * np.sin(angle)
    return found


def spread(sigma: float, freedom: float = 1e9) -> Spread:
    return Spread(np.eye(6) * sigma**2, freedom, 1.0, 1.0, 12, None)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 23.99), st.floats(0.2, 1.0))
def test_the_peak_is_where_the_curve_is_highest(hour: float, height: float) -> None:
    found = peak(values(height, height / 4, at=hour), spread(0.01))
    assert found is not None
    assert abs((found.value - hour + 12) % 24 - 12) <= 1 / 120
    assert 0 <= found.value < 24 and found.low <= found.value <= found.high


def test_ends_go_on_beyond_midnight() -> None:
    early, late = peak(values(0.3, at=0.2), spread(0.05)), peak(values(0.3, at=23.8), spread(0.05))
    assert early is not None and late is not None
    assert early.low < 0 < early.value < early.high
    assert late.low < late.value < 24 < late.high


def test_of_one_wave_the_interval_is_that_of_its_phase() -> None:
    """The angle of (a, b), whose errors are sigma each, varies by sigma / height (Bingham et al., Chronobiologia 9,
    1982)."""
    found = peak(values(0.5), Spread(np.diag([0.02**2] * 2 + [1e-20] * 4), 1e9, 1.0, 1.0, 12, None))
    assert found is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.02 / 0.5 * 24 / (2 * np.pi), rel=0.1)


def test_two_peaks_of_the_same_height_are_both_in_the_interval_or_there_is_none() -> None:
    """Highest at 5 and at 13 alike: ten hours hold both; at 5 and at 17 there is no interval."""
    hours = np.arange(0, 24, 0.01)
    curve = np.exp(-((hours - 5) ** 2) / 6) + np.exp(-((hours - 13) ** 2) / 6)
    fitted = np.linalg.lstsq(waves(hours), curve - curve.mean(), rcond=None)[0]
    found = peak(fitted, spread(0.05))
    assert found is not None
    assert found.low < 6 and found.high > 12
    assert peak(values(0, 0.3), spread(0.1)) is None


def test_no_curve_has_no_peak() -> None:
    assert peak(values(0.01), spread(0.1)) is None
    assert WIDEST < 24


def test_the_amplitude_is_half_of_what_the_curve_goes_up_and_down() -> None:
    """Of exp(h cos t) it is sinh h / I0(h)."""

    def exact(height: float) -> float:
        return float(np.sinh(height) / np.i0(height))

    found = amplitude(values(0.4), Spread(np.diag([0.02**2] * 2 + [1e-20] * 4), 1e9, 1.0, 1.0, 12, None))
    assert found.value == pytest.approx(exact(0.4), rel=1e-3)
    assert found.low == pytest.approx(exact(0.4 - 1.96 * 0.02), rel=0.01)
    assert found.high == pytest.approx(exact(0.4 + 1.96 * 0.02), rel=0.01)


def test_intervals_are_wider_of_fewer_degrees_of_freedom() -> None:
    many, few = (amplitude(values(0.4), spread(0.01, freedom)) for freedom in (1e9, 5.0))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(2.5706 / 1.96, rel=0.05)
    assert student(5.0) == pytest.approx(2.5706 / 1.96, rel=1e-3)


def test_the_same_values_have_the_same_interval() -> None:
    assert peak(values(0.3, 0.1), spread(0.05)) == peak(values(0.3, 0.1), spread(0.05))
