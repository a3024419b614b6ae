"""The blocks behind an analysis: which of them a filter can match, when they were watched, and when not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.result import Gap
from ims.query.darkspace import united
from ims.query.language.scope import matches
from ims.query.language.syntax_tree import Expression
from ims.query.moment import CALENDAR_US

MOST_BLOCKS = 2000
"""Of an analysis, each of which is estimated by itself: so many of 250 bins take 1.7 s and 130 MB."""


@dataclass(frozen=True)
class Watch:
    """When a block was watched, by any sensor: periods in microseconds, in order, none touching the next. `is_doubled`:
    several sensors watched it at once."""

    block: str
    periods: tuple[tuple[int, int], ...]
    is_doubled: bool = False

    def gaps(self, since: int, until: int) -> list[Gap]:
        """The periods of [since, until) in which it wasn't."""
        ends = [since, *(min(max(end, since), until) for _, end in self.periods)]
        begins = [*(min(max(begin, since), until) for begin, _ in self.periods), until]
        return [Gap(self.block, end, begin) for end, begin in zip(ends, begins, strict=True) if end < begin]


@dataclass(frozen=True)
class Watches:
    """By name, each block that a filter can match. `whole`: it can match all blocks of all sensors; `left_out`: blocks
    that it can match, of which a sensor didn't answer every question."""

    by_block: dict[str, Watch] = field(default_factory=dict)
    whole: bool = True
    left_out: tuple[str, ...] = ()

    @property
    def range(self) -> tuple[int, int] | None:
        """From when to when any was watched."""
        periods = [period for watch in self.by_block.values() for period in watch.periods]
        return (min(begin for begin, _ in periods), max(end for _, end in periods)) if periods else None


def watches_of(coverage: pa.Table, filter: Expression | None, silent: Collection[str] = ()) -> Watches:
    """When each block was watched that a filter can match. `coverage`: the verb's table; `silent`: sensors that didn't
    answer all questions."""
    periods: defaultdict[str, defaultdict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    can: dict[tuple[str, str], bool] = {}
    since, until = (np.clip(arrow.numbers(coverage.column(name)), *CALENDAR_US).tolist() for name in ("since", "until"))
    names = (coverage.column(name).to_pylist() for name in ("sensor", "block"))
    for sensor, block, begin, end in zip(*names, since, until, strict=True):
        if (sensor, block) not in can:
            can[sensor, block] = matches(filter, sensor, block) is not False
        if can[sensor, block] and begin < end:
            periods[block][sensor].append((begin, end))
    left_out = tuple(sorted(block for block, sensors in periods.items() if sensors.keys() & set(silent)))
    found = {block: _watch(block, periods[block]) for block in sorted(periods.keys() - set(left_out))}
    return Watches(found, all(can.values()) and not left_out, left_out)


def _watch(block: str, sensors: dict[str, list[tuple[int, int]]]) -> Watch:
    each = [united(periods) for periods in sensors.values()]
    ordered = sorted(period for periods in each for period in periods)
    is_doubled = any(before[1] > after[0] for before, after in pairwise(ordered))
    return Watch(block, tuple(united(ordered)), is_doubled)
