"""When a daily curve is highest, how far it goes up and down, and the intervals of both.

Both are far from straight in the curve's values (of two peaks of nearly the same height either may be the highest), so
values are drawn from their distribution, and the interval is that of what the draws have (Krinsky and Robb, Rev. Econ.
Stat. 68, 1986).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.analyse.circadian.fit import DAY, waves
from ims.analyse.circadian.variance import Spread
from ims.analyse.intervals import Interval
from ims.analyse.question import LEVEL

Array = np.ndarray[Any, Any]
DRAWS = 2000
GRID = np.arange(0, DAY, 1 / 20)
FINE = np.arange(0, DAY, 1 / 120)
WIDEST = 12.0
"""Hours of an interval that still tells something of the hour."""


def peak(values: Array, spread: Spread) -> Interval | None:
    """The hour of the clock at which the curve is highest, in [0, 24); ends may be below 0 and above 24. None where the
    interval is wider than WIDEST."""
    at = float(FINE[np.argmax(waves(FINE) @ values)])
    drawn = GRID[np.argmax(_draws(values, spread) @ waves(GRID).T, axis=1)]
    low, high = _ends((drawn - at + DAY / 2) % DAY - DAY / 2)
    return None if high - low > WIDEST else Interval(at, at + min(low, 0.0), at + max(high, 0.0))


def amplitude(values: Array, spread: Spread) -> Interval:
    """Half of the difference between the curve's highest and lowest, by its mean."""
    value = float(_amplitudes(values[None])[0])
    low, high = _ends(_amplitudes(_draws(values, spread)))
    return Interval(value, min(low, value), max(high, value))


def _amplitudes(values: Array) -> Array:
    curves = np.exp(values @ waves(GRID).T)
    return np.asarray((curves.max(1) - curves.min(1)) / 2 / curves.mean(1))


def _ends(drawn: Array) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _draws(values: Array, spread: Spread) -> Array:
    """Values as they might be, (DRAWS, q): the same each time."""
    normal = np.random.default_rng(0).standard_normal((DRAWS, len(values)))
    lengths, axes = np.linalg.eigh(spread.covariance)
    return np.asarray(values + normal * np.sqrt(np.maximum(lengths, 0)) * student(spread.freedom) @ axes.T)


def student(freedom: float) -> float:
    """By how much Student's interval is wider than the normal distribution's."""
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(max(freedom, 1.0), (1 + LEVEL) / 2) / ndtri((1 + LEVEL) / 2))
