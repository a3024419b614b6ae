"""Counts of simulated visits as the analysis `circadian` gets them: sources by network and bin."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from calibration.watch import START_US, Array, Watch
from ims.analyse.circadian.data import BITS, PARTS, Bins, Data, Networks, Sightings
from ims.analyse.counted import Counted
from ims.settings.durations import HOUR_US

NETWORKS = 221
"""/8s that hosts may live in (RFC 6890)."""
PART = PARTS[0]
"""Bins of an hour to which the curve is fitted."""


@dataclass
class Counts:
    """Distinct sources that a watch has counted: by the hour, and by network in each tenth minute."""

    watch: Watch
    hourly: Array = field(init=False)
    narrow: Array = field(init=False)

    def __post_init__(self) -> None:
        self.hourly = np.zeros(self.watch.hours)
        self.narrow = np.zeros((NETWORKS, self.watch.hours * PART))

    def add(self, rng: np.random.Generator, source: Array, at: Array, network: Array | None = None) -> None:
        """As Counter. `network`: of each source, int64; drawn if not given."""
        if not len(source):
            return
        kept, stamp = self.watch.recorded(rng, at)
        count = int(source.max()) + 1
        network = rng.integers(0, NETWORKS, count) if network is None else network
        source, bins = source[kept], (stamp[kept] * PART).astype(np.int64)
        wide = self.narrow.shape[1]
        if count * wide > 4 * len(source):  # few visits: a table of all bins of all sources would be mostly empty
            pairs = np.unique(source * wide + bins)
            source, bins = pairs // wide, pairs % wide
            hours = np.unique(source * len(self.hourly) + bins // PART) % len(self.hourly)
            self.hourly += np.bincount(hours, minlength=len(self.hourly))
        else:
            seen = np.zeros((count, wide), np.bool_)
            seen[source, bins] = True
            self.hourly += seen.reshape(count, -1, PART).any(2).sum(0)
            source, bins = np.nonzero(seen)
        self.narrow += np.bincount(network[source] * wide + bins, minlength=self.narrow.size).reshape(self.narrow.shape)

    def data(self) -> Data:
        """As the analysis gets them: bins in which nothing was watched have no row."""
        seconds, addresses = self.watch.size(1), self.watch.size(PART)
        drawn, narrow = (
            Bins(START_US + np.flatnonzero(size[0] > 0) * (HOUR_US // part), *(each[size[0] > 0] for each in size),
                 HOUR_US // part)
            for size, part in ((seconds, 1), (addresses, PART))
        )  # fmt: skip
        hourly = self.hourly[seconds[0] > 0]
        network, bins = np.nonzero(self.narrow[:, addresses[0] > 0])
        count = self.narrow[:, addresses[0] > 0][network, bins]
        networks = Networks(
            np.arange(NETWORKS, dtype=np.uint32) << np.uint32(32 - BITS), BITS, Sightings(network, bins, count), None,
            (None,) * NETWORKS, np.full(NETWORKS, np.nan),
        )  # fmt: skip
        return Data(drawn, Counted(hourly, hourly, hourly), narrow, networks, HOUR_US)
