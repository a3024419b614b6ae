"""A port's hours of the day."""

from __future__ import annotations

import numpy as np
import pytest

from ims.analyse.ports.daily_pattern import daily_pattern
from ims.settings.durations import HOUR_US

TIME = np.arange(240) * HOUR_US


def test_a_wave_is_found() -> None:
    wave = 1 + 0.5 * np.cos((np.arange(240) - 5) * np.pi / 12)
    found = daily_pattern(TIME, 1000 * wave, np.full(240, 1000.0))
    assert found == pytest.approx(wave, abs=1e-6)


def test_few_packets_and_missing_hours_tell_none() -> None:
    assert (daily_pattern(TIME, np.ones(240), np.ones(240)) == 1).all()
    expected = np.where(np.arange(240) % 24 == 3, 0.0, 1000.0)
    assert (daily_pattern(TIME, expected, expected) == 1).all()
