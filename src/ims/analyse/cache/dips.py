"""Where a block's hit rate dips: bins in which more payloads were new than is usual at that hour of the day.

What is new is so for a sensor and a UTC day, so the cache is empty at midnight: the hit rate is lower in the first
hours of each day, which is no dip. So bins are compared with others of the same hours: the first three of a day each
with its own, the later ones together; bins over a midnight among themselves; the first hours of a watch that begins
during a day, or begins again, aren't judged. What is usual is fitted without the bins that stand out. A bin is one of a
dip if both tests say so: more came than of independent payloads (Poisson), and than this block's share of new payloads
varies from bin to bin (on the logarithm, Student's distribution).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ims.settings.durations import DAY_US, HOUR_US, SECOND_US

Array = np.ndarray[Any, Any]
COLD_HOURS = 3
"""Hours after midnight in which the hit rate rises to its usual height (scenario mysql-2004, median over 16 days: 7 %,
4 %, 2.7 % of payloads are new; later 1.2 to 2.5 %)."""
FEWEST_DAYS, FEWEST_BINS = 5, 6
"""Bins of a cold hour, and of all later ones, below which it isn't known what is usual."""
FALSE_ALARMS = 0.05
"""Probability that quiet bins have any dip."""
LEAST_FALL = 0.02
"""Of the hit rate: smaller ones aren't called dips."""
FEWEST_PAYLOADS = 20
STANDS_OUT = 4.0
"""Standard deviations beyond which a bin isn't used to fit what is usual."""
_OF_MEDIAN = 1.4826
"""Standard deviation of a normal variable by the median of its distances."""
ROUNDS = 8
WHOLE = 0.9
"""Share of a day's first bin that was watched, below which the watch began within it."""
JOINED = 2
"""Bins between two dips that make them one, if more than usual was new in them."""


class Dip(NamedTuple):
    """Bins [first, last] of a block that are one dip, and how many payloads were new in them beyond the usual."""

    first: int
    last: int
    excess: float


@dataclass(frozen=True)
class Usual:
    """For each bin: the usual share of new payloads (NaN where it isn't known), the variance of its logarithm from bin
    to bin beyond that of counts, and the degrees of freedom of that."""

    share: Array
    variance: Array
    freedom: Array


def usual_of(time: Array, payloads: Array, new: Array, width: int, seconds: Array | None = None) -> Usual:
    """What is usual in each bin of a block. `time`: begins in microseconds; `payloads`, `new`: float64 (n,);
    `seconds`: watched of each, all without it."""
    share, variance, freedom = np.full(len(time), np.nan), np.zeros(len(time)), np.ones(len(time))
    for group in np.unique(groups := _groups(time, width)):
        chosen = (groups == group) & (payloads > 0)
        if chosen.sum() < (FEWEST_DAYS if 0 <= group < COLD_HOURS else FEWEST_BINS):
            continue
        level, spread = _robust(payloads[chosen], new[chosen])
        inside = groups == group
        share[inside], variance[inside], freedom[inside] = level, spread, chosen.sum() - 1
    if len(time) and width < DAY_US:
        share[_is_cold(time, width, np.full(len(time), width / SECOND_US) if seconds is None else seconds)] = np.nan
    return Usual(share, variance, freedom)


def dips_of(payloads: Array, new: Array, usual: Usual, tests: int) -> list[Dip]:
    """The dips of a block, in order. `tests`: bins of all blocks, among which there is a false alarm in FALSE_ALARMS of
    all cases."""
    from scipy.special import gammainc, stdtr

    expected = usual.share * payloads
    known = np.isfinite(expected)
    chance = np.ones(len(payloads))
    above = known & (new > np.nan_to_num(expected))
    counts, means = new[above], expected[above]
    by_count = gammainc(counts, means)  # P(X >= n) of a Poisson variable
    spread = np.sqrt(1 / means + usual.variance[above])
    chance[above] = np.maximum(by_count, stdtr(usual.freedom[above], -np.log(counts / means) / spread))
    fall = np.divide(new, payloads, out=np.zeros(len(new)), where=payloads > 0) - np.where(known, usual.share, 0)
    low = known & (payloads >= FEWEST_PAYLOADS) & (fall >= LEAST_FALL) & (chance < FALSE_ALARMS / max(tests, 1))
    at = np.flatnonzero(low)
    if not len(at):
        return []
    breaks = [
        number for number in range(1, len(at))
        if at[number] - at[number - 1] > JOINED + 1 or not above[at[number - 1] + 1 : at[number]].all()
    ]  # fmt: skip
    runs = np.split(at, breaks)
    excess = np.nan_to_num(new - expected)
    return [Dip(int(run[0]), int(run[-1]), float(excess[run[0] : run[-1] + 1].sum())) for run in runs]


def _groups(time: Array, width: int) -> Array:
    """What bins are compared with: the hour of the day, of the first ones, then all later ones, then all that a
    midnight is in; -1 for all that span a day or more."""
    if width >= DAY_US:
        return np.full(len(time), -1)
    hours: Array = np.minimum(time % DAY_US // HOUR_US, COLD_HOURS)
    hours[time % DAY_US + width > DAY_US] = COLD_HOURS + 1
    return hours


def _is_cold(time: Array, width: int, seconds: Array) -> Array:
    """The first hours of each day's watch that didn't begin at midnight: all is new then, too."""
    after_a_gap = np.r_[True, np.diff(time) > width] & (time % DAY_US > 0)
    begins = np.r_[True, np.diff(time // DAY_US) > 0] & (after_a_gap | (seconds < WHOLE * width / SECOND_US))
    cold: Array = np.zeros(len(time), np.bool_)
    for begin in time[begins]:
        cold |= (time >= begin) & (time < begin + max(COLD_HOURS * HOUR_US, width))
    return cold


def _robust(payloads: Array, new: Array) -> tuple[float, float]:
    """The usual share of new payloads, and how its logarithm varies beyond what counts do: beginning with the median,
    bins that stand out are left out until none more does."""
    order = np.argsort(new / payloads)
    weight = np.cumsum(payloads[order])
    level = float((new / payloads)[order][np.searchsorted(weight, weight[-1] / 2)])
    kept, variance = np.ones(len(new), np.bool_), 0.0
    for _ in range(ROUNDS):
        level = max(level, 0.5 / payloads.sum())
        expected = level * payloads
        away = np.log((new + 0.5) / (expected + 0.5))
        counted = 1 / (expected + 0.5)
        variance = max(0.0, float((_OF_MEDIAN * np.median(np.abs(away))) ** 2 - np.median(counted)))
        inside = np.abs(away) < STANDS_OUT * np.sqrt(counted + variance)
        if not inside.any() or (inside == kept).all():
            break
        kept, level = inside, float(new[inside].sum() / payloads[inside].sum())
    return level, variance
