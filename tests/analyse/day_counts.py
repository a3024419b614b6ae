"""Sources that follow the hour of the day, as the analysis `circadian` gets them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ims.analyse.circadian.data import Bins, Data, Networks, Sightings
from ims.analyse.counted import Counted

Array = np.ndarray[Any, Any]
HOUR_US = 3_600_000_000
BEGIN_US = 1_089_590_400_000_000
"""2004-07-12T00:00:00Z."""


def wave(hour: Array, peak: float = 5.0, height: float = 0.5) -> Array:
    """By how much more sources there are than on average, of one wave a day."""
    return np.asarray(np.exp(height * np.cos(2 * np.pi * (hour - peak) / 24)))


def bins(hours: int, addresses: float = 256.0) -> Bins:
    """Hours that were watched."""
    time = BEGIN_US + np.arange(hours) * HOUR_US
    return Bins(time, np.full(hours, 3600.0), np.full(hours, addresses), HOUR_US)


def weeks(rates: Array, seed: int = 1, ahead: Array | None = None, names: tuple[str | None, ...] = ()) -> Data:
    """Poisson counts by rates of networks and hours, (k, n): each network is a /8, from 1.0.0.0 on; a /24 of it where
    its clock (`ahead`) or its group (`names`) is known."""
    count, hours = rates.shape
    drawn = np.random.default_rng(seed).poisson(rates).astype(float)
    network, at = np.nonzero(drawn)
    sightings = Sightings(network, at, drawn[network, at])
    is_known = ahead is not None or bool(names)
    prefixes = np.arange(1, count + 1, dtype=np.uint32) << np.uint32(24)
    networks = Networks(
        prefixes, 24 if is_known else 8, sightings, sightings if names else None, names or (None,) * count,
        np.full(count, np.nan) if ahead is None else ahead,
    )  # fmt: skip
    total = drawn.sum(0)
    watched = bins(hours)
    counted = Counted(total, total, total)
    return Data(watched, counted, watched, networks, HOUR_US, "country" if names else None)


def without(data: Data, hidden: Array) -> Data:
    """The same without hours (bool) that weren't watched."""
    assert data.networks is not None
    kept, place = ~hidden, np.cumsum(~hidden) - 1
    watched = Bins(*(each[kept] for each in (data.drawn.time, data.drawn.seconds, data.drawn.addresses)), HOUR_US)
    found = data.networks.narrow
    inside = kept[found.bin]
    narrow = Sightings(found.network[inside], place[found.bin[inside]], found.count[inside])
    counted = Counted(*(each[kept] for each in (data.sources.value, data.sources.low, data.sources.high)))
    return replace(data, drawn=watched, narrow=watched, sources=counted, networks=replace(data.networks, narrow=narrow))


def totals(data: Data, noise: float = 0.0) -> Data:
    """As a role is shown it that may not see networks."""
    value = data.sources.value
    return replace(data, networks=None, sources=Counted(value, value - 1.96 * noise, value + 1.96 * noise))
