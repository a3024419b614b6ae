"""False alarms: peaks that the analysis `circadian` finds in sources that have none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from calibration.circadian.counts import Counts
from calibration.sources import Array, constant, quiet, rising, uneven, wandering, weekly
from calibration.table import table
from calibration.watch import WEEK, Watch
from ims.analyse.circadian.analysis import model

Rates = Callable[[np.random.Generator], Array]
CASES: Mapping[str, Rates] = {
    "1 source an hour": lambda _: constant(1, WEEK),
    "20 sources an hour": lambda _: constant(20, WEEK),
    "300 sources an hour": lambda _: constant(300, WEEK),
    "300 sources an hour, two days": lambda _: constant(300, 48),
    "20 an hour, variance three times the mean": lambda rng: uneven(rng, 20, WEEK),
    "the same, 300 an hour, variance thirty times the mean": lambda rng: uneven(rng, 300, WEEK, 30),
    "the same, three days": lambda rng: uneven(rng, 300, 72, 30),
    "300 an hour, each hour mostly like the one before": lambda rng: wandering(rng, 300, WEEK),
    "300 an hour, half on two days of seven, two weeks": lambda _: weekly(300, 2 * WEEK),
    "100 an hour, three times as many at the end": lambda _: rising(100, WEEK, 3),
}
SEEDS = 25


def run(name: str, seed: int) -> bool:
    """Whether one run of a case has a peak."""
    rng = np.random.default_rng(seed)
    rates = CASES[name](rng)
    counts = Counts(Watch(hours=len(rates)))
    quiet(rng, rates, counts)
    return has_alarm(counts)


def has_alarm(counts: Counts) -> bool:
    """Whether the analysis has a peak, an amplitude or a period of them."""
    return bool(model(counts.data()).estimates.keys() - {"p_value"})


def text(outcomes: Mapping[str, Sequence[bool]]) -> str:
    """The table."""
    rows = [[name, str(len(found)), str(sum(found))] for name, found in outcomes.items()]
    return table(("sources", "runs", "false alarms"), rows)
