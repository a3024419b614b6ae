"""Our scenarios, played at some scale, with their capture and truth."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ims.simulate.output.capture import write_scenario
from ims.simulate.output.play import Play
from ims.simulate.scenario.scenario import Scenario, read_scenario

from .captures import HOUR_NS, Capture

NS = 10**9


class Played:
    """A scenario of ours, its capture and its truth."""

    def __init__(self, name: str, scale: float | None = None, seed: int = 1, days: int | None = None) -> None:
        """`days`: the first ones only."""
        self.scenario: Scenario = read_scenario(name, scale)
        if days is not None:
            self.scenario = self.scenario.model_copy(update={"duration": days * 86_400.0})
        file = io.BytesIO()
        self.truth: dict[str, Any] = write_scenario(self.scenario, file, seed=seed)
        self.capture = Capture(file.getvalue())
        self.events = {event["name"]: event for event in self.truth["events"]}
        start_ns = int(self.scenario.start.timestamp()) * NS
        self.hour = (self.capture.time - start_ns) / HOUR_NS

    def hourly(self, chosen: np.ndarray) -> np.ndarray:
        """Packets of each hour."""
        return np.bincount(self.hour[chosen].astype(int), minlength=int(self.scenario.duration // 3600))

    def unique_sources(self, chosen: np.ndarray, hours: float) -> np.ndarray:
        """Distinct sources in each period of so many hours."""
        periods = round(self.scenario.duration / 3600 / hours)
        period = (self.hour[chosen] / hours).astype(np.int64)
        distinct = np.unique(period << 32 | self.capture.source[chosen])
        return np.bincount(distinct >> 32, minlength=periods)


def expected_packets(name: str) -> float:
    """How many packets a default run may come to, by the whole of its populations' own estimate."""
    scenario = read_scenario(name)
    play = Play(scenario, 1)
    hours = round(scenario.duration / 3600)
    return sum(
        population.expected(hour * 3600 * NS, (hour + 1) * 3600 * NS)[0]
        for population in play.populations
        for hour in range(hours)
    )
