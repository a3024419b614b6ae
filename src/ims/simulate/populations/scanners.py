"""Scanners in a table, each with its order of targets: by the kernel of `sweep`."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np

from ims.simulate.kernels.conversation import Tables
from ims.simulate.kernels.frame_buffer import FrameBuffer
from ims.simulate.kernels.sweep import PERMUTATION, RANDOM, SEQUENTIAL, SHARED, SWEEP, dark_positions, sweep
from ims.simulate.random_columns import RandomColumns
from ims.simulate.scenario.models import ScannerModel
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.services import service_of, size_of
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import World, first_hosts, reached_by

Array = np.ndarray[Any, Any]
NS = 1_000_000_000
ORDERS = {"random": RANDOM, "sequential": SEQUENTIAL, "permutation": PERMUTATION, "shared-permutation": SHARED}


class Scanners:
    """Scanners in a table: sweep.sweep."""

    def __init__(
        self, sweeps: Array, population: int, world: World, reached: list[int], permutation: Array, state: Array,
        size: tuple[float, float],
    ):  # fmt: skip
        self.sweeps, self._population, self._world, self._permutation = sweeps, population, world, permutation
        self._state, self._size, self._reach = state, size, world.reach(reached)
        self._positions = np.zeros(0, np.uint32)
        if (sweeps["order"] == SHARED).any():
            self._positions = np.zeros(int(self._reach[-1]), np.uint32)
            dark_positions(permutation, world.first[reached], world.last[reached], self._positions)
            self._positions.sort()

    def write(self, draft: FrameBuffer, packet: Any, tables: Tables, since: int, until: int) -> bool:
        """As Population."""
        return bool(
            sweep(
                draft, packet, tables, self.sweeps, self._population, self._reach, self._world.first, self._positions,
                self._permutation, self._state, since, until,
            )
        )  # fmt: skip

    def expected(self, since: int, until: int) -> tuple[float, float]:
        """As Population."""
        rows = self.sweeps
        active = np.maximum(np.minimum(until, rows["until"]) - np.maximum(since, rows["since"]), 0) / NS * rows["rate"]
        inside = rows["order"] == SEQUENTIAL  # it may be in the darknet all the while
        probes = float(active[inside].sum() + active[~inside].sum() * self._reach[-1] / (1 << 32))
        return probes * self._size[0], probes * self._size[1]


def scanner_of(scenario: Scenario, model: ScannerModel, cast: Cast, world: World, state: Array) -> Scanners:
    """The scanners of a table. Raises ValueError."""
    since, until = scenario.window(model)
    keys = cast.keys(f"hosts {model.name}")
    services = [service_of(service) for service in model.service]
    event = cast.event(
        model.name, "scanner",
        {
            "sources": model.sources, "order": model.order, "tool": model.tool, "range": model.range,
            "probes_a_second_each": model.rate * scenario.scale, "ports": [service.port for service in model.service],
        },
    )  # fmt: skip
    population = cast.population(keys, model.tool)
    first, count = cast.services(services, population, event)
    dice = RandomColumns(int(keys[4] >> np.uint64(1)))
    through = ipaddress.IPv4Network(model.range or "0.0.0.0/0")
    rows = np.zeros(model.sources, SWEEP)
    rows["order"], rows["since"], rows["until"] = ORDERS[model.order], round(since * NS), round(until * NS)
    rows["rate"], rows["service"], rows["services"] = model.rate * scenario.scale, first, count
    rows["number"], rows["source"] = first_hosts(keys, world, model.sources)
    rows["size"] = through.num_addresses if model.order == "sequential" else 1 << 32
    rows["first"] = int(through[0]) if model.order == "sequential" else 0
    if model.start == "anywhere" and model.order in ("sequential", "shared-permutation"):
        rows["start"] = dice.below(int(rows["size"][0]), model.sources)
    return Scanners(
        rows, population, world, reached_by(model, world), cast.keys("the shared permutation"), state,
        size_of(services, model.tool, world),
    )  # fmt: skip
