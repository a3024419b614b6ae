"""How a port's packets are spread over the hours of the day: a change within a day is dated by when they came."""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.settings.durations import DAY_US, HOUR_US

Array = np.ndarray[Any, Any]
HOURS, WAVES, FEWEST, LEAST = 24, 2, 500, 0.1
"""Of a day; waves of a day and half a day; packets that tell them; of the mean, what an hour has at least."""


def daily_pattern(time: Array, counts: Array, expected: Array) -> Array:
    """What each bin counts of what its level makes expected, 1 on average: two waves a day, fitted to the hours of the
    day. 1 where packets are too few to tell, or hours are missing. `time`: begins, microseconds; all float64 (n,)."""
    hour = (time % DAY_US) // HOUR_US
    came, should = (np.bincount(hour, each, HOURS) for each in (counts, expected))
    if came.sum() < FEWEST or (should <= 0).any():
        return np.ones(len(time))
    angle = np.arange(HOURS) * 2 * np.pi / HOURS
    waves = np.stack([of(angle * each) for each in range(1, WAVES + 1) for of in (np.cos, np.sin)])
    ratio = came / should / (came.sum() / should.sum())
    pattern = np.maximum(1 + waves.T @ (waves @ ratio * 2 / HOURS), LEAST)
    return np.asarray((pattern / pattern.mean())[hour])
