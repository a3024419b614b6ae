"""How long each caller's questions took of late: who asks short ones needn't wait until others' long ones end.

What counts is the longest question, and less with time: half after a minute. So nobody can ask a long one among many
short ones and be taken for somebody who asks short ones; after a long one he waits like everybody who asks long ones.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

HALF_LIFE = 60.0
CALLERS = 4096
"""Callers remembered; whoever asked longest ago is forgotten, and is as one who never asked."""


class RecentEffort:
    """The longest question of each caller, in seconds of work. `short`: what a short one takes at most; `clock`: one
    that never goes back. Not for several threads."""

    def __init__(self, short: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._short, self._clock = short, clock
        self._longest: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> seconds, when

    def note(self, caller: str, seconds: float) -> None:
        """A question of his took so many seconds of work, waiting left out."""
        self._longest[caller] = max(self.of(caller), seconds), self._clock()
        self._longest.move_to_end(caller)
        if len(self._longest) > CALLERS:
            self._longest.popitem(last=False)

    def of(self, caller: str) -> float:
        """Seconds of his longest question, halved each HALF_LIFE since; 0.0 of who hasn't asked."""
        seconds, when = self._longest.get(caller, (0.0, 0.0))
        return seconds * math.exp2((when - self._clock()) / HALF_LIFE)

    def is_short(self, caller: str) -> bool:
        """Whether what he asks is short, as far as is known."""
        return self.of(caller) <= self._short
