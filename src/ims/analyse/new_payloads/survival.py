"""How many come to a next place, by the time since they came to the first, where most are watched for a part of it.

A payload that came an hour before the range ended, or after which nobody else was watched for a while, may have come to
a second place unseen. So the share is Kaplan and Meier's (J. Am. Stat. Ass. 53, 1958): at each delay at which some came
to the next place, of those that could be seen to do so then. Its variance is Greenwood's, times how much more it is
where payloads come in campaigns (campaigns.py); its interval that of the logarithm of the logarithm (Kalbfleisch and
Prentice, The Statistical Analysis of Failure Time Data, 1980, section 1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ims.analyse.intervals import FEWEST, Interval
from ims.analyse.new_payloads.campaigns import NONE, Begins, Excess, Steps, excess
from ims.analyse.question import LEVEL

Array = np.ndarray[Any, Any]
AT_LEAST = 0.1
"""Of all, who must have been watched so long that a share at a delay is told: beyond, few say it."""


@dataclass(frozen=True)
class Times:
    """Seconds since the first arrival. In (`since`, `until`] of each, `weight` many could be seen to come to the next
    place: (n,) each. At `at` they did, `number` many: (m,) each. To the range's end there are `left`, of `count` many:
    (k,) each."""

    since: Array
    until: Array
    weight: Array
    at: Array
    number: Array
    left: Array
    count: Array
    begins: Begins | None = None


@dataclass(frozen=True)
class Survival:
    """At each delay (seconds, in order) at which some came: how many could, how many did, the share of all that hasn't
    come by then, and Greenwood's sum: float64 (n,) each. `horizon`: seconds, up to which enough could be seen;
    `excess`: how many times the variance is Greenwood's, None where that can't be told, and ends aren't bounded."""

    delay: Array
    could: Array
    came: Array
    left: Array
    variance: Array
    horizon: float
    excess: Excess | None = NONE

    @property
    def reached(self) -> float:
        """The share that comes by the horizon."""
        return 1.0 - float(self.left[-1]) if len(self.left) else 0.0

    def share(self, level: float = LEVEL) -> tuple[Array, Array, Array]:
        """By delay, the share that has come, and its interval: NaN where it has none."""
        if self.excess is None:
            unknown = np.full(len(self.left), np.nan)
            return 1 - self.left, unknown, unknown
        spread = _student(self.excess.freedom, level) * np.sqrt(self.variance * self.excess.share)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.exp(spread / np.log(self.left))
            low, high = 1 - self.left**factor, 1 - self.left ** (1 / factor)
        told = (self.left > 0) & (self.left < 1)
        # Where all have come there is no logarithm: at least as many have as just before.
        return 1 - self.left, np.maximum.accumulate(np.where(told, low, 0.0)), np.where(told, high, 1.0)

    def of_share(self, level: float = LEVEL) -> Interval | None:
        """The share that comes by the horizon. None where nobody could."""
        if not len(self.left):
            return None
        value, low, high = (each[-1] for each in self.share(level))
        return Interval(float(value), float(low), float(high))

    def median(self, level: float = LEVEL) -> Interval | None:
        """Median delay of those that come by the horizon; None of fewer than FEWEST. The interval has the delays at
        which the share that has come isn't told from half of all that do (as Brookmeyer and Crowley's of a median,
        Biometrics 38, 1982, with the variance of both shares)."""
        if self.came.sum() < FEWEST:
            return None
        last, sums = float(self.left[-1]), self.variance
        halfway = (1 + last) / 2
        at = int(np.argmax(self.left <= halfway + 1e-12))
        if self.excess is None:
            return Interval(float(self.delay[at]), np.nan, np.nan)
        together = np.minimum(sums, sums[-1]) * self.left * last
        variance = (self.left**2 * sums + last**2 * sums[-1] / 4 - together) * self.excess.halfway
        spread = _student(self.excess.freedom, level) * np.sqrt(np.maximum(variance, 0))
        near = np.abs(self.left - halfway) <= spread
        near[at] = True
        inside = np.flatnonzero(near)
        after = int(inside[-1]) + 1
        high = float(self.delay[after]) if after < len(self.delay) else self.horizon
        return Interval(float(self.delay[at]), float(self.delay[inside[0]]), high)


def survival(times: Times) -> Survival:
    """Of some payloads."""
    horizon = _horizon(times)
    delay, place = np.unique(times.at, return_inverse=True)
    came = np.bincount(place, times.number, len(delay)) if len(delay) else np.zeros(0)
    could = _weights(times.since, times.weight, delay) - _weights(times.until, times.weight, delay)
    kept = (delay <= horizon) & (could > 0)
    delay, came, could = delay[kept], came[kept], np.maximum(could[kept], came[kept])
    with np.errstate(divide="ignore"):
        left = np.cumprod(1 - came / could)
        steps = came / (could * (could - came))
    steps[~np.isfinite(steps)] = 0.0  # the last ones came: nobody is left, and no variance of it
    found: Excess | None = NONE
    if times.begins is not None and len(delay):
        risks = (times.since, times.until, times.weight)
        found = excess(Steps(delay, could, came, left), risks, (times.at, times.number), times.begins)
    return Survival(delay, could, came, left, np.cumsum(steps), horizon, found)


def _horizon(times: Times) -> float:
    """The longest delay that at least AT_LEAST of all have to the range's end."""
    if not len(times.left):
        return 0.0
    order = np.argsort(-times.left, kind="stable")
    enough = np.cumsum(times.count[order]) >= AT_LEAST * times.count.sum()
    return float(times.left[order][np.argmax(enough)])


def _weights(ends: Array, weight: Array, at: Array) -> Array:
    """How much weight has its end before each of these delays."""
    order = np.argsort(ends, kind="stable")
    sums = np.r_[0.0, np.cumsum(weight[order])]
    return np.asarray(sums[np.searchsorted(ends[order], at, side="left")])


def _student(freedom: float, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))
