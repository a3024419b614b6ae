"""Counts of simulated visits as the analysis `outbreak` gets them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from calibration.watch import START_US, Array, Watch
from ims.analyse.counted import Counted
from ims.analyse.outbreak.data import WIDER, Data
from ims.settings.durations import HOUR_US

WIDTHS = (1, *WIDER)


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
