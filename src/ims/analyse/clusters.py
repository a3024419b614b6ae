"""Intervals of what comes in clusters: packets of sources, of which a few may send most.

Sources come as Poisson's do, each with packets of its own: a weighted sum of Poisson counts. Its interval is by the
gamma distribution (Fay and Feuer, Statistics in Medicine 16, 1997, 791): it counts as so many equal clusters as have
the same mean and variance, and its upper end as if one more had come that is as large as any. Where few came that is
too wide; the mid-p interval (Fay and Kim, Biometrical Journal 59, 2017, 377) is halfway between with that one more and
without it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ims.analyse.intervals import Interval
from ims.analyse.question import LEVEL

UNSEEN = 1.5
"""How many times as large as the largest cluster the one is that may have come: where few came, the largest isn't. Of
local preference (docs/calibration.md), with once, intervals held shares in 188 to 195 of 200 runs and rates in 171 to
192; with this, in 191 to 196 and in 176 to 196, and with twice in 193 to 198 and in 183 to 198."""

HALVINGS = 50
"""Of the range of an end."""


@dataclass(frozen=True)
class Clusters:
    """What came: its sum, the sum of the squares of its clusters, and the largest. `largest` of none: as large as one
    may be."""

    total: float
    squares: float
    largest: float

    def interval(self, level: float = LEVEL) -> Interval:
        """Of the expected sum."""
        from scipy.special import gammaincinv

        tail = (1 - level) / 2
        low = 0.0
        if self.total > 0:
            low = self.squares / self.total * float(gammaincinv(self.total**2 / self.squares, tail))
        total, squares = self._with_one_more(UNSEEN if self.total > 0 else 1.0)
        return Interval(self.total, low, squares / total * float(gammaincinv(total**2 / squares, 1 - tail)))

    def mid_interval(self, level: float = LEVEL) -> Interval:
        """The same, narrower: its ends have the tail in the middle of both gamma distributions, the one of what came
        and the one with one more as large as the largest."""
        from scipy.special import gammainc, gammaincinv

        tail = (1 - level) / 2
        total, squares = self._with_one_more(1.0)
        goal = np.array([tail, 1 - tail])
        high = squares / total * gammaincinv(total**2 / squares, np.array([1 - tail] * 2))
        low = np.zeros(2)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = gammainc(total**2 / squares, middle * total / squares)
            came = 1.0
            if self.total > 0:
                came = gammainc(self.total**2 / self.squares, middle * self.total / self.squares)
            is_low = (below + came) / 2 < goal
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        ends = (low + high) / 2
        return Interval(self.total, float(ends[0]) if self.total > 0 else 0.0, float(ends[1]))

    def _with_one_more(self, times: float) -> tuple[float, float]:
        """The sum, and that of the squares, with one more that is so many times as large as the largest."""
        more = self.largest * times
        return self.total + more, self.squares + more**2


def of_sum(one: Interval, other: Interval) -> Interval:
    """Of the sum of two that don't depend on each other: their distances from the ends, as the sides of a right angle
    (MOVER: Zou and Donner, Statistics in Medicine 27, 2008, 1693)."""
    value = one.value + other.value
    low = value - math.hypot(one.value - one.low, other.value - other.low)
    return Interval(value, max(low, 0.0), value + math.hypot(one.high - one.value, other.high - other.value))


def of_share(one: Interval, other: Interval) -> Interval:
    """Of one's part of both: the same of the logarithm of their ratio (MOVER-R: Donner and Zou, Stat. Methods Med. Res.
    21, 2012, 347). A part that is 0, or all, has no such logarithm: its interval is that of the part that may be
    missing. At least one of them is above 0."""
    if one.value <= 0:
        return Interval(0.0, 0.0, one.high / (one.high + other.value))
    if other.value <= 0:
        return Interval(1.0, one.value / (one.value + other.high), 1.0)
    odds = math.log(one.value / other.value)
    below = math.hypot(_log(one.value, one.low), _log(other.high, other.value))
    above = math.hypot(_log(one.high, one.value), _log(other.value, other.low))
    return Interval(*(1 / (1 + math.exp(-at)) for at in (odds, odds - below, odds + above)))


def _log(high: float, low: float) -> float:
    """By how much the logarithm of one is above that of the other; enough, where that is 0."""
    return math.log(high / low) if low > 0 else 700.0
