"""Populations that grow, decline and are off at night: worms, by the kernel of `scanning`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ims.simulate.kernels.conversation import Tables
from ims.simulate.kernels.frame_buffer import FrameBuffer
from ims.simulate.kernels.hosts import ALL, NEVER, REST, Law, infected, numbers_in
from ims.simulate.kernels.scanning import Groups, scan
from ims.simulate.populations.sender import Sender
from ims.simulate.scenario.models import WormModel
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.services import service_of, size_of
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import World, reached_by

Array = np.ndarray[Any, Any]
NS = 1_000_000_000
HOURS = {"never": NEVER, "rest": REST, "all": ALL}


class Epidemic(Sender):
    """Hosts by a law, too many to be listed."""

    def __init__(self, law: Law, groups: Groups, state: Array, size: tuple[float, float], window: tuple[float, float]):
        super().__init__(scan, (law, groups, state), size)
        self._law, self._run = law, groups.run[0]
        self._since, self._until = round(window[0] * NS), round(window[1] * NS)
        self._everywhere = float(groups.rate[groups.count < 0].sum())
        self._listed = float((groups.rate * np.maximum(groups.count, 0)).sum())

    def write(self, draft: FrameBuffer, packet: Any, tables: Tables, since: int, until: int) -> bool:
        """As Sender, in the population's window."""
        since, until = max(since, self._since), min(until, self._until)
        return since >= until or super().write(draft, packet, tables, since, until)

    def conversations(self, since: int, until: int) -> float:
        """As Sender."""
        since, until = max(since, self._since), min(until, self._until)
        runs = infected(self._law, until / NS) * self._everywhere + self._listed
        return float(runs * max(until - since, 0) / NS * self._run)


def law_of(
    keys: Array,
    world: World,
    counts: tuple[float, float, float],
    *,
    doubling: float | None = None,
    half_life: float | None = None,
    outbreak: float = 0.0,
    decline: float = math.inf,
    midnight: float = 0.0,
    rest: tuple[float, float, float] = (0.0, 0.0, 10.0),
    hours: int = NEVER,
    zones: Array | None = None,
    skew: float = 1.0,
) -> Law:
    """The law of a population: its hosts at first, their limit, how many are ever infected; times in seconds."""
    live = int(world.inhabited.sum()) * 65_536
    for first, last in zip(world.first, world.last, strict=True):  # less dark addresses among inhabited /16s
        whole = np.arange(first >> 16, (last >> 16) + 1)
        sizes = np.minimum(last, whole * 65_536 + 65_535) - np.maximum(first, whole * 65_536) + 1
        live -= int(sizes[world.inhabited[whole] == 1].sum())
    if counts[2] > live:
        raise ValueError(f"{counts[2]:,.0f} hosts; there are addresses for {live:,}")
    return Law(
        keys, np.array(counts, np.float64),
        np.array([math.log(2) / doubling if doubling else 0.0, math.log(2) / half_life if half_life else 0.0]),
        np.array([outbreak, decline, midnight]), np.array(rest, np.float64), np.array([hours], np.int64),
        np.ones(24).cumsum() if zones is None else zones, world.inhabited, np.array([live / (1 << 32)]),
        np.array([skew]),
    )  # fmt: skip


def groups_of(
    world: World,
    reached: list[int],
    law: Law,
    runs: float,
    targets: dict[str, float],
    services: tuple[int, int],
    run: tuple[int, float],
    apart: float | None,
) -> Groups:
    """`runs` a second and host, in the shares of `targets`."""
    length, gap, weights = run[0], round(run[1] * NS), sum(targets.values())
    rows: list[tuple[int, int, int, int, int, float]] = []
    lists: list[Array] = []
    most = math.ceil(law.counts[2] / law.share[0])
    for block in reached:
        low, high = max(0, int(world.first[block]) - length + 1), int(world.last[block])
        for scope, weight in targets.items():
            if scope == "any":
                rows.append((0, -1, block, low, high, runs * weight / weights * (high - low + 1) / (1 << 32)))
                continue
            size = 1 << (32 - int(scope[1:]))
            for around in range(low // size * size, high + 1, size):
                begin, end = max(low, around), min(high, around + size - 1)
                found = _living_in(law, world, most, around, around + size - 1)
                if found.size:
                    rate = runs * weight / weights * (end - begin + 1) / size
                    rows.append((sum(map(len, lists)), found.size, block, begin, end, rate))
                    lists.append(found)
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    return Groups(
        np.concatenate(lists) if lists else np.zeros(1, np.int64),
        *(np.array(columns[index], np.int64) for index in range(5)), np.array(columns[5], np.float64),  # type: ignore[call-arg]
        world.first, world.last, np.array(services, np.int64), np.array([length, gap // 2, gap + gap // 2], np.int64),
        np.array([round(apart * NS) if apart else 0], np.int64),
    )  # fmt: skip


def _living_in(law: Law, world: World, most: int, lowest: int, highest: int) -> Array:
    """Numbers of the hosts of a range of addresses."""
    found = np.zeros(1 << 12, np.int64)
    while True:
        count = numbers_in(law, most, lowest, highest, world.first, world.last, found)
        if count <= found.size:
            return found[:count].copy()
        found = np.zeros(count, np.int64)


def worm_of(scenario: Scenario, model: WormModel, cast: Cast, world: World, state: Array) -> Epidemic:
    """A worm: its law, and from where to where its hosts scan. Raises ValueError."""
    since, until = scenario.window(model)
    scale = scenario.scale
    decline = scenario.offset(model.decline, math.inf)
    start, limit = (model.hosts or model.initial or 0) * scale, (model.hosts or model.limit or 0) * scale
    ever = limit
    if model.doubling is not None:
        grown = math.exp(-math.log(2) / model.doubling * (min(decline, until) - since))
        ever = limit / (1 + (limit / start - 1) * grown)
    zones = np.cumsum([model.zones.get(f"{hour:+d}", 0.0) for hour in range(-11, 13)])
    keys = cast.keys(f"pool {model.pool}" if model.pool else f"hosts {model.name}")
    law = law_of(
        keys, world, (start, limit, ever), doubling=model.doubling, half_life=model.half_life, outbreak=since,
        decline=decline, midnight=scenario.second_of_day(), rest=(model.rest, model.always_on, model.hours_a_day),
        hours=HOURS[model.hours], zones=zones,
    )  # fmt: skip
    services = [service_of(service) for service in model.service]
    event = cast.event(
        model.name, "worm",
        {
            "like": model.like, "hosts_ever": ever, "hosts_at_first": start, "limit": limit,
            "doubling_seconds": model.doubling,
            "growth_per_hour": math.log(2) / model.doubling * 3600 if model.doubling else None,
            "outbreak": scenario.shown(since),
            "decline": scenario.shown(decline) if model.decline is not None else None,
            "half_life_seconds": model.half_life, "rest": model.rest, "hours": model.hours,
            "runs_per_hour": model.runs_per_hour, "run_length": model.run_length, "targets": model.targets,
            "ports": [service.port for service in model.service],
        },
    )  # fmt: skip
    population = cast.population(keys, model.personas)
    groups = groups_of(
        world, reached_by(model, world), law, model.runs_per_hour / 3600, model.targets,
        cast.services(services, population, event), (model.run_length, model.run_gap), model.apart,
    )  # fmt: skip
    return Epidemic(law, groups, state, size_of(services, model.personas, world), (since, until))
