"""A darknet that simulated visits come to: what it watched and when, and what befell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]
START_US = 1_060_473_600_000_000
"""2003-08-10T00:00:00Z, a midnight, when the scenario begins; hours count from here."""
WEEK = 168


class Counter(Protocol):
    """Counts visits to a darknet."""

    def add(self, rng: np.random.Generator, source: Array, at: Array) -> None:
        """A lot of visits: each one's source (int64, from 0 on) and hour. Sources of two lots are different ones."""


@dataclass(frozen=True)
class Watch:
    """A block of so many addresses. What befalls it, in hours: `gap`: it isn't watched; `joined`: until then only so
    many of the addresses were watched; `lost`: an hour in which half of the packets are lost, and nobody knows it;
    `half`: the first half of an hour isn't watched; `set_back`: the clock is set back by an hour, and a day later set
    forward by two (a capture has one hour twice, and lacks two later)."""

    addresses: int = 1 << 16
    hours: int = WEEK
    gap: tuple[float, float] | None = None
    joined: tuple[float, int] | None = None
    lost: int | None = None
    half: int | None = None
    set_back: int | None = None

    def recorded(self, rng: np.random.Generator, at: Array) -> tuple[Array, Array]:
        """Which visits are recorded, bool, and the times that their records carry."""
        kept, stamp = np.ones(len(at), np.bool_), at
        if self.joined is not None:
            until, addresses = self.joined
            early = at < until
            kept[early] = rng.random(int(early.sum())) < addresses / self.addresses
        if self.lost is not None:
            inside = (at >= self.lost) & (at < self.lost + 1)
            kept[inside] &= rng.random(int(inside.sum())) < 0.5
        if self.half is not None:
            kept &= (at < self.half) | (at >= self.half + 0.5)
        if self.set_back is not None:
            again = (at >= self.set_back) & (at < self.set_back + 24)
            stamp = np.where(again, at - 1, np.where(at >= self.set_back + 24, at + 1, at))
            kept &= stamp < self.hours
        if self.gap is not None:
            kept &= (at < self.gap[0]) | (at >= self.gap[1])
        return kept, stamp

    def size(self, part: int = 1) -> tuple[Array, Array]:
        """Seconds watched and addresses in each hour, or so many parts of one, float64 (hours x part,), as `coverage`
        tells them."""
        count, begin = self.hours * part, np.arange(self.hours * part) / part
        seconds, addresses = np.full(count, 3600.0 / part), np.full(count, float(self.addresses))
        if self.joined is not None:
            addresses[begin < self.joined[0]] = self.joined[1]
        if self.half is not None:
            inside = (begin >= self.half) & (begin < self.half + 0.5)
            seconds[inside] -= np.minimum(seconds[inside], 1800.0)
        if self.set_back is not None:
            seconds[(begin >= self.set_back + 23) & (begin < self.set_back + 25)] = 0
        if self.gap is not None:
            seconds[(begin >= self.gap[0]) & (begin < self.gap[1])] = 0
        return seconds, addresses
