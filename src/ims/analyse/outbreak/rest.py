"""How many of the hosts that stay after an outbreak are switched off at a time, from how many come in a whole day.

In a day each of them is switched on once, so a wide bin of a day sees all, and narrow ones those that are on. A host
that is on for a share a of the day, and would visit v times in it if it were always on, is seen with probability
1 - exp(-a v).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ims.analyse.outbreak.epidemic_curve import LEAST, Bins, Of
from ims.analyse.outbreak.law import Law
from ims.analyse.outbreak.starts import LOST, WAVES
from ims.analyse.outbreak.visits import Visits, Windows

Array = np.ndarray[Any, Any]
ON = np.linspace(0.05, 1, 200)
"""Shares of the day that are tried."""
UNLIKE = np.linspace(0.5, 1.5, 21)
"""For how long each is switched on, by the mean of all: hours of work, of play and of sleep differ by as much."""
ALIKE = 0.03
"""Of the number of those that stay, a standard deviation for that: if 20 or 40 % of them are always on, and each that
is on comes once in five hours, 4 % too few are found; as many as there are, if none is."""
LEVEL = 0.01
"""Of the rest's level, the same for that of the hours after the decline."""
MOST = 20.0
"""Visits in a narrow bin, of hosts that are all seen in each."""
DAY = 24.0


class Asleep(NamedTuple):
    """The share of all hosts at the decline that stay but are switched off then, beyond the rest's usual level: what is
    expected, and the standard deviation."""

    share: float
    spread: float


def asleep_of(law: Law, windows: Sequence[Windows], visits: Visits) -> Asleep | None:
    """What the days after the decay tell of it; None where they don't, or the rest follows no hour of the day."""
    if not law.free[WAVES[0]]:
        return None
    for each in windows:
        chosen = each.whole & (each.wide.begin >= law.end_of_decay())
        if chosen.any() and abs(each.wide.width - DAY) < 1e-6:
            return _of_days(law, each, chosen, visits.value)
    return None


def _of_days(law: Law, windows: Windows, chosen: Array, visits: float) -> Asleep:
    """By the sources of these days, bool (wide,), less what else the law expects there."""
    row, hosts = law.parameters[None], math.exp(law.parameters[Of.PEAK]) / law.bins.chance
    level, before = math.exp(law.parameters[Of.REST]), max(law.bins.whole_before, LEAST)
    cleaned, others = row.copy(), row.copy()
    cleaned[:, Of.REST], cleaned[:, Of.LOST] = -50.0, level + row[:, Of.LOST]
    others[:, Of.BEFORE] += math.log(math.expm1(-before * windows.times) / math.expm1(-before))
    narrow, wide = law.bins.at(chosen[windows.inside]), windows.wide
    whole = min(visits, MOST) * windows.times
    days = Bins(wide.begin, wide.end, wide.share, whole, before * windows.times).at(chosen)
    seen = float(windows.sources[chosen].sum())
    rest = (seen - days.before(others).sum()) / hosts - days.seen(cleaned).sum()
    on = float((narrow.seen(row) - narrow.seen(cleaned)).sum() / -np.expm1(-law.bins.whole * narrow.share).sum())
    often = whole * np.minimum(ON[:, None] * UNLIKE, 1)[..., None] * days.share
    expected = on / ON * -np.expm1(-often).mean(1).sum(-1)  # falls with the share that they are on
    error = math.sqrt(seen) / hosts
    low, value, high = (float(np.interp(-end, -expected, on / ON)) for end in (rest - error, rest, rest + error))
    spread = math.hypot((high - low) / 2, ALIKE * value, LEVEL * level)
    weight = 1 / (1 + (spread / LOST) ** 2)
    return Asleep(weight * (value - level), spread * math.sqrt(weight))
