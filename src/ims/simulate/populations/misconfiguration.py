"""Misconfiguration: sources that send to one dark address, again and again, at an interval."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np

from ims.kernels import kernel
from ims.simulate.kernels.conversation import converse
from ims.simulate.kernels.prng import below
from ims.simulate.populations.sender import Sender, active
from ims.simulate.random_columns import RandomColumns
from ims.simulate.scenario.models import MisconfigurationModel
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.services import service_of, size_of
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import World, first_hosts

Array = np.ndarray[Any, Any]
NS = 1_000_000_000

DRIP = np.dtype(
    [
        ("number", "i8"), ("source", "i8"),  # of the host
        ("destination", "i8"), ("block", "i8"),
        ("since", "i8"), ("until", "i8"), ("interval", "i8"), ("jitter", "i8"),  # ns
        ("service", "i8"),
    ]
)  # fmt: skip


@kernel
def drip(draft, packet, tables, drips, state, since, until):
    """Write what begins in [since, until) ns; False where the draft has no room."""
    for index in range(drips.size):
        row = drips[index]
        begin, end = max(since, row["since"]), min(until, row["until"])
        turn = -((row["since"] - begin) // row["interval"])  # rounded up
        time = row["since"] + turn * row["interval"]
        while time < end:
            late = time + below(state, row["jitter"] + 1)
            if not converse(
                draft, packet, tables, state, row["service"], row["number"], row["source"], row["block"],
                row["destination"], late,
            ):  # fmt: skip
                return False
            time += row["interval"]
    return True


class Misconfiguration(Sender):
    """Misconfigured hosts; columns: DRIP, stream."""

    def conversations(self, since: int, until: int) -> float:
        """As Sender."""
        return float((active(self.columns[0], since, until) / self.columns[0]["interval"]).sum())


def misconfiguration_of(
    scenario: Scenario, model: MisconfigurationModel, cast: Cast, world: World, state: Array
) -> Misconfiguration:
    """Misconfigured hosts, each with an offset of its own. Raises ValueError."""
    since, until = scenario.window(model)
    if model.block not in world.names:
        raise ValueError(f"misconfiguration {model.name}: there is no block {model.block!r}")
    block = world.names.index(model.block)
    destination = int(world.first[block]) + model.destination
    if destination > world.last[block]:
        raise ValueError(
            f"misconfiguration {model.name}: block {model.block} has {world.last[block] - world.first[block] + 1} "
            f"addresses, none of number {model.destination}"
        )
    service = service_of(model.service)
    keys = cast.keys(f"hosts {model.name}")
    event = cast.event(
        model.name, "misconfiguration",
        {
            "sources": model.sources, "destination": str(ipaddress.IPv4Address(destination)),
            "port": model.service.port, "interval_seconds": model.interval,
        },
    )  # fmt: skip
    population = cast.population(keys, model.personas)
    rows = np.zeros(model.sources, DRIP)
    rows["number"], rows["source"] = first_hosts(keys, world, model.sources)
    rows["destination"], rows["block"] = destination, block
    interval = round(model.interval * NS)
    rows["interval"], rows["jitter"] = interval, int(interval * model.jitter)
    rows["since"] = round(since * NS) + RandomColumns(int(keys[4] >> np.uint64(1))).below(interval, model.sources)
    rows["until"] = round(until * NS)
    rows["service"] = cast.services([service], population, event)[0]
    return Misconfiguration(drip, (rows, state), size_of([service], model.personas, world))
