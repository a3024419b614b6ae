"""A day of the scenario ims-2004 at a telescope: what each host's probes are, without packets.

Worms' hosts are anywhere in 221 /8s; each is on for its own number of hours, and chooses its targets as the scenario
says: anywhere, in its own /8, in its own /16. So a block is visited by the few hosts of its own /16, some of its own
/8, and many from elsewhere. The hosts of the background prefer nothing, and a few of them send most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from calibration.watch import Array
from ims.analyse.local_preference.data import ALL, DISJOINT, ELSEWHERE, SAME_8, SAME_16, Block, Data, Near
from ims.settings.durations import DAY_US, SECOND_US
from ims.simulate.scenario.scenario import read_scenario

NETWORKS = 221
"""/8s that hosts live in (RFC 6890)."""
INHABITED = NETWORKS << 24
DAY = DAY_US / SECOND_US
BESIDE = (24, 24, 24, 23, 22, 20, 18)
"""Blocks of a telescope beside the one that is looked at, as in the paper's Table 1: the lengths of their prefixes."""


class Population(NamedTuple):
    """Hosts that are alike but for how much they send. `runs`: of probes a day, of a host; `length`: of a run; shares
    of runs that begin anywhere, in the own /8 and in the own /16. `skew`: as the scenario's backgrounds; 1 of worms,
    whose hosts are on for some hours if they `sleep`."""

    hosts: int
    runs: float
    length: int
    anywhere: float
    own_8: float = 0.0
    own_16: float = 0.0
    sleeps: bool = False
    skew: float = 1.0


@cache
def populations() -> tuple[Population, ...]:
    """Those of the scenario."""
    scenario = read_scenario("ims-2004")
    found = []
    for worm in scenario.worm:
        weights = {name: worm.targets.get(name, 0.0) / sum(worm.targets.values()) for name in ("any", "/8", "/16")}
        found.append(Population(int(worm.hosts or 0), worm.runs_per_hour * 24, worm.run_length, *weights.values(),
                                worm.hours == "all"))  # fmt: skip
    for each in scenario.background:
        runs = each.packets_per_24 / 256 * 2**32 / each.sources
        found.append(Population(each.sources, runs, 1, 1.0, skew=3.0))
    return tuple(found)


class Sent(NamedTuple):
    """What hosts of a population sent to a block: their numbers (below 0: of an own network), and packets of each."""

    population: int
    host: Array
    packets: Array


def telescope(rng: np.random.Generator, lengths: Sequence[int], hosts: Sequence[Population] | None = None) -> Data:
    """What the analysis gets of a day: a block for each length of a prefix, each in a /8 of its own."""
    chosen = populations() if hosts is None else hosts
    alive = [_alive(rng, each) for each in chosen]
    drawn = [_block(rng, length, number, chosen, alive) for number, length in enumerate(lengths)]
    blocks = [
        Block(f"{name}/{length}", float(1 << 32 - length), DAY, _near(sent),
              [near for near in (SAME_16, SAME_8) if length <= int(near[1:])])
        for name, length, sent in zip("ABCDEFGHIJ", lengths, drawn, strict=False)
    ]  # fmt: skip
    together = {near: [each for sent in drawn for each in sent[near]] for near in DISJOINT}
    return Data(blocks, _near(together))


def expected(length: int, hosts: Sequence[Population] | None = None) -> dict[str, float]:
    """Packets that a block may expect, by nearness: the mean over all places of hosts."""
    found = dict.fromkeys(DISJOINT, 0.0)
    for each in populations() if hosts is None else hosts:
        living, rates = _living(each, length), _rates(each, length)
        for near in DISJOINT:
            found[near] += living[near] * rates[near] * _met(each, length)
    return found


def shares(expected: Mapping[str, float]) -> dict[str, float]:
    """The truth about the shares of packets."""
    whole = sum(expected.values())
    return {"same_16": expected[SAME_16] / whole, "same_8": (expected[SAME_16] + expected[SAME_8]) / whole}


def _living(each: Population, length: int) -> dict[str, float]:
    """How many hosts live in the block's /16, in the rest of its /8, and elsewhere: the mean."""
    dark = 1 << 32 - length
    own_16 = max(65_536 - dark, 0) * each.hosts / INHABITED
    own_8 = ((1 << 24) - max(65_536, dark)) * each.hosts / INHABITED
    return {SAME_16: own_16, SAME_8: own_8, ELSEWHERE: each.hosts - own_16 - own_8}


def _rates(each: Population, length: int) -> dict[str, float]:
    """Runs a day that touch the block, of a host, by where it lives."""
    touched = (1 << 32 - length) + each.length - 1
    anywhere, own_8, own_16 = (
        each.runs * share * touched / size
        for share, size in ((each.anywhere, 1 << 32), (each.own_8, 1 << 24), (each.own_16, 1 << 16))
    )
    return {SAME_16: anywhere + own_8 + own_16, SAME_8: anywhere + own_8, ELSEWHERE: anywhere}


