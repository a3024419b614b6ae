"""The size of the watched darknet, in /24s: what counts are divided by (paper, section 2.1).

A /23's count is halved, a /25's doubled. The size counts the distinct addresses watched at a moment, whatever their
blocks were called, and however many sensors watched them. For a bin or a range it is the mean over its moments, without
those at which nothing was watched (docs/decisions/0024).
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from ims.moved import earlier_name
from ims.query.address_time import AddressTime, Array, Networks, means

UNANSWERED = ("passive", "silent")
"""Policies of coverage under which no SYN is answered; a table of port ranges (`ports`) answers at some ports."""


class CoverageRow(NamedTuple):
    """One row of the coverage table; times in microseconds. `answers`: whether a responder did."""

    sensor: str
    block: str
    prefix: ipaddress.IPv4Network
    since: int
    until: int
    answers: bool = False


class WatchedBins(NamedTuple):
    """Bins of time in which a group was watched, by time, then group. `groups`: numbers in `names`; `begins`: in
    microseconds; `addresses`, `answering`: means over the moments at which the group was watched, `spent` microseconds.
    `matching`: how many bins there are, of which these are the first."""

    names: list[str]
    groups: Array
    begins: Array
    addresses: Array
    answering: Array
    spent: Array
    matching: int


class DarkSpace:
    """What was watched, and when."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        network = cache(ipaddress.IPv4Network)
        self._rows = [
            CoverageRow(
                row["sensor"], row["block"], network(row["prefix"]), row["since_us"], row["until_us"],
                row.get("policy", UNANSWERED[0]).partition(",")[0] not in UNANSWERED,  # ", echo" may follow
            )
            for row in rows
        ]  # fmt: skip
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

    def bins(
        self, width: int, origin: int, since: int | None, until: int | None, group: str | None, most: int
    ) -> WatchedBins:
        """The first `most` bins (of at most a year) in which anything was watched within [since, until), of each
        `group`, `sensor` or `block`, if given."""
        groups, names = self._numbered(group)
        watched = self._address_time(groups, np.ones(len(groups), np.bool_))
        answered = self._address_time(groups, self._columns.answers)
        of, begins, ends = watched.watched
        low = begins if since is None else np.maximum(begins, since)
        high = ends if until is None else np.minimum(ends, until)
        inside = low < high
        of, numbers, matching = _bins_of(
            of[inside], (low[inside] - origin) // width, (high[inside] - 1 - origin) // width, most
        )
        begins = numbers * width + origin
        low = begins if since is None else np.maximum(begins, since)
        high = begins + width if until is None else np.minimum(begins + width, until)
        area = watched.sums(of, low, high)
        answering = means(answered.sums(of, low, high), area.spent)
        return WatchedBins(names, of, begins, means(area, area.spent), answering, area.spent, matching)

    def _timeline(self, sensor: str | None, block: str | None) -> Timeline:
        if (sensor, block) not in self._timelines:  # no functools.cache: a cycle would keep the rows
            kept = np.ones(len(self._rows), np.bool_)
            for group, name in (("sensor", sensor), ("block", block)):
                if name is not None:
                    numbers, names = self._numbered(group)
                    kept &= numbers == (names.index(name) if name in names else -1)
            watched = self._address_time(np.zeros(len(self._rows), np.int64), kept)
            self._timelines[sensor, block] = Timeline(*watched.steps)
        return self._timelines[sensor, block]

    def _numbered(self, group: str | None) -> tuple[Array, list[str]]:
        """The group of each row as a number in its names, which are in order."""
        if group is None:
            return np.zeros(len(self._rows), np.int64), [""]
        return self._columns.sensors if group == "sensor" else self._columns.blocks

    def _address_time(self, groups: Array, kept: Array) -> AddressTime:
        columns = self._columns
        return AddressTime(
            groups[kept], columns.prefixes[kept], columns.since[kept], columns.until[kept], columns.networks
        )

    @cached_property
    def _columns(self) -> _Columns:
        sensor, block, prefix, since, until, answers = zip(*self._rows, strict=True) if self._rows else [()] * 6
        prefixes, networks = _numbers(prefix)
        return _Columns(
            _numbers(sensor), _numbers(block), prefixes, Networks(networks),
            np.array(since, np.int64), np.array(until, np.int64), np.array(answers, np.bool_),
        )  # fmt: skip


