"""A scenario played: whiles of time, each with its packets in order, cut to fit into memory of a fixed size."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from ims.simulate.kernels.frame_buffer import PACKET, FrameBuffer, empty_draft
from ims.simulate.kernels.order import carry_over, due, sort_by_time
from ims.simulate.populations.population import populations_of
from ims.simulate.scenario.scenario import Scenario
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import world_of

NS = 1_000_000_000
DAY = 86_400 * NS
FRAMES, OCTETS = 1 << 20, 1 << 28
"""Room of a draft; only what is used takes memory."""
AT_ONCE, OCTETS_AT_ONCE = 32_768, 1 << 24
"""Size of a while, on average. (Measured: 16,384 to 65,536 are equally fast, more don't fit the CPU's cache.)"""
LONGEST, SHORTEST = 3600 * NS, 1000


class While(NamedTuple):
    """Some time of a scenario, ns since its start, and what is sent in it."""

    since: int
    until: int
    draft: FrameBuffer
    order: np.ndarray[Any, np.dtype[np.int64]]  # rows of the draft in the order of time
    count: int  # type: ignore[assignment]  # hides tuple.count; how many of them are due in this while


class Play:
    """A scenario with its seed, ready to be played once."""

    def __init__(self, scenario: Scenario, seed: int, *, live: bool = False) -> None:
        """`live`: a sensor answers, so neither its replies nor repeated SYNs are simulated. Raises ValueError."""
        self.scenario, self.seed = scenario, seed
        self.world = world_of(scenario)
        self.cast = Cast(seed)
        if live:
            self.world = self.world._replace(answers=tuple(False for _ in self.world.names))
        self.populations = populations_of(scenario, self.cast, self.world)
        self.tables = self.cast.tables(self.world.answers)
        if live:
            self.tables.personas["repeats"] = self.tables.services["repeats"] = 0
        self.length = round(scenario.duration * NS)
        self.epoch = round(scenario.start.timestamp() * NS)

    def whiles(self) -> Iterator[While]:
        """All whiles in order; the arrays of one are valid until the next. Raises ValueError where more is sent at
        once than a draft has room for. A thread prepares the next. (Measured with two cores: 1.6 times as fast.)"""
        draft, other = empty_draft(FRAMES, OCTETS), empty_draft(FRAMES, OCTETS)
        keys, spare_keys, order, spare = (np.zeros(FRAMES, np.int64) for _ in range(4))
        counts = np.zeros(1 << 11, np.int64)
        packet = np.zeros(1, PACKET)[0]
        since = count = rows = 0
        with ThreadPoolExecutor(1, "simulate") as thread:
            step = self._fitting(0, LONGEST, 0)
            ready = thread.submit(self._fill, draft, packet, 0, step)
            while since < self.length:
                until = min(since + step, self.length)
                if not ready.result() or not carry_over(other, order, count, rows, draft):
                    raise ValueError(
                        f"{self.scenario.title}: more than {FRAMES} packets wait at once at "
                        f"{self.scenario.shown(since / NS)}; a lower scale would do"
                    )
                rows = sort_by_time(draft, since, keys, spare_keys, order, spare, counts)
                count = due(draft, order, 0, rows, until)
                if until < self.length:
                    step = self._fitting(until, step, rows - count)
                    ready = thread.submit(self._fill, other, packet, until, step)
                yield While(since, until, draft, order, count)
                draft, other, since = other, draft, until

    def _fill(self, draft: FrameBuffer, packet: Any, since: int, step: int) -> bool:
        """Fill the draft with what begins in this while; False where it has no room."""
        draft.used[:] = 0
        until = min(since + step, self.length)
        return all(population.write(draft, packet, self.tables, since, until) for population in self.populations)

    def _fitting(self, since: int, step: int, waiting: int) -> int:
        """Length of the next while: at most twice the last, up to the next midnight, and so that it fits."""
        step = min(2 * step, LONGEST, DAY - (self.epoch + since) % DAY)
        at_once = max(AT_ONCE, min(waiting, FRAMES // 4))
        while True:
            expected = np.sum([population.expected(since, since + step) for population in self.populations], axis=0)
            if expected[0] <= at_once and expected[1] <= OCTETS_AT_ONCE:
                return step
            if step <= SHORTEST:
                raise ValueError(
                    f"{self.scenario.title}: some {expected[0] / step * NS:.1e} packets a second at "
                    f"{self.scenario.shown(since / NS)}; a lower scale would do"
                )
            step //= 2
