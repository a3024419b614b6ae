"""A prober with all the luck: he sends packets to a candidate block and looks for them in every figure that viewers get.

He knows the program, sends all packets so that each adds all it can to every table (one port, one /8, sources and
payloads of their own), knows what else comes (`known`: to the packet; else its mean, and that it is Poisson, the quietest
there is for a mean, apart in each table, which is more than he could), sees all cells of all tables, and weighs them by
their joint likelihood. Any other figure is a sum of what he sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ims.portal.privacy.noise import BYTES_A_PACKET, SCALES, Noise

Array = np.ndarray[Any, Any]
TABLES = ("total", "port", "protocol", "category", "block", "sensor", "source")
"""Tables of packets; a packet is in a cell of each."""
OTHERS = ("bytes", "sources", "payloads", "hits", "payloads_without_icmp_errors", "hits_without_icmp_errors")
"""Metrics that one packet adds to besides (a new payload is no hit, and `new_payloads` is then in the place of two)."""


class Cell(NamedTuple):
    """What else comes to a cell, and whether he knows it to the packet."""

    metric: str
    mean: float
    known: bool

    @property
    def each(self) -> int:
        """What one packet adds."""
        return BYTES_A_PACKET if self.metric == "bytes" else 1


def cells_of(means: Sequence[float], others: float, known: bool) -> list[Cell]:
    """A cell of each table of packets, and of each other metric with as many packets as `others`."""
    return [Cell("packets", mean, known) for mean in means] + [
        Cell(metric, others * (BYTES_A_PACKET if metric == "bytes" else 1), known or metric == "bytes")
        for metric in OTHERS
    ]


@dataclass
class Prober:
    """`cells`: of one hour; `hours`: over how many alike he spreads his packets."""

    noise: Noise
    cells: Sequence[Cell]
    hours: int = 1
    seed: int = 1

    def found(self, packets: int, trials: int = 4000, false_alarms: float = 0.01) -> float:
        """How often he finds the block with so many packets, if he may be wrong so often where there is none."""
        rng = np.random.default_rng(self.seed)
        idle, probed = (self._scores(packets, sent, trials, rng) for sent in (0, packets))
        limit = np.quantile(idle, 1 - false_alarms)
        surely, maybe = (probed > limit).mean(), (probed == limit).mean()
        ties = (idle == limit).mean()
        left = max(0.0, false_alarms - (idle > limit).mean())
        return float(surely + (maybe * min(1.0, left / ties) if ties else 0.0))

    def _scores(self, packets: int, sent: int, trials: int, rng: Any) -> Array:
        """The logarithm of the likelihood ratio of all that he sees, in each trial."""
        total = np.zeros(trials)
        for hour in range(self.hours):
            share = packets // self.hours
            for number, cell in enumerate(self.cells):
                came = np.full(trials, round(cell.mean)) if cell.known else rng.poisson(cell.mean, trials)
                values = came + (share if sent else 0) * cell.each
                seen = [
                    self.noise.published(cell.metric, f"{number} {hour} {trial} {sent}", int(value))
                    for trial, value in enumerate(values)
                ]
                shown = np.array([math.nan if value is None else value for value in seen], float)
                with np.errstate(divide="ignore", invalid="ignore"):
                    ratio = np.log(self._likely(cell, share * cell.each, shown)) - np.log(self._likely(cell, 0, shown))
                total += np.nan_to_num(np.clip(ratio, -1e6, 1e6))
        return total

    def _likely(self, cell: Cell, added: int, seen: Array) -> Array:
        """How likely what he sees is (NaN: nothing), if so much was added; up to a factor for what is shown."""
        deviation, most = self.noise.deviation_of(cell.metric), self.noise.most(cell.metric)
        step = SCALES[cell.metric] if cell.metric == "bytes" else 1
        offsets = np.arange(-(most // step), most // step + 1) * float(step)
        weights = np.exp(-0.5 * (offsets / deviation) ** 2)
        centre = round(cell.mean) + added
        if not cell.known:
            side = max(10, round(6 * math.sqrt(cell.mean)))
            least = max(0, round(cell.mean) - side)
            came = np.arange(least, round(cell.mean) + side + 1)
            logs = came * math.log(max(cell.mean, 1e-9)) - cell.mean - np.array([math.lgamma(n + 1) for n in came])
            weights = np.convolve(weights, np.exp(logs))
            offsets = np.arange(len(weights)) + float(-most + least - round(cell.mean))
        weights /= weights.sum()
        hidden = weights[offsets + centre < self.noise.lowest(cell.metric)].sum()
        shown = np.interp(seen - centre, offsets, weights, left=0.0, right=0.0)
        return np.where(np.isnan(seen), hidden, shown)


def bound(packets: int, noise: Noise, false_alarms: float = 0.01) -> float:
    """What nobody can exceed (but for where noise is cut off): all tables together tell as one with this noise would."""
    from statistics import NormalDist

    weight = len(TABLES) + sum((1 if m != "bytes" else BYTES_A_PACKET) ** 2 / SCALES[m] ** 2 for m in OTHERS)
    normal = NormalDist()
    return normal.cdf(packets * math.sqrt(weight) / noise.deviation + normal.inv_cdf(false_alarms))
