"""All populations of a scenario, each made from its table and played by its kernel.

A population has `write`, which adds its packets of [since, until) to a draft, and `expected`, how many packets and
octets that may come to, so that whiles can be cut to fit.
"""

from __future__ import annotations

from typing import Any, Protocol

from ims.simulate.kernels.conversation import Tables
from ims.simulate.kernels.frame_buffer import FrameBuffer
from ims.simulate.kernels.prng import stream
from ims.simulate.populations.background import background_of
from ims.simulate.populations.backscatter import attack_of
from ims.simulate.populations.epidemic import worm_of
from ims.simulate.populations.misconfiguration import misconfiguration_of
from ims.simulate.populations.scanners import scanner_of
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import World


class Population(Protocol):
    """Somebody who sends."""

    def write(self, draft: FrameBuffer, packet: Any, tables: Tables, since: int, until: int) -> bool:
        """Add what begins in [since, until) ns; False where the draft has no room."""

    def expected(self, since: int, until: int) -> tuple[float, float]:
        """Packets and octets in that while, on average and at most."""


def populations_of(scenario: Scenario, cast: Cast, world: World) -> list[Population]:
    """All populations of a scenario; their events, services and payloads go to the cast. Raises ValueError."""
    makers: list[tuple[str, Any]] = [
        ("worm", worm_of), ("scanner", scanner_of), ("attack", attack_of),
        ("misconfiguration", misconfiguration_of), ("background", background_of),
    ]  # fmt: skip
    answer: list[Population] = []
    for kind, make in makers:
        for model in getattr(scenario, kind):
            answer.append(make(scenario, model, cast, world, stream(cast.seed, len(answer) + 1)))
    return answer