def _met(each: Population, length: int) -> float:
    """Probes of a run that touches the block, times the part of the day that a host is on: means."""
    dark = 1 << 32 - length
    return each.length * dark / (dark + each.length - 1) * (_on(np.array([0.5]), each)[0] if each.sleeps else 1.0)


def _on(chance: Array, each: Population) -> Array:
    """The part of a day that hosts are on: 20 % always, the others 5 to 15 hours. `chance`: even, of each."""
    return np.asarray(0.2 + 0.8 * 10 * (0.5 + chance) / 24)


class Alive(NamedTuple):
    """Hosts of a population in one run: how many, and of a background, the part of its packets that each sends, 1 on
    average."""

    number: int
    parts: Array | None


def _alive(rng: np.random.Generator, each: Population) -> Alive:
    """Other ones in each run, which is what intervals allow for: as many as Poisson's law has, and those of a
    background send by the law that scenarios have in the order of their hosts. A single host is one."""
    number = int(rng.poisson(each.hosts)) if each.hosts > 1 else 1
    if each.skew == 1.0:
        return Alive(number, None)
    return Alive(number, (1 - rng.random(number)) ** (1 / each.skew - 1) / each.skew)


def _block(
    rng: np.random.Generator, length: int, number: int, hosts: Sequence[Population], alive: Sequence[Alive]
) -> dict[str, list[Sent]]:
    found: dict[str, list[Sent]] = defaultdict(list)
    for at, (each, these) in enumerate(zip(hosts, alive, strict=True)):
        living, rates = _living(each, length), _rates(each, length)
        if these.parts is not None:
            met = rng.poisson(these.parts * rates[ELSEWHERE])
            host, met = np.flatnonzero(met), met[met > 0]
            place = rng.random(len(host)) * each.hosts
            near = np.where(place < living[SAME_16], 0, np.where(place < living[SAME_16] + living[SAME_8], 1, 2))
            for index, name in enumerate(DISJOINT):
                found[name].append(Sent(at, host[near == index], met[near == index]))
            continue
        for index, name in enumerate(DISJOINT):
            living_here = rng.poisson(living[name]) if name != ELSEWHERE else these.number
            host, runs = _runs(rng, living_here, rates[name], each)
            met = _probes(rng, runs, length, each.length)
            own = host if name == ELSEWHERE else -1 - host - (number * len(DISJOINT) + index) * each.hosts
            found[name].append(Sent(at, own[met > 0], met[met > 0]))
    return found


def _runs(rng: np.random.Generator, hosts: int, rate: float, each: Population) -> tuple[Array, Array]:
    """Hosts that touched the block, and how often."""
    if hosts * rate > hosts / 4 or hosts < 1000:
        chance = np.ones(hosts)
        if each.sleeps:
            chance = np.where(rng.random(hosts) < 0.2, 1.0, 10 * (0.5 + rng.random(hosts)) / 24)
        runs = rng.poisson(rate * chance)
        return np.flatnonzero(runs), runs[runs > 0]
    on = _on(np.array([0.5]), each)[0] if each.sleeps else 1.0
    return np.unique(rng.integers(0, hosts, rng.poisson(hosts * rate * on)), return_counts=True)


def _probes(rng: np.random.Generator, runs: Array, length: int, run: int) -> Array:
    """Probes of runs that begin anywhere within, or up to a run's length before, the block."""
    if run == 1:
        return runs
    dark = 1 << 32 - length
    begin = rng.integers(-(run - 1), dark, int(runs.sum()))
    met = np.minimum(begin + run, dark) - np.maximum(begin, 0)
    return np.bincount(np.repeat(np.arange(len(runs)), runs), met, len(runs)).astype(np.int64)


def _near(sent: Mapping[str, Sequence[Sent]]) -> dict[str, Near]:
    found = {name: _added(sent[name]) for name in DISJOINT}
    return found | {ALL: _added([each for name in DISJOINT for each in sent[name]])}


def _added(parts: Sequence[Sent]) -> Near:
    """One source for each host, however often it stands in the parts."""
    packets, sources, squares, most = 0, 0, 0.0, 0
    for population in {each.population for each in parts}:
        host = np.concatenate([each.host for each in parts if each.population == population])
        met = np.concatenate([each.packets for each in parts if each.population == population])
        if not len(host):
            continue
        _, at = np.unique(host, return_inverse=True)
        each_host = np.bincount(at, met)
        packets, sources = packets + int(met.sum()), sources + len(each_host)
        squares, most = squares + float(each_host @ each_host), max(most, int(each_host.max()))
    return Near(packets, sources, squares, most)
