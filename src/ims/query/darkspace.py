"""The size of the watched darknet, in /24s: what counts are divided by (paper, section 2.1).

A /23's count is halved, a /25's doubled. The size counts the distinct addresses watched at a moment, whatever their
blocks were called, and however many sensors watched them. For a bin or a range it is the mean over its moments, without
those at which nothing was watched (docs/decisions/0024).
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from ims.moved import earlier_name


class CoverageRow(NamedTuple):
    """One row of the coverage table; times in microseconds."""

    sensor: str
    block: str
    prefix: ipaddress.IPv4Network
    since: int
    until: int


class DarkSpace:
    """What was watched, and when."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        network = cache(ipaddress.IPv4Network)
        self._rows = [
            CoverageRow(row["sensor"], row["block"], network(row["prefix"]), row["since_us"], row["until_us"])
            for row in rows
        ]
        self._timelines: dict[tuple[str | None, str | None], Timeline] = {}

    def size_24(
        self, since: int | None = None, until: int | None = None, sensor: str | None = None, block: str | None = None
    ) -> float:
        """Mean size in /24s of what was watched in [since, until), of one sensor or block if given; 0 if nothing was:
        address-time divided by the time in which anything (of that sensor or block) was watched."""
        return self._timeline(sensor, block).mean(since, until) / 256

    def periods(self, since: int | None = None, until: int | None = None) -> list[tuple[int, int]]:
        """When anything was watched, within [since, until): periods in order, none touching the next."""
        limited = (
            (begin if since is None else max(since, begin), end if until is None else min(until, end))
            for begin, end in self._timeline(None, None).periods
        )
        return [(begin, end) for begin, end in limited if begin < end]

    def _timeline(self, sensor: str | None, block: str | None) -> Timeline:
        if (sensor, block) not in self._timelines:  # no functools.cache: a cycle would keep the rows
            rows = (row for row in self._rows if sensor in (None, row.sensor) and block in (None, row.block))
            self._timelines[sensor, block] = Timeline(rows)
        return self._timelines[sensor, block]


class Timeline:
    """How many distinct addresses were watched at each moment: steps in order of time."""

    def __init__(self, rows: Iterable[CoverageRow]) -> None:
        by_prefix: defaultdict[ipaddress.IPv4Network, list[tuple[int, int]]] = defaultdict(list)
        for row in rows:
            if row.since < row.until:
                by_prefix[row.prefix].append((row.since, row.until))
        changes: defaultdict[int, list[tuple[int, ipaddress.IPv4Network]]] = defaultdict(list)
        for prefix, times in by_prefix.items():
            for since, until in _united(times):
                changes[since].append((1, prefix))
                changes[until].append((-1, prefix))
        addresses = _Addresses()
        self._times = sorted(changes)
        self._sizes = []
        for time in self._times:
            for step, prefix in changes[time]:
                addresses.change(prefix, step)
            self._sizes.append(addresses.watched)
        lengths = [end - begin for begin, end in pairwise(self._times)]
        self._areas = [0, *accumulate(size * length for size, length in zip(self._sizes, lengths, strict=False))]
        self._spent = [0, *accumulate(length * (size > 0) for size, length in zip(self._sizes, lengths, strict=False))]

    @property
    def periods(self) -> list[tuple[int, int]]:
        """When addresses were watched, none touching the next."""
        return _united(period for period, size in zip(pairwise(self._times), self._sizes, strict=False) if size)

    def mean(self, since: int | None, until: int | None) -> float:
        """Mean number of addresses in [since, until) over the moments that have any; 0 if none has."""
        if not self._times:
            return 0.0
        begin = max(self._times[0], self._times[0] if since is None else since)
        end = min(self._times[-1], self._times[-1] if until is None else until)
        if begin >= end:
            return 0.0
        (area, spent), (area_before, spent_before) = self._up_to(end), self._up_to(begin)
        return (area - area_before) / (spent - spent_before) if spent > spent_before else 0.0

    def _up_to(self, time: int) -> tuple[int, int]:
        """(addresses times microseconds, microseconds with any) from the beginning up to a time within the steps."""
        at = bisect_right(self._times, time) - 1
        length = time - self._times[at]
        return self._areas[at] + self._sizes[at] * length, self._spent[at] + length * (self._sizes[at] > 0)


class _Addresses:
    """How many addresses are in any of a changing set of prefixes: a tree over the address space whose nodes know how
    much below them is covered (Bentley 1977, the measure of a union). A change takes at most 33 steps."""

    def __init__(self) -> None:
        self._prefixes, self._covered = Counter[tuple[int, int]](), Counter[tuple[int, int]]()

    @property
    def watched(self) -> int:
        """Addresses that are in a prefix."""
        return self._covered[0, 0]

    def change(self, prefix: ipaddress.IPv4Network, step: int) -> None:
        """Add a prefix (1), or remove one (-1)."""
        bits = prefix.prefixlen
        number = int(prefix.network_address) >> (32 - bits)
        self._prefixes[bits, number] += step
        while bits >= 0:
            if self._prefixes[bits, number]:
                covered = 1 << (32 - bits)
            else:
                covered = self._covered[bits + 1, 2 * number] + self._covered[bits + 1, 2 * number + 1]
            if self._covered[bits, number] == covered:
                return
            self._covered[bits, number] = covered
            bits, number = bits - 1, number >> 1


def _united(times: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Periods in order; those that overlap or touch are joined."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(times):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
