"""What isn't a daily pattern and looks like one, and what befalls a darknet that sees one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from calibration.circadian.counts import Counts
from calibration.circadian.estimates import ESTIMATES, cells, outcome
from calibration.circadian.hosts import counts_of
from calibration.circadian.quiet import has_alarm
from calibration.held import Outcome
from calibration.sources import constant, flood, quiet, scan
from calibration.table import table
from calibration.watch import Counter, Watch
from ims.analyse.circadian.analysis import model

Generator = np.random.Generator


class Case(NamedTuple):
    """Sources an hour, what befalls the darknet, and who comes beside them."""

    rate: float
    watch: Watch = Watch(1 << 12)
    beside: Callable[[Generator, Counts], None] = lambda rng, counts: None


def outbreak(rng: Generator, counts: Counter) -> None:
    """Hosts that double in 2.3 hours until they are 5,000, and are cleaned with a half-life of 10.4 hours; each comes
    once in two hours."""
    hosts, decline = 5000, 62.6
    since = decline + np.log2(rng.random(hosts)) * 2.3
    until = np.minimum(decline + rng.exponential(10.4 / np.log(2), hosts), 168)
    source = np.repeat(np.arange(hosts), rng.poisson((until - np.maximum(since, 0)) / 2))
    at = np.maximum(since, 0)[source] + (until - np.maximum(since, 0))[source] * rng.random(len(source))
    counts.add(rng, source, at)


QUIET = {
    "a gap of six hours": Case(300, Watch(1 << 12, gap=(80, 86))),
    "a /24, from the middle on a /20": Case(300, Watch(1 << 12, joined=(80, 1 << 8))),
    "half of an hour's packets lost": Case(300, Watch(1 << 12, lost=80)),
    "half an hour not watched": Case(300, Watch(1 << 12, half=80)),
    "an hour twice, and two hours missing": Case(300, Watch(1 << 12, set_back=60)),
    "one source, 20,000 packets an hour for 10 hours": Case(
        20, beside=lambda rng, counts: scan(rng, 1, 20_000, 80.3, 90.3, counts)
    ),
    "a spoofed flood, 50,000 sources in 3 hours": Case(
        20, beside=lambda rng, counts: flood(rng, 50_000, 80.4, 83.4, counts)
    ),
    "a scan by 500 sources, which begin and end at once, 10 hours": Case(
        20, beside=lambda rng, counts: scan(rng, 500, 5, 80.3, 90.3, counts)
    ),
    "an outbreak, its growth and its decay": Case(20, beside=outbreak),
    "the same amid 100 sources an hour": Case(100, beside=outbreak),
}
PATTERN = {
    "no disturbance": Watch(1 << 12),
    "a gap of six hours": Watch(1 << 12, gap=(80, 86)),
    "a /24, from the middle on a /20": Watch(1 << 12, joined=(80, 1 << 8)),
    "half of an hour's packets lost": Watch(1 << 12, lost=80),
    "half an hour not watched": Watch(1 << 12, half=80),
    "an hour twice, and two hours missing": Watch(1 << 12, set_back=60),
}
SUFFIX = ", with a daily pattern"
CASES = (*QUIET, *(f"{name}{SUFFIX}" for name in PATTERN))
SEEDS = 20


def run(name: str, seed: int) -> bool | Outcome:
    """One run of a case: whether there is a false alarm; of a daily pattern, what was found."""
    if name in QUIET:
        case, rng = QUIET[name], np.random.default_rng(seed)
        counts = Counts(case.watch)
        quiet(rng, constant(case.rate, case.watch.hours), counts)
        case.beside(rng, counts)
        return has_alarm(counts)
    return outcome(model(counts_of(seed, PATTERN[name.removesuffix(SUFFIX)]).data()))


def text(outcomes: Mapping[str, Sequence[Any]]) -> str:
    """Two tables."""
    quiet_rows = [[name, str(len(outcomes[name])), str(sum(outcomes[name]))] for name in QUIET]
    rows = []
    for name in PATTERN:
        found = outcomes[name + SUFFIX]
        held = [cells(estimate, found) for estimate in ESTIMATES]
        rows.append([name, str(len(found)), *(each[1] or "null" for each in held)])
    return "\n\n".join([
        table(("no daily pattern, but", "runs", "false alarms"), quiet_rows),
        table(("a daily pattern, and", "runs", *(f"`{name}` held" for name in ESTIMATES)), rows),
    ])  # fmt: skip
