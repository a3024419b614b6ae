"""The hosts of the scenario blaster-2004, drawn one by one: the law of ims/simulate/kernels/hosts.py without packets.

A host's time zone is that of its /8; it is switched on about ten in the morning, for its own number of hours, and some
always are. One that is on visits a darknet of A addresses as a Poisson process.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from calibration.circadian.counts import NETWORKS, PART, Counts
from calibration.watch import Array, Watch
from ims.simulate.scenario.models import WormModel
from ims.simulate.scenario.scenario import read_scenario

ADDRESSES = 1 << 32
GRID = np.arange(0, 24, 1 / 60)
BEGIN, SPREAD = 10.0, 4.0
"""When hosts are switched on by their own clocks: the mean, and how far at most from it."""


@cache
def model() -> WormModel:
    """The scenario's worm."""
    [found] = read_scenario("blaster-2004").worm
    return found


def zones() -> tuple[Array, Array]:
    """Hours ahead of UTC, and the share of /8s that are."""
    weights = np.array(list(model().zones.values()))
    return np.array([float(each) for each in model().zones]), weights / weights.sum()


@cache
def truth() -> dict[str, float]:
    """Of infinitely many hosts in infinitely many networks: the hour at which most are on, and the amplitude. A host
    that begins at b, spread as the sum of two even shares, and stays for s hours, even between half of the mean and one
    and a half of it, is on at t if t - s < b <= t."""
    shares = (np.arange(200) + 0.5) / 200
    begins = BEGIN + SPREAD * (shares[:, None] + shares - 1).ravel()
    edges = np.linspace(BEGIN - SPREAD, BEGIN + SPREAD, 2001)
    chance = np.concatenate([[0.0], np.cumsum(np.histogram(begins, edges)[0]) / len(begins)])
    spans = model().hours_a_day * (0.5 + shares)
    curve = np.zeros(len(GRID))
    for ahead, weight in zip(*zones(), strict=True):
        for day in (-24, 0, 24):
            local = GRID + ahead + day
            ended = np.interp(local[:, None] - spans, edges, chance).mean(1)
            curve += weight * (np.interp(local, edges, chance) - ended)
    curve = model().always_on + (1 - model().always_on) * curve
    peak = GRID[np.argmax(curve)]
    return {"peak_hour": float(peak), "amplitude": float(np.ptp(curve) / 2 / curve.mean()), "period": 24.0}


def draw(rng: np.random.Generator, counts: Counts, hosts: int | None = None) -> None:
    """Count the visits of the scenario's hosts, or so many."""
    number = int(model().hosts or 0) if hosts is None else hosts
    visits = model().runs_per_hour * counts.watch.addresses / ADDRESSES
    ahead = rng.choice(zones()[0], NETWORKS, p=zones()[1])
    network = rng.integers(0, NETWORKS, number)
    begin = BEGIN + SPREAD * (rng.random(number) + rng.random(number) - 1) - ahead[network]
    span = model().hours_a_day * (0.5 + rng.random(number))
    span[rng.random(number) < model().always_on] = 24
    drawn = _bin_by_bin if visits > PART else _one_by_one
    source, at = drawn(rng, visits, counts.watch.hours, begin, span)
    counts.add(rng, source, at, network)


def _one_by_one(rng: np.random.Generator, visits: float, hours: int, begin: Array, span: Array) -> tuple[Array, Array]:
    """Visits: the host and the hour of each. `begin`, `span`: when hosts are switched on, UTC, and for how long."""
    source = np.repeat(np.arange(len(begin)), rng.poisson(visits * hours, len(begin)))
    at = rng.random(len(source)) * hours
    kept = np.mod(at - begin[source], 24) < span[source]
    return source[kept], at[kept]


def _bin_by_bin(rng: np.random.Generator, visits: float, hours: int, begin: Array, span: Array) -> tuple[Array, Array]:
    """The same of many visits: one in each bin in which there is any, which counts the same."""
    bins = np.arange(24 * PART) / PART
    since = np.mod(begin, 24)[:, None]
    inside = np.zeros((len(begin), len(bins)))
    for day in (-24, 0):
        starts = np.maximum(since + day, bins)
        inside += np.clip(np.minimum(since + day + span[:, None], bins + 1 / PART) - starts, 0, None)
    chance = np.tile(-np.expm1(-visits * inside), (1, hours // 24))
    source, index = np.nonzero(rng.random(chance.shape) < chance)
    return source, (index + rng.random(len(index))) / PART


def counts_of(seed: int, watch: Watch) -> Counts:
    """The scenario as a watch counts it. It begins on a midnight."""
    rng, counts = np.random.default_rng(seed), Counts(watch)
    draw(rng, counts)
    return counts
