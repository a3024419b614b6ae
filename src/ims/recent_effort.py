"""How long each caller's recent questions took: callers with short ones needn't wait until others' long ones end.

What counts is the longest question, halved each minute. So nobody can hide a long question among many short ones: after
it he waits like every caller with long ones.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from cachetools import FIFOCache

HALF_LIFE = 60.0
CALLERS = 4096
"""Callers remembered; the one that asked longest ago is forgotten, and counts as new."""


class RecentEffort:
    """The longest question of each caller, in seconds of work. `short`: the most that a short one takes; `clock`: a
    monotonic one. Not for several threads."""

    def __init__(self, short: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._short, self._clock = short, clock
        self._longest: FIFOCache[str, tuple[float, float]] = FIFOCache(CALLERS)  # caller -> seconds, when

    def note(self, caller: str, seconds: float) -> None:
        """A question of this caller took so many seconds of work, without waiting."""
        self._longest[caller] = max(self.of(caller), seconds), self._clock()

    def of(self, caller: str) -> float:
        """Seconds of this caller's longest question, halved each HALF_LIFE since; 0.0 before the first."""
        seconds, when = self._longest.get(caller, (0.0, 0.0))
        return seconds * math.exp2((when - self._clock()) / HALF_LIFE)

    def is_short(self, caller: str) -> bool:
        """Whether this caller's questions are short, as far as is known."""
        return self.of(caller) <= self._short
