"""The worm of the scenario blaster-2003, drawn host by host: the law of ims/simulate/kernels/hosts.py without packets.

Hosts are infected at random moments of the logistic law (the simulator's in order of their numbers, at those of the
law), and cleaned after the decline at a constant rate, but for a rest that is switched off by night. An active host
visits a darknet of A addresses as a Poisson process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from calibration.outbreak.counts import Counts
from calibration.watch import START_US, Watch
from ims.settings.durations import HOUR_US
from ims.simulate.scenario.models import WormModel
from ims.simulate.scenario.scenario import read_scenario

Array = np.ndarray[Any, Any]
ADDRESSES = 1 << 32
LOT = 4_000_000
"""Visits that are drawn at once: 200 MB."""
OWN_SPEED = 11 * 3600 / 10
"""Runs of ten addresses an hour of a host that scans eleven addresses a second, as the real Blaster did."""


@dataclass(frozen=True)
class Worm:
    """The scenario's worm and scanners at its scale. `fast`: at the real Blaster's speed."""

    fast: bool = False
    scale: float = 0.25

    @cached_property
    def model(self) -> WormModel:
        """The table of the scenario."""
        [found] = read_scenario("blaster-2003").worm
        return found.model_copy(update={"runs_per_hour": OWN_SPEED}) if self.fast else found

    @cached_property
    def law(self) -> Law:
        """Its law, in hours."""
        scenario, model = read_scenario("blaster-2003", self.scale), self.model
        assert model.initial and model.limit and model.doubling and model.half_life
        since, decline = scenario.offset(model.since, 0) / 3600, scenario.offset(model.decline, math.inf) / 3600
        return Law(
            model.initial * self.scale, model.limit * self.scale, model.doubling / 3600, since, decline,
            model.half_life / 3600, model.rest,
        )  # fmt: skip

    def visits(self, addresses: int) -> float:
        """Of an active host an hour: runs that begin anywhere and touch so many addresses. (Runs in a host's own /16
        don't come here: no host lives beside the block.)"""
        anywhere = self.model.targets["any"] / sum(self.model.targets.values())
        return self.model.runs_per_hour * anywhere * (addresses + self.model.run_length - 1) / ADDRESSES

    @cached_property
    def scanners(self) -> tuple[int, float]:
        """How many other sources there are, and how many addresses each probes in an hour (which the scale is of)."""
        [found] = read_scenario("blaster-2003").scanner
        return found.sources, found.rate * self.scale * 3600


@dataclass(frozen=True)
class Law:
    """Hosts by time. Hours since the scenario's start."""

    initial: float
    limit: float
    doubling: float
    since: float
    decline: float
    half_life: float
    rest: float

    @property
    def rate(self) -> float:
        """The logistic's r."""
        return math.log(2) / self.doubling

    @property
    def sources(self) -> float:
        """Hosts at the decline."""
        grown = math.exp(-self.rate * (self.decline - self.since))
        return self.limit / (1 + (self.limit / self.initial - 1) * grown)

    def truth(self) -> dict[str, float]:
        """What the estimates should be; the decline in microseconds."""
        return {
            "doubling_time": self.doubling,
            "max_growth": self.rate * self.limit / 4,
            "half_life": self.half_life,
            "decline_began": START_US + self.decline * HOUR_US,
            "sources": self.sources,
        }

    def infected_at(self, number: Array) -> Array:
        """When each host is infected."""
        odds = (self.limit / np.maximum(number, self.initial) - 1) / (self.limit / self.initial - 1)
        return self.since - np.log(odds) / self.rate


def draw(rng: np.random.Generator, worm: Worm, counts: Counts) -> None:
    """Count the visits of the scenario's worm and scanners."""
    addresses, hours = counts.watch.addresses, float(counts.watch.hours)
    visits, law = worm.visits(addresses), worm.law
    hosts = int(rng.poisson(law.sources))
    lot = max(min(hosts, int(LOT / (visits * hours))), 1)
    for first in range(0, hosts, lot):
        _draw_hosts(rng, worm, visits, min(lot, hosts - first), counts)
    others, probes = worm.scanners
    steady(rng, int(rng.poisson(others)), probes * addresses / ADDRESSES, counts)


def steady(rng: np.random.Generator, sources: int, visits: float, counts: Counts) -> None:
    """Sources that come so often an hour all the time."""
    hours = counts.watch.hours
    number = rng.poisson(visits * hours, sources)
    source = np.repeat(np.arange(sources), number)
    counts.add(rng, source, rng.random(len(source)) * hours)


def _draw_hosts(rng: np.random.Generator, worm: Worm, visits: float, hosts: int, counts: Counts) -> None:
    law, until = worm.law, float(counts.watch.hours)
    since = law.infected_at(rng.random(hosts) * law.sources)
    life = rng.random(hosts)
    stays = life >= 1 - law.rest
    lived = -np.log1p(-np.where(stays, 0, life) / (1 - law.rest)) * law.half_life / math.log(2)
    end = np.where(stays, until, np.minimum(law.decline + lived, until))
    source = np.repeat(np.arange(hosts), rng.poisson(visits * (end - since)))
    at = since[source] + (end - since)[source] * rng.random(len(source))
    kept = np.ones(len(source), np.bool_)
    asleep = np.flatnonzero(stays[source] & (at > law.decline))
    kept[asleep] = _hours(rng, worm.model, hosts)(source[asleep], at[asleep])
    counts.add(rng, source[kept], at[kept])


def _hours(rng: np.random.Generator, model: WormModel, count: int) -> Any:
    """Whether hosts are switched on at times: each has its zone, begins its day around ten, and some always are."""
    weights = np.array(list(model.zones.values()))
    zone = rng.choice(np.array([float(each) for each in model.zones]), count, p=weights / weights.sum())
    always = rng.random(count) < model.always_on
    begin = 10 + 4 * (rng.random(count) + rng.random(count) - 1)
    span = model.hours_a_day * (0.5 + rng.random(count))

    def is_on(host: Array, at: Array) -> Array:
        return np.asarray(always[host] | (np.mod(at + zone[host] - begin[host], 24) < span[host]))

    return is_on


def counts_of(seed: int, worm: Worm, watch: Watch) -> Counts:
    """The scenario as a watch counts it."""
    rng, counts = np.random.default_rng(seed), Counts(watch)
    draw(rng, worm, counts)
    return counts
