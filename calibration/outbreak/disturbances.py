"""What isn't an outbreak and looks like one, and what befalls a darknet during one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from calibration.held import Outcome
from calibration.outbreak.counts import Counts
from calibration.outbreak.estimates import ESTIMATES, cells, outcome
from calibration.outbreak.quiet import has_alarm
from calibration.outbreak.worm import Worm, counts_of
from calibration.sources import constant, flood, quiet, scan
from calibration.table import table
from calibration.watch import Watch
from ims.analyse.outbreak.analysis import model

Generator = np.random.Generator


class Case(NamedTuple):
    """Sources an hour, what befalls the darknet, and who comes beside them."""

    rate: float
    watch: Watch = Watch(1 << 12)
    beside: Callable[[Generator, Counts], None] = lambda rng, counts: None


QUIET = {
    "a gap of six hours": Case(300, Watch(1 << 12, gap=(80, 86))),
    "a /24, from the middle on a /20": Case(300, Watch(1 << 12, joined=(80, 1 << 8))),
    "half of an hour's packets lost": Case(300, Watch(1 << 12, lost=80)),
    "half an hour not watched": Case(300, Watch(1 << 12, half=80)),
    "an hour twice, and two hours missing": Case(300, Watch(1 << 12, set_back=60)),
    "one source, 20,000 packets an hour for 10 hours": Case(
        20, beside=lambda rng, counts: scan(rng, 1, 20_000, 80.3, 90.3, counts)
    ),
    "a spoofed flood, 50,000 sources in 20 minutes": Case(
        20, beside=lambda rng, counts: flood(rng, 50_000, 80.8, 81.133, counts)
    ),
    "a spoofed flood, 50,000 sources in 3 hours": Case(
        20, beside=lambda rng, counts: flood(rng, 50_000, 80.4, 83.4, counts)
    ),
    "a scan by 500 sources, which begin and end at once, 10 hours": Case(
        20, beside=lambda rng, counts: scan(rng, 500, 5, 80.3, 90.3, counts)
    ),
}
OUTBREAK = {
    "no disturbance": Watch(),
    "a gap of six hours during growth": Watch(gap=(50, 56)),
    "a /20, during growth on a /16": Watch(joined=(55, 1 << 12)),
    "half of an hour's packets lost during growth": Watch(lost=58),
    "half an hour not watched during growth": Watch(half=58),
}
SUFFIX = ", in an outbreak"
CASES = (*QUIET, *(f"{name}{SUFFIX}" for name in OUTBREAK))
SEEDS = 20


def run(name: str, seed: int) -> bool | Outcome:
    """One run of a case: whether there is a false alarm; of an outbreak, what was found."""
    if name in QUIET:
        case, rng = QUIET[name], np.random.default_rng(seed)
        counts = Counts(case.watch)
        quiet(rng, constant(case.rate, case.watch.hours), counts)
        case.beside(rng, counts)
        return has_alarm(counts)
    worm = Worm(fast=True)
    counts = counts_of(seed, worm, OUTBREAK[name.removesuffix(SUFFIX)])
    return outcome(model(counts.data()), worm.law.truth())


def text(outcomes: Mapping[str, Sequence[Any]]) -> str:
    """Two tables."""
    quiet_rows = [[name, str(len(outcomes[name])), str(sum(outcomes[name]))] for name in QUIET]
    rows = []
    for name in OUTBREAK:
        found = outcomes[name + SUFFIX]
        held = [cells(estimate, found) for estimate in ESTIMATES]
        rows.append([name, str(len(found)), *(each[1] or "null" for each in held)])
    return "\n\n".join([
        table(("no outbreak, but", "runs", "false alarms"), quiet_rows),
        table(("an outbreak, and", "runs", *(f"`{name}` held" for name in ESTIMATES)), rows),
    ])  # fmt: skip
