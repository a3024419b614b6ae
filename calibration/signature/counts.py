"""Counts of simulated visits as the analysis `signature` gets them: packets and sources by payload and bin."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from calibration.watch import START_US, Array, Watch
from ims.analyse.signature.data import Data, Payload, suspects_of
from ims.settings.durations import HOUR_US


@dataclass
class Visits:
    """What a watch has recorded of payloads: by name, sources and hours of the visits, each a packet."""

    watch: Watch
    found: dict[str, tuple[Array, Array]] = field(default_factory=dict)

    def add(self, rng: np.random.Generator, source: Array, at: Array, name: str = "") -> None:
        """As Counter; `name`: of the payload, else it is another one. Sources of two lots are different ones."""
        kept, stamp = self.watch.recorded(rng, at)
        name = name or f"payload {len(self.found)}"
        sources, times = self.found.get(name, (np.zeros(0, np.int64), np.zeros(0)))
        beyond = int(sources.max()) + 1 if len(sources) else 0
        self.found[name] = np.concatenate([sources, source[kept] + beyond]), np.concatenate([times, stamp[kept]])

    def data(self) -> Data:
        """What the analysis gets, as its own `data` asks for it."""
        seconds, addresses = self.watch.size()
        kept = seconds > 0
        exposure = addresses * seconds / (addresses @ seconds / seconds.sum()) / 3600
        hours = np.arange(self.watch.hours)[kept]
        time = (START_US + hours * HOUR_US).astype(np.int64)
        payloads = [self._payload(name, kept) for name, (source, _) in self.found.items() if len(source)]
        payloads.sort(key=lambda each: -float(each.packets.sum()))
        filled = sum((each.packets for each in payloads), np.zeros(len(time)))
        base = Data(time, seconds[kept], exposure[kept], HOUR_US, filled, filled)
        suspects = suspects_of(base, payloads)
        return replace(base, payloads=tuple(
            replace(each, arrivals=self._sources(each.signature, kept)) if each.signature in suspects else each
            for each in payloads
        ))  # fmt: skip

    def _payload(self, name: str, kept: Array) -> Payload:
        source, at = self.found[name]
        packets = np.bincount(at.astype(np.int64), minlength=self.watch.hours)[kept].astype(np.float64)
        first, last = (START_US + round(float(end) * HOUR_US) for end in (at.min(), at.max()))
        return Payload(name, 100, len(np.unique(source)), first, last, name, packets)

    def _sources(self, name: str, kept: Array) -> Array:
        source, at = self.found[name]
        pairs = np.unique(np.stack([at.astype(np.int64), source]), axis=1)
        return np.bincount(pairs[0], minlength=self.watch.hours)[kept].astype(np.float64)


def by_rates(rng: np.random.Generator, rates: Array, visits: Visits, name: str = "") -> None:
    """A payload sent by the rates of hours, by sources of which each comes five times, at random moments."""
    number = rng.poisson(rates)
    at = np.repeat(np.arange(len(rates)), number) + rng.random(int(number.sum()))
    visits.add(rng, rng.integers(0, max(len(at) // 5, 1), len(at)), at, name)


def since(rng: np.random.Generator, begin: float, rate: float, visits: Visits, name: str, doubling: float = 0) -> None:
    """A payload that begins to come at an hour, at a rate that stays, or that doubles until it is thirty times as high.
    Half of the visits are by new sources."""
    hours = visits.watch.hours
    fine = np.linspace(begin, hours, 20_000)
    rates = np.full(len(fine), rate) if not doubling else rate * np.minimum(2 ** ((fine - begin) / doubling), 30)
    total = np.concatenate([[0.0], np.cumsum((rates[1:] + rates[:-1]) / 2 * np.diff(fine))])
    at = np.interp(rng.uniform(0, total[-1], rng.poisson(total[-1])), total, fine)
    visits.add(rng, rng.integers(0, max(2 * len(at), 1), len(at)) // 3, at, name)


def others(rng: np.random.Generator, visits: Visits) -> None:
    """A dozen payloads that come all the time, once in two hours to a hundred times an hour."""
    for rate in np.geomspace(0.5, 100, 12):
        by_rates(rng, np.full(visits.watch.hours, rate), visits)
