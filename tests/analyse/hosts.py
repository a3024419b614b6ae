"""Hosts of a worm one by one, as a judge of what is expected of them: when each was infected and cleaned, and whether it
visited a darknet in each bin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ims.analyse.outbreak.epidemic_curve import Bins, Of
from ims.analyse.outbreak.visits import Windows, windows_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Worm:
    """Hosts at the decline; the logistic's rate and the share of its limit that is reached; cleaning's rate and the share
    that never is. Hours. `lost`: share that is silent from the decline on; `is_drawn`: moments of infection are drawn one
    by one, and who is never cleaned; otherwise both are those of the law exactly."""

    hosts: int = 4000
    growth: float = 0.3
    reached: float = 0.9
    decline: float = 60.0
    cleaning: float = 0.07
    rest: float = 0.03
    onset: float = -math.inf
    lost: float = 0.0
    is_drawn: bool = True

    def row(self, whole: float = 1e-9, before: float = 1e-6) -> Array:
        """The law's parameters (1, 13), for so many visits in a whole bin, and `before` sources that aren't its own."""
        found = np.zeros((1, len(Of)))
        values = {
            Of.BEFORE: math.log(before), Of.PEAK: math.log(self.hosts * -math.expm1(-whole)),
            Of.GROWTH: math.log(self.growth), Of.SATURATION: math.log(self.reached / (1 - self.reached)),
            Of.DECLINE: self.decline, Of.CLEANING: math.log(self.cleaning), Of.REST: math.log(self.rest),
            Of.ONSET: max(self.onset, -1e6), Of.LOST: self.lost,
        }  # fmt: skip
        for index, value in values.items():
            found[0, index] = value
        return found

    def lives(self, draw: np.random.Generator) -> tuple[Array, Array]:
        """When each host becomes active, and when it ceases to be."""
        share = 1 - draw.random(self.hosts) if self.is_drawn else (np.arange(self.hosts) + 0.5) / self.hosts
        ago = np.log((1 / share - self.reached) / (1 - self.reached)) / self.growth
        since = np.maximum(self.decline - ago, self.onset)
        left = self.decline + draw.exponential(1 / self.cleaning, self.hosts)
        fate = (
            draw.random(self.hosts) if self.is_drawn else draw.permutation((np.arange(self.hosts) + 0.5) / self.hosts)
        )
        until = np.where(fate < self.rest, np.inf, np.where(fate < self.rest + self.lost, self.decline, left))
        return since, until


def seen(lives: tuple[Array, Array], bins: Bins, draw: np.random.Generator, visits: float | None = None) -> Array:
    """Whether each host was seen in each bin, bool (hosts, bins). `visits`: in a whole bin, if not the bins' own."""
    since, until = (each[:, None] for each in lives)
    active = np.clip(np.minimum(until, bins.end) - np.maximum(since, bins.begin), 0, None) / (bins.end - bins.begin)
    return np.asarray(draw.random(active.shape, np.float32) < -np.expm1(-(visits or bins.whole) * bins.share * active))


def hourly(hours: int, whole: float = 1.0, share: Array | float = 1.0, keep: Array | None = None) -> Bins:
    """Bins of an hour; `keep`: those that were watched."""
    begin = np.arange(float(hours)) if keep is None else np.flatnonzero(keep).astype(float)
    shares = np.broadcast_to(np.asarray(share, float), (hours,))
    return Bins(begin, begin + 1, shares[begin.astype(int)], whole)


def windows(bins: Bins, found: Array, times: Sequence[int] = (6, 24)) -> list[Windows]:
    """The same hosts in bins that are so many times as wide."""
    made = []
    for each in times:
        group = np.floor(bins.begin / each) * each
        wide = np.unique(group)
        counts = np.array([found[:, group == at].any(1).sum() for at in wide], float)
        made.append(windows_of(bins, found.sum(0).astype(float), each, group, wide, counts))
    return made
