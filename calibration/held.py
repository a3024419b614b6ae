"""Whether an interval holds the truth, and how many of them should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

HEAD = ("made", "held", "null", "width", "value / truth")
"""Columns of a table of estimates."""
LEAST, MOST = 181 / 200, 197 / 200
"""The share of intervals of 95 % that may hold the truth."""
ENOUGH = 100
"""Of so many intervals that share is judged."""


class Held(NamedTuple):
    """An estimate of one run: its value and interval (a moment in microseconds; None: that end isn't bounded), and the
    truth."""

    value: float
    low: float | None
    high: float | None
    truth: float

    @property
    def is_right(self) -> bool:
        """Whether the interval holds the truth."""
        return (self.low is None or self.low <= self.truth) and (self.high is None or self.truth <= self.high)

    @property
    def width(self) -> float:
        """Of the interval."""
        return np.inf if self.low is None or self.high is None else self.high - self.low


Outcome = Mapping[str, Held | None]
"""By estimate; None: it wasn't made."""


def hours_text(width: float) -> str:
    return "open" if np.isinf(width) else f"{width:.2f} h"


def mark(right: int, made: int) -> str:
    """▼ or ▲ where fewer or more intervals are right than those of 95 % may be; empty otherwise, and of too few."""
    if made < ENOUGH or LEAST * made <= right <= MOST * made:
        return ""
    return "▼" if right < LEAST * made else "▲"


def sentence(outside: Sequence[str]) -> str:
    """What is outside, as a sentence."""
    if not outside:
        return "No share is outside of 181 to 197 of 200."
    return f"Outside of 181 to 197 of 200 (▼ too seldom, ▲ too often): {'; '.join(outside)}."
