"""The mean of each hour of the day, over all days of a series, with an interval: what a daily pattern looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ims.analyse.question import LEVEL
from ims.settings.durations import DAY_US, HOUR_US

Array = np.ndarray[Any, Any]
PARTS_US = tuple(hours * HOUR_US for hours in (1, 2, 3, 4, 6, 8, 12))


@dataclass(frozen=True)
class DayMeans:
    """Of those parts of a day in which there are values, in order. `hour`: when each begins, UTC; `curve`: the mean of
    the curve in the same bins. NaN in `low` and `high`: of values of one day there is no interval."""

    hour: Array
    mean: Array
    low: Array
    high: Array
    curve: Array


def part_of_day(width: int) -> int | None:
    """The microseconds of a part of the day, for bins of this width: an hour, or what holds a bin. None: a bin is
    longer than half a day, so there is no pattern to see."""
    return next((part for part in PARTS_US if part >= width), None)


def day_means(begin: Array, width: int, values: Array, curve: Array, part: int, level: float = LEVEL) -> DayMeans:
    """Of bins of `width` that begin at these microseconds; a bin counts where its middle is. NaN in `values`: not
    known.

    A mean is over the days, each the mean of its bins. Its interval is Student's; for it is taken that the variance is
    proportional to the mean, with one factor for all parts of the day (McCullagh and Nelder, Generalized Linear Models,
    1989, section 6.2): so that a few days are enough, and what differs between days is in it.
    """
    from scipy.special import stdtrit

    has = ~np.isnan(values)
    middle = begin[has].astype(np.int64) + width // 2
    each_day, day_of = np.unique(middle // part, return_inverse=True)
    daily, fitted = (np.bincount(day_of, of[has]) / np.bincount(day_of) for of in (values, curve))
    parts, part_of = np.unique(each_day % (DAY_US // part), return_inverse=True)
    days = np.bincount(part_of)
    mean, fit = (np.bincount(part_of, of) / days for of in (daily, fitted))
    spread = np.maximum(mean, 1 / days)  # no value at all in some days isn't known to be none on all days
    freedom = int((days - 1).sum())
    low = high = np.full(len(mean), np.nan)
    if freedom > 0:
        factor = float(((daily - mean[part_of]) ** 2 / spread[part_of]).sum()) / freedom
        reach = stdtrit(freedom, (1 + level) / 2) * np.sqrt(factor * spread / days)
        low, high = np.maximum(mean - reach, 0), mean + reach
    return DayMeans(parts * part / HOUR_US, mean, low, high, fit)
