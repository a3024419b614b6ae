"""When each change of a port came, and the levels between changes.

A change is dated by bins first, then by narrower ones around that, which count what comes at their hour of the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ims.analyse.change_point import AROUND, ChangePoint, Level, Series
from ims.analyse.level_changes import variability
from ims.analyse.level_screen import FEWEST_BINS, without_bursts
from ims.analyse.ports.counts import Bins, Data, Named, Narrow
from ims.analyse.ports.daily_pattern import daily_pattern

Array = np.ndarray[Any, Any]
SEED = 1
"""Of what is drawn for intervals: the same data give the same answer."""
REACH, MOST_AROUND = 1.5, 600
"""How far a date is looked for by narrower bins: times its interval by wide ones; narrow bins at most."""


@dataclass(frozen=True)
class Change:
    """One change of a port: microseconds, None where an end isn't bounded; and the levels."""

    at: int
    low: int | None
    high: int | None
    before: Level
    after: Level

    @property
    def step(self) -> float:
        """Packets a day per /24, more or less."""
        return abs(self.after.rate.value - self.before.rate.value)


def changes(data: Data, port: Named) -> list[Change]:
    """The changes of a port, in order; levels are those of whole bins between them."""
    bins, found = data.bins, port.changes
    series = Series(port.counts, bins.exposure, found.shape, found.together)
    ends = [0, *found.begins, len(bins)]
    has_narrow = data.narrow is not None and port.name in data.narrow.packets
    dated = []
    for number, begin in enumerate(found.begins, 1):
        first, last = ends[number - 1] + (number > 1), ends[number + 1] - (number < len(found.begins))
        dated.append(series.change(first, begin, last, None if has_narrow else _random()))
    edges = [0.0, *(each.at for each in dated), float(len(bins))]
    levels = [series.level(*_whole_bins(*pair)) for pair in pairwise(edges)]
    times = [_moments(bins, each) for each in dated]
    if data.narrow is not None and has_narrow:
        times = _narrower(data.narrow, data.narrow.packets[port.name], bins, times, levels)
    return [Change(*each, *levels[number : number + 2]) for number, each in enumerate(times)]


Moments = tuple[int, int | None, int | None]
"""A date and the ends of its interval: microseconds."""


def _narrower(
    narrow: Narrow, packets: Array, bins: Bins, times: Sequence[Moments], levels: Sequence[Level]
) -> list[Moments]:
    """The dates by narrower bins, of those whose interval isn't wide."""
    time, exposure = narrow.bins.time, narrow.bins.exposure
    ends = np.array([at for at, _, _ in times])
    level = np.array([each.rate.value for each in levels])[np.searchsorted(ends, time, side="right")]
    away = np.ones(len(time), np.bool_)
    for at in ends:
        away &= np.abs(time - at) > bins.width
    exposure = exposure * daily_pattern(time, packets * away, level * exposure * away)
    counts = without_bursts(packets[None], exposure)[0]
    begins = np.searchsorted(time, ends)
    found = []
    for number, moments in enumerate(times):
        at, low, high = moments
        first = 0 if number == 0 else int(np.searchsorted(time, ends[number - 1] + bins.width))
        last = len(time) if number == len(ends) - 1 else int(np.searchsorted(time, ends[number + 1] - bins.width))
        begin = int(begins[number])
        wide = bins.width * AROUND
        reach = max(at - (low or at - wide), (high or at + wide) - at, bins.width)
        around = min(int(reach * REACH // narrow.bins.width), MOST_AROUND)
        shape = _shape(counts, exposure, (first, begin, last), bins.width // narrow.bins.width)
        series = Series(counts, exposure, shape)
        found.append(_moments(narrow.bins, series.change(first, begin, last, _random(), around)))
    return found


def _shape(counts: Array, exposure: Array, places: tuple[int, int, int], away: int) -> float:
    """Of two levels, by the bins that aren't near the change: it is known to a wide bin only."""
    first, begin, last = places
    left, right = (
        slice(first, max(begin - away, first + FEWEST_BINS)),
        slice(min(begin + away, last - FEWEST_BINS), last),
    )
    both = [np.concatenate([each[left], each[right]]) for each in (counts, exposure)]
    return variability(both[0], both[1], [left.stop - first])[0]


def _random() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _whole_bins(since: float, until: float) -> tuple[int, int]:
    first, last = int(np.ceil(since - 1e-9)), int(np.floor(until + 1e-9))
    return (first, last) if first < last else (int(since), int(since) + 1)


def _moments(bins: Bins, change: ChangePoint) -> Moments:
    low, high = (None if end is None else moment(bins, end, side) for end, side in ((change.low, -1), (change.high, 1)))
    return moment(bins, change.at, 1), low, high


def moment(bins: Bins, at: float, side: int) -> int:
    """A place in bins as a moment. Between two bins is a gap, if they don't touch: `side` tells to which end of it the
    place belongs (-1: the first)."""
    place = min(int(at), len(bins) - 1)
    part = at - place
    if part == 0 and side < 0 and place:
        return int(bins.time[place - 1]) + bins.width
    return int(bins.time[place]) + round(part * bins.width)
