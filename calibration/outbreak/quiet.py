"""False alarms: estimates that the analysis `outbreak` makes of sources in which there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from calibration.outbreak.counts import Counts
from calibration.sources import Array, constant, daily, quiet, uneven, weekly
from calibration.table import table
from calibration.watch import WEEK, Watch
from ims.analyse.outbreak.analysis import model

Rates = Callable[[np.random.Generator], Array]
CASES: Mapping[str, Rates] = {
    "0.05 sources an hour": lambda _: constant(0.05, WEEK),
    "1 source an hour": lambda _: constant(1, WEEK),
    "20 sources an hour": lambda _: constant(20, WEEK),
    "300 sources an hour": lambda _: constant(300, WEEK),
    "300 an hour, 3.5 times as many by day, one day": lambda _: daily(300, 24),
    "the same, three days": lambda _: daily(300, 72),
    "the same, seven days": lambda _: daily(300, WEEK),
    "20 an hour, variance three times the mean": lambda rng: uneven(rng, 20, WEEK),
    "300 an hour, half on two days of seven, two weeks": lambda _: weekly(300, 2 * WEEK),
}
SEEDS = 25


def run(name: str, seed: int) -> bool:
    """Whether one run of a case has an estimate."""
    rng = np.random.default_rng(seed)
    rates = CASES[name](rng)
    counts = Counts(Watch(hours=len(rates)))
    quiet(rng, rates, counts)
    return has_alarm(counts)


def has_alarm(counts: Counts) -> bool:
    """Whether the analysis has any estimate of them."""
    return any(each.value is not None for each in model(counts.data()).estimates.values())


def text(outcomes: Mapping[str, Sequence[bool]]) -> str:
    """The table."""
    rows = [[name, str(len(found)), str(sum(found))] for name, found in outcomes.items()]
    return table(("sources", "runs", "false alarms"), rows)
