"""The groups of a daily pattern: networks by country or AS, and what is observed of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ims.analyse.circadian.data import Data, Networks, Sightings
from ims.analyse.circadian.fit import DAY, Observed
from ims.analyse.circadian.variance import Cells
from ims.settings.durations import HOUR_US

Array = np.ndarray[Any, Any]
MOST_GROUPS = 12
ALL, OTHER, UNKNOWN = "all", "other", "unknown"
CLUSTER_OF_ALL, CLUSTER_OF_GROUP = 8, 16
"""Bits of the networks that a jackknife leaves out: of all sources, and of a country's or an AS's."""
KNOWN = 0.5
"""Of the bin's time, that was watched; of a group's sources, whose clocks are known."""
DAY_US = round(DAY * HOUR_US)


@dataclass(frozen=True)
class Group:
    """Sources of some networks, in bins that are drawn, (n,). `chosen`: which networks, bool (k,); None: all."""

    name: str
    sources: Array
    chosen: Array | None
    bits: int


def groups_of(data: Data) -> list[Group]:
    """All sources as one group; by country or AS, those with the most sources, the others, and the unknown."""
    networks = data.networks
    if data.by is None or networks is None or networks.drawn is None:
        return [Group(ALL, data.sources.value, None, CLUSTER_OF_ALL)]
    weight = np.bincount(networks.drawn.network, networks.drawn.count, len(networks.prefix))
    totals: dict[str, float] = {}
    for name, number in zip(networks.names, weight.tolist(), strict=True):
        if name is not None:
            totals[name] = totals.get(name, 0.0) + number
    largest = sorted(totals, key=lambda name: (-totals[name], name))[:MOST_GROUPS]
    labels = np.array([UNKNOWN if name is None else name if name in largest else OTHER for name in networks.names])
    groups = []
    for name in (*largest, OTHER, UNKNOWN):
        if (chosen := labels == name).any():
            kept = chosen[networks.drawn.network]
            sources = np.bincount(networks.drawn.bin[kept], networks.drawn.count[kept], len(data.drawn.time))
            groups.append(Group(name, sources, chosen, CLUSTER_OF_GROUP))
    return groups


@dataclass(frozen=True)
class Watched:
    """The bins that a curve is fitted to: `kept` of the narrow ones, bool; hours of their middles from a midnight UTC
    on; addresses times seconds; and their place among the kept, int64 (-1: left out)."""

    kept: Array
    hour: Array
    exposure: Array
    place: Array
    width: float


def watched_of(data: Data) -> Watched:
    """Bins of which at least half was watched, by some address, and that are shown."""
    bins = data.narrow
    kept = (bins.seconds >= KNOWN * bins.width / 1e6) & (bins.addresses > 0)
    if data.networks is None:
        kept &= ~np.isnan(data.sources.value)
    time = bins.time[kept]
    midnight = int(time[0]) // DAY_US * DAY_US if len(time) else 0
    place = np.where(kept, np.cumsum(kept) - 1, -1)
    hour = (time - midnight + bins.width / 2) / HOUR_US
    return Watched(kept, hour, (bins.addresses * bins.seconds)[kept], place, bins.width / HOUR_US)


def observed_of(data: Data, watched: Watched, group: Group) -> tuple[Observed, Cells | None]:
    """A group's sources by the clock of UTC."""
    if data.networks is None:
        counts = np.maximum(data.sources.value[watched.kept], 0.0)
        return Observed(watched.hour, watched.width, watched.exposure, np.zeros(1), counts[None]), None
    chosen = np.ones(len(data.networks.prefix), np.bool_) if group.chosen is None else group.chosen
    return _counted(data.networks, watched, chosen, group.bits, np.zeros(len(chosen)))


def local_of(data: Data, watched: Watched, group: Group) -> tuple[Observed, Cells | None] | None:
    """The same by the sources' own clocks; None where those of most aren't known."""
    networks = data.networks
    if networks is None:
        return None
    chosen = np.ones(len(networks.prefix), np.bool_) if group.chosen is None else group.chosen
    known = chosen & ~np.isnan(networks.ahead)
    number = np.bincount(networks.narrow.network, networks.narrow.count, len(chosen))
    if number[known].sum() <= KNOWN * number[chosen].sum():
        return None
    return _counted(networks, watched, known, group.bits, networks.ahead)


def ahead_of(data: Data, group: Group) -> float | None:
    """Mean hours that the clocks of a group's sources are ahead of UTC, of those that are known; None where most
    aren't."""
    networks = data.networks
    if networks is None:
        return None
    chosen = np.ones(len(networks.prefix), np.bool_) if group.chosen is None else group.chosen
    number = np.bincount(networks.narrow.network, networks.narrow.count, len(chosen))
    known = chosen & ~np.isnan(networks.ahead)
    if number[known].sum() <= KNOWN * number[chosen].sum():
        return None
    return float(np.average(networks.ahead[known], weights=number[known]))


def _counted(
    networks: Networks, watched: Watched, chosen: Array, bits: int, ahead: Array
) -> tuple[Observed, Cells | None]:
    """Sources of chosen networks by bin and clock, and by cluster."""
    found: Sightings = networks.narrow
    used = chosen[found.network] & (watched.place[found.bin] >= 0)
    network, place, count = found.network[used], watched.place[found.bin[used]], found.count[used]
    clocks, stratum = np.unique(ahead[network], return_inverse=True)
    if not len(network):
        clocks = np.zeros(1)
    place = place + stratum * len(watched.hour)
    counts = np.bincount(place, count, len(clocks) * len(watched.hour)).reshape(len(clocks), -1)
    observed = Observed(watched.hour, watched.width, watched.exposure, clocks, counts)
    if bits > networks.bits or not len(network):
        return observed, None
    cluster = np.unique(networks.prefix[network] >> np.uint32(32 - bits), return_inverse=True)[1]
    return observed, Cells(cluster.astype(np.int64), place, count)
