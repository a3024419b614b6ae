"""A darknet that counts simulated visits: what it watched and when, what befell it, and the counts as the analysis
`outbreak` gets them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ims.analyse.outbreak_data import WIDER, Counted, Data
from ims.settings.durations import HOUR_US

Array = np.ndarray[Any, Any]
START_US = 1_060_473_600_000_000
"""2003-08-10T00:00:00Z, a midnight, when the scenario begins; hours count from here."""
WEEK = 168
WIDTHS = (1, *WIDER)


@dataclass(frozen=True)
class Watch:
    """A block of so many addresses. What befalls it, in hours: `gap`: it isn't watched; `joined`: until then only so
    many of the addresses were watched; `lost`: an hour in which half of the packets are lost, and nobody knows it;
    `half`: the first half of an hour isn't watched; `set_back`: the clock is set back by an hour, and a day later set
    forward by two (a capture has one hour twice, and lacks two later)."""

    addresses: int = 1 << 16
    hours: int = WEEK
    gap: tuple[float, float] | None = None
    joined: tuple[float, int] | None = None
    lost: int | None = None
    half: int | None = None
    set_back: int | None = None

    def recorded(self, rng: np.random.Generator, at: Array) -> tuple[Array, Array]:
        """Which visits are recorded, bool, and the times that their records carry."""
        kept, stamp = np.ones(len(at), np.bool_), at
        if self.joined is not None:
            until, addresses = self.joined
            early = at < until
            kept[early] = rng.random(int(early.sum())) < addresses / self.addresses
        if self.lost is not None:
            inside = (at >= self.lost) & (at < self.lost + 1)
            kept[inside] &= rng.random(int(inside.sum())) < 0.5
        if self.half is not None:
            kept &= (at < self.half) | (at >= self.half + 0.5)
        if self.set_back is not None:
            again = (at >= self.set_back) & (at < self.set_back + 24)
            stamp = np.where(again, at - 1, np.where(at >= self.set_back + 24, at + 1, at))
            kept &= stamp < self.hours
        if self.gap is not None:
            kept &= (at < self.gap[0]) | (at >= self.gap[1])
        return kept, stamp

    def size(self) -> tuple[Array, Array]:
        """Seconds watched and addresses in each hour, float64 (hours,), as `coverage` tells them."""
        seconds, addresses = np.full(self.hours, 3600.0), np.full(self.hours, float(self.addresses))
        if self.joined is not None:
            addresses[: int(self.joined[0])] = self.joined[1]
        if self.half is not None:
            seconds[self.half] = 1800
        if self.set_back is not None:
            seconds[self.set_back + 23 : self.set_back + 25] = 0
        if self.gap is not None:
            seconds[int(self.gap[0]) : int(self.gap[1])] = 0
        return seconds, addresses


@dataclass
class Counts:
    """Distinct sources and packets that a watch has counted, by bins of 1, 6 and 24 hours. Sources come in lots; those
    of two lots are different ones."""

    watch: Watch
    sources: dict[int, Array] = field(init=False)
    packets: Array = field(init=False)

    def __post_init__(self) -> None:
        self.sources = {width: np.zeros(self.watch.hours // width) for width in WIDTHS}
        self.packets = np.zeros(self.watch.hours)

    def add(self, rng: np.random.Generator, source: Array, at: Array) -> None:
        """A lot of visits: each one's source (int64, from 0 on) and hour."""
        if not len(source):
            return
        kept, stamp = self.watch.recorded(rng, at)
        source, hour = source[kept], stamp[kept].astype(np.int64)
        self.packets += np.bincount(hour, minlength=self.watch.hours)
        if not len(source):
            return
        count, hours = int(source.max()) + 1, self.watch.hours
        if count * hours > 4 * len(source):  # few visits: a table of all hours of all sources would be mostly empty
            for width, found in self.sources.items():
                key = np.unique(source * len(found) + hour // width)
                found += np.bincount(key % len(found), minlength=len(found))
            return
        seen = np.zeros((count, hours), np.bool_)
        seen[source, hour] = True
        for width, found in self.sources.items():
            found += seen.reshape(count, hours // width, width).any(2).sum(0)

    def data(self) -> Data:
        """As the analysis gets them: bins in which nothing was watched have no row, nor have wide ones without a
        source."""
        seconds, addresses = self.watch.size()
        watched = np.flatnonzero(seconds > 0)
        wider = {}
        for width in WIDER:
            there = np.flatnonzero(self.sources[width])
            wider[width] = (START_US + there * width * HOUR_US, self.sources[width][there])
        counted = [Counted(each, each, each) for each in (self.sources[1][watched], self.packets[watched])]
        return Data(
            START_US + watched * HOUR_US, seconds[watched], addresses[watched], counted[0], counted[1],
            wider, HOUR_US, HOUR_US,
        )  # fmt: skip
