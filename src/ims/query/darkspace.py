"""The size of the watched darknet, in /24s: what counts are divided by (paper, section 2.1).

A /23's count is halved, a /25's doubled. The size is that of the distinct addresses which were watched at a moment,
whatever their blocks were called then, and however many sensors watched them. Of a bin or a range it is the mean over
its moments, those at which nothing was watched left out (docs/decisions/0024).
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
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
        networks: dict[str, ipaddress.IPv4Network] = {}
        self._rows = [
            CoverageRow(
                row["sensor"],
                row["block"],
                networks.setdefault(row["prefix"], ipaddress.IPv4Network(row["prefix"])),
                row["since_us"],
                row["until_us"],
            )
            for row in rows
        ]
        self._timelines: dict[tuple[str | None, str | None], Timeline] = {}

    def size_24(
        self,
        since: int | None = None,
        until: int | None = None,
        sensor: str | None = None,
        block: str | None = None,
    ) -> float:
        """Mean size in /24s of what was watched in [since, until), of one sensor or block if given; 0 if nothing was.

        It is address-time divided by the time in which anything (of that sensor or block) was watched.
        """
        return self._timeline(sensor, block).mean(since, until) / 256

    def periods(self, since: int | None = None, until: int | None = None) -> list[tuple[int, int]]:
        """When anything was watched, within [since, until): periods in order, none touching the next."""
        found = []
        for begin, end in self._timeline(None, None).periods:
            begin = begin if since is None else max(since, begin)
            end = end if until is None else min(until, end)
            if begin < end:
                found.append((begin, end))
        return found

    def _timeline(self, sensor: str | None, block: str | None) -> Timeline:
        if (sensor, block) not in self._timelines:
            chosen = (row for row in self._rows if sensor in (None, row.sensor) and block in (None, row.block))
            self._timelines[sensor, block] = Timeline(chosen)
        return self._timelines[sensor, block]


class Timeline:
    """How many distinct addresses were watched at each moment: steps in order of time."""

    def __init__(self, rows: Iterable[CoverageRow]) -> None:
        by_prefix: dict[ipaddress.IPv4Network, list[tuple[int, int]]] = {}
        for row in rows:
            if row.since < row.until:
                by_prefix.setdefault(row.prefix, []).append((row.since, row.until))
        changes: dict[int, list[tuple[int, ipaddress.IPv4Network]]] = {}
        for prefix, times in by_prefix.items():
            for since, until in _united(times):
                changes.setdefault(since, []).append((1, prefix))
                changes.setdefault(until, []).append((-1, prefix))
        addresses = _Addresses()
        self._times = sorted(changes)
        self._sizes = []
        for time in self._times:
            for step, prefix in changes[time]:
                addresses.change(prefix, step)
            self._sizes.append(addresses.watched)
        lengths = [end - begin for begin, end in zip(self._times, self._times[1:], strict=False)]
        self._areas = [0, *accumulate(size * length for size, length in zip(self._sizes, lengths, strict=False))]
        self._spent = [0, *accumulate(length * (size > 0) for size, length in zip(self._sizes, lengths, strict=False))]

    @property
    def periods(self) -> list[tuple[int, int]]:
        """When there were any, none touching the next."""
        watched = zip(self._times, self._times[1:], self._sizes, strict=False)
        return _united([(begin, end) for begin, end, size in watched if size])

    def mean(self, since: int | None, until: int | None) -> float:
        """Addresses in [since, until), the mean over the moments that have any; 0 where none has."""
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
    """How many addresses are in any of some prefixes, which come and go: a tree over the address space whose nodes
    know how much below them is covered (Bentley 1977, the measure of a union). A change takes at most 33 steps."""

    def __init__(self) -> None:
        self._prefixes: dict[tuple[int, int], int] = {}
        self._covered: dict[tuple[int, int], int] = {}

    @property
    def watched(self) -> int:
        """Addresses that are in a prefix."""
        return self._covered.get((0, 0), 0)

    def change(self, prefix: ipaddress.IPv4Network, step: int) -> None:
        """A prefix more (1) or less (-1)."""
        bits = prefix.prefixlen
        number = int(prefix.network_address) >> (32 - bits)
        self._prefixes[bits, number] = self._prefixes.get((bits, number), 0) + step
        while True:
            if self._prefixes.get((bits, number)):
                covered = 1 << (32 - bits)
            else:
                below = ((bits + 1, 2 * number), (bits + 1, 2 * number + 1))
                covered = sum(self._covered.get(node, 0) for node in below)
            if self._covered.get((bits, number), 0) == covered or bits == 0:
                self._covered[bits, number] = covered
                return
            self._covered[bits, number] = covered
            bits, number = bits - 1, number >> 1


def _united(times: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Periods in order, those that overlap or touch made one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(times):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