class _Columns(NamedTuple):
    """The rows, column by column."""

    sensors: tuple[Array, list[str]]
    blocks: tuple[Array, list[str]]
    prefixes: Array
    networks: Networks
    since: Array
    until: Array
    answers: Array


class Timeline:
    """How many distinct addresses were watched at each moment: steps in order of time."""

    def __init__(self, times: Array, sizes: Array) -> None:
        self._times, self._sizes = times.tolist(), sizes.tolist()
        lengths = [end - begin for begin, end in pairwise(self._times)]
        self._areas = [0, *accumulate(size * length for size, length in zip(self._sizes, lengths, strict=False))]
        self._spent = [0, *accumulate(length * (size > 0) for size, length in zip(self._sizes, lengths, strict=False))]

    @property
    def periods(self) -> list[tuple[int, int]]:
        """When addresses were watched, none touching the next."""
        return united(period for period, size in zip(pairwise(self._times), self._sizes, strict=False) if size)

    def mean(self, since: int | None, until: int | None) -> float:
        """Mean number of addresses in [since, until) over the moments that have any; 0 if none has."""
        if not self._times:
            return 0.0
        begin = max(self._times[0], self._times[0] if since is None else since)
        end = min(self._times[-1], self._times[-1] if until is None else until)
        if begin >= end:
            return 0.0
        (area, spent), (area_before, spent_before) = self._up_to(end), self._up_to(begin)
        if spent == spent_before:
            return 0.0
        whole, rest = divmod(area - area_before, spent - spent_before)  # as `means`, to the last bit
        return float(whole + rest / (spent - spent_before))

    def _up_to(self, time: int) -> tuple[int, int]:
        """(addresses times microseconds, microseconds with any) from the beginning up to a time within the steps."""
        at = bisect_right(self._times, time) - 1
        length = time - self._times[at]
        return self._areas[at] + self._sizes[at] * length, self._spent[at] + length * (self._sizes[at] > 0)


def _numbers(values: Iterable[Any]) -> tuple[Array, list[Any]]:
    """Each value as its number among the different ones, and these in order."""
    values = list(values)
    found = sorted(set(values))
    number = {value: at for at, value in enumerate(found)}
    return np.array([number[value] for value in values], np.int64), found


def _bins_of(groups: Array, first: Array, last: Array, most: int) -> tuple[Array, Array, int]:
    """Groups and numbers of the bins of periods, which stand in order of group and time, by number, then group: the
    first `most`, and how many there are. No more than a row for each group is made beyond those."""
    same = groups[1:] == groups[:-1]
    first = np.append(first[:1], np.where(same, np.maximum(first[1:], last[:-1] + 1), first[1:]))  # bins of two periods
    matching = sum((last - first + 1).tolist())
    if matching > most:
        last = np.minimum(last, _until(first, last, most))
    counts = np.maximum(last - first + 1, 0)
    ends = np.cumsum(counts)
    numbers = np.arange(counts.sum()) + np.repeat(first - (ends - counts), counts)
    groups = np.repeat(groups, counts)
    order = np.lexsort((groups, numbers))[:most]
    return groups[order], numbers[order], matching


def _until(first: Array, last: Array, most: int) -> int:
    """The number of the first bin up to which there are `most`."""
    low, high = int(first.min()), int(last.max())
    while low < high:
        middle = (low + high) // 2
        if np.clip(np.minimum(last, middle) - first + 1, 0, most).sum() >= most:
            high = middle
        else:
            low = middle + 1
    return low


def united(times: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
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
