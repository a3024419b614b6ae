"""When each place, a block or a sensor, was watched: since when it knows what is old, and when others could see what
it saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.query.darkspace import united
from ims.query.language.scope import matches
from ims.query.language.syntax_tree import Expression
from ims.query.moment import CALENDAR_US

Array = np.ndarray[Any, Any]
Period = tuple[int, int]
SIDES = ("block", "sensor")


@dataclass(frozen=True)
class PlaceWatch:
    """Periods (microseconds) in which each place was watched: in order, none touching the next."""

    periods: Mapping[str, tuple[Period, ...]]

    @property
    def begin(self) -> int | None:
        """When the first was watched for the first time."""
        return min((each[0][0] for each in self.periods.values()), default=None)

    def began(self, place: str) -> int:
        """When a place was watched for the first time."""
        return self.periods[place][0][0]

    def is_watched(self, place: str, at: Array) -> Array:
        """Whether a place was watched at some moments: bool (n,)."""
        ends = np.array(self.periods.get(place, ()), np.int64).reshape(-1)
        return np.asarray(np.searchsorted(ends, at, side="right") % 2 == 1)

    def others(self, place: str) -> tuple[Period, ...]:
        """Periods in which any other place was watched."""
        return self._others.get(place, self._all)

    @cached_property
    def _all(self) -> tuple[Period, ...]:
        return tuple(united(period for each in self.periods.values() for period in each))

    @cached_property
    def _others(self) -> dict[str, tuple[Period, ...]]:
        """All periods without those in which the place alone was watched."""
        moments = sorted(
            (at, begins, name) for name, each in self.periods.items() for period in each
            for at, begins in zip(period, (True, False), strict=True)
        )  # fmt: skip
        alone: defaultdict[str, list[Period]] = defaultdict(list)
        watching: set[str] = set()
        last = 0
        for at, begins, name in moments:
            if len(watching) == 1 and at > last:
                alone[next(iter(watching))].append((last, at))
            (watching.add if begins else watching.discard)(name)
            last = at
        return {name: _without(self._all, united(alone[name])) for name in self.periods}


def _without(periods: tuple[Period, ...], holes: list[Period]) -> tuple[Period, ...]:
    found = []
    for begin, end in periods:
        for low, high in holes:
            if low >= end or high <= begin:
                continue
            if begin < low:
                found.append((begin, low))
            begin = high
        if begin < end:
            found.append((begin, end))
    return tuple(found)


def place_watch(coverage: pa.Table, filter: Expression | None, by: str) -> PlaceWatch:
    """When each place was watched that a filter can match, of the verb's table."""
    since, until = (np.clip(arrow.numbers(coverage.column(name)), *CALENDAR_US).tolist() for name in ("since", "until"))
    names = (coverage.column(name).to_pylist() for name in ("sensor", "block"))
    found: defaultdict[str, list[Period]] = defaultdict(list)
    can: dict[tuple[str, str], bool] = {}
    for sensor, block, begin, end in zip(*names, since, until, strict=True):
        if (sensor, block) not in can:
            can[sensor, block] = matches(filter, sensor, block) is not False
        if can[sensor, block] and begin < end:
            found[block if by == "block" else sensor].append((begin, end))
    return PlaceWatch({name: tuple(united(found[name])) for name in sorted(found)})
