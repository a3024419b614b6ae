"""Ports of the scenario ports-2004 as the analysis gets them, drawn by the hour: a port's hosts come from a date on, or
until one, or both; each is switched on for a part of the day, and sends some packets each time it comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ims.analyse.level_changes import changes_of
from ims.analyse.ports.confirmation import confirmed
from ims.analyse.ports.counts import Bins, Data, Named, Narrow, Suspect
from ims.analyse.ports.data import TESTS
from ims.analyse.ports.false_discovery import q_values
from ims.settings.durations import DAY_US, HOUR_US

Array = np.ndarray[Any, Any]
START_US = 1_074_124_800_000_000
"""2004-01-15T00:00:00Z."""
DAYS, DAY = 152, 24
RUNS_A_DAY = 760 / 3720
"""Of a host, that come to a /24: half of what the scenario has, as hosts are switched on for half of the day."""
PACKETS_A_RUN = 2.7
SWING = 0.4
"""Of the hours of a day: the amplitude."""


@dataclass(frozen=True)
class Span:
    """When hosts come: hours since the start, None: all the time until, or from, the end."""

    since: float | None
    until: float | None

    def inside(self) -> Array:
        """The share of each hour."""
        hours = np.arange(DAYS * DAY)
        since, until = self.since or 0.0, DAYS * DAY if self.until is None else self.until
        return np.clip(np.minimum(hours + 1, until) - np.maximum(hours, since), 0, 1)


def draw(rng: np.random.Generator, hosts: int, slash24s: float, span: Span) -> tuple[Array, Array]:
    """Packets of each hour, and distinct sources of each day. A run's packets are geometric."""
    hour = np.arange(DAYS * DAY) % DAY
    rate = hosts * RUNS_A_DAY * slash24s / DAY * (1 + SWING * np.cos((hour - 5) * np.pi / 12)) * span.inside()
    runs = rng.poisson(rate)
    packets = runs + rng.negative_binomial(np.maximum(runs, 1), 1 / PACKETS_A_RUN) * (runs > 0)
    met = -np.expm1(-runs.reshape(-1, DAY).sum(1) / hosts)
    return packets.astype(np.float64), rng.binomial(hosts, met).astype(np.float64)


def bins(slash24s: float | Array, watched: Array | None = None) -> Bins:
    """Days; `watched`: the share of each, all if not given."""
    share = np.ones(DAYS) if watched is None else watched
    exposure = share * slash24s
    kept = exposure > 0
    return Bins((START_US + np.arange(DAYS) * DAY_US)[kept], share[kept] * 86400, exposure[kept], DAY_US)


def data_of(packets: Array, sources: Array, slash24s: float) -> Data:
    """One port as the analysis gets it, with hours to date its changes by."""
    days = bins(slash24s)
    daily = packets.reshape(-1, DAY).sum(1)
    found = named(days, daily[None], sources[None])
    hours = Bins(START_US + np.arange(DAYS * DAY) * HOUR_US, np.full(DAYS * DAY, 3600.0),
                 np.full(DAYS * DAY, slash24s / DAY), HOUR_US)  # fmt: skip
    narrow = Narrow(hours, {each.name: packets for each in found})
    return Data(days, DAY_US, 0.05, False, int(packets.sum()), found, narrow=narrow)


def named(days: Bins, packets: Array, sources: Array, fdr: float = 0.05) -> list[Named]:
    """What is named of ports (p, n), as `data` does it."""
    found = sorted((changes.p, row, changes) for row, changes in changes_of(packets, days.exposure).items())
    q = q_values(np.array([p for p, _, _ in found]), TESTS)
    told = [
        confirmed(Suspect("tcp", 1024 + row, packets[row].astype(float), sources[row].astype(float), changes), days)
        for (_, row, changes), value in zip(found, q, strict=True)
        if value <= fdr
    ]
    told = [each for each in told if each.changes.begins]
    q = q_values(np.array([each.changes.p for each in told]), TESTS)
    return [replace(each, q=float(value)) for each, value in zip(told, q, strict=True) if value <= fdr]
