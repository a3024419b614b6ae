"""All populations of a scenario, each made from its table."""

from __future__ import annotations

from typing import Any

from ims.simulate.kernels.prng import stream
from ims.simulate.populations.background import background_of
from ims.simulate.populations.backscatter import attack_of
from ims.simulate.populations.epidemic import worm_of
from ims.simulate.populations.misconfiguration import misconfiguration_of
from ims.simulate.populations.scanners import scanner_of
from ims.simulate.populations.sender import Sender
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import World


def populations_of(scenario: Scenario, cast: Cast, world: World) -> list[Sender]:
    """All populations of a scenario; their events, services and payloads go to the cast. Raises ValueError."""
    makers: list[tuple[str, Any]] = [
        ("worm", worm_of), ("scanner", scanner_of), ("attack", attack_of),
        ("misconfiguration", misconfiguration_of), ("background", background_of),
    ]  # fmt: skip
    populations = [(make, model) for kind, make in makers for model in getattr(scenario, kind)]
    return [
        make(scenario, model, cast, world, stream(cast.seed, number))
        for number, (make, model) in enumerate(populations, 1)
    ]
