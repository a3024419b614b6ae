"""Scanners in a table, each with its order of targets, by the kernel of `sweep`."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np

from ims.simulate.kernels.sweep import PERMUTATION, RANDOM, SEQUENTIAL, SHARED, SWEEP, dark_positions, sweep
from ims.simulate.populations.sender import Sender, active
from ims.simulate.random_columns import RandomColumns
from ims.simulate.scenario.models import ScannerModel
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.services import service_of, size_of
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import World, first_hosts, reached_by

Array = np.ndarray[Any, Any]
NS = 1_000_000_000
ORDERS = {"random": RANDOM, "sequential": SEQUENTIAL, "permutation": PERMUTATION, "shared-permutation": SHARED}


class Scanners(Sender):
    """Scanners in a table; columns: as `sweep` takes them."""

    def conversations(self, since: int, until: int) -> float:
        """As Sender."""
        rows, _, reach, *_ = self.columns
        probes = active(rows, since, until) / NS * rows["rate"]
        inside = rows["order"] == SEQUENTIAL  # it may be in the darknet all the while
        return float(probes[inside].sum() + probes[~inside].sum() * reach[-1] / (1 << 32))


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
    random = RandomColumns(int(keys[4] >> np.uint64(1)))
    through = ipaddress.IPv4Network(model.range or "0.0.0.0/0")
    rows = np.zeros(model.sources, SWEEP)
    rows["order"], rows["since"], rows["until"] = ORDERS[model.order], round(since * NS), round(until * NS)
    rows["rate"], rows["service"], rows["services"] = model.rate * scenario.scale, first, count
    rows["number"], rows["source"] = first_hosts(keys, world, model.sources)
    rows["size"], rows["first"] = through.num_addresses, int(through[0])  # only a sequential one has another range
    if model.start == "anywhere" and model.order in ("sequential", "shared-permutation"):
        rows["start"] = random.below(int(rows["size"][0]), model.sources)
    reached, permutation = reached_by(model, world), cast.keys("the shared permutation")
    reach = world.reach(reached)
    positions = np.zeros(int(reach[-1]) if model.order == "shared-permutation" else 0, np.uint32)
    if positions.size:
        dark_positions(permutation, world.first[reached], world.last[reached], positions)
        positions.sort()
    columns = (rows, population, reach, world.first, positions, permutation, state)
    return Scanners(sweep, columns, size_of(services, model.tool, world))
