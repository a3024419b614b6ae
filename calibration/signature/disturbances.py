"""What befalls a darknet while payloads come all the time, and while one appears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from calibration.held import Outcome
from calibration.signature.counts import Visits, by_rates, others, since
from calibration.signature.estimates import NEW, cells, outcome
from calibration.signature.quiet import has_alarm, steady
from calibration.sources import scan
from calibration.table import table
from calibration.watch import Watch
from ims.analyse.signature.analysis import model

WATCHES = {
    "no disturbance": Watch(1 << 12),
    "a gap of six hours": Watch(1 << 12, gap=(80, 86)),
    "a gap of two days, from the first hour on": Watch(1 << 12, gap=(1, 49)),
    "a /24, from the middle on a /20": Watch(1 << 12, joined=(80, 1 << 8)),
    "half of an hour's packets lost": Watch(1 << 12, lost=80),
    "half an hour not watched": Watch(1 << 12, half=80),
    "an hour twice, and two hours missing": Watch(1 << 12, set_back=60),
}
HEAVY = "one source, 20,000 packets an hour of each payload for 10 hours"
SUFFIX = ", and a payload that appears"
CASES = (*WATCHES, HEAVY, *(f"{name}{SUFFIX}" for name in WATCHES))
SEEDS = 20


def run(name: str, seed: int) -> bool | Outcome:
    """One run of a case: whether there is a false alarm; of a payload that appears at 82 hours, 2 an hour, what was
    found."""
    rng = np.random.default_rng(seed)
    visits = Visits(WATCHES.get(name.removesuffix(SUFFIX), Watch(1 << 12)))
    if name.endswith(SUFFIX):
        others(rng, visits)
        since(rng, 82, 2, visits, NEW)
        return outcome(model(visits.data()), 82)
    if name != HEAVY:
        steady(rng, visits)
        return has_alarm(visits)
    for number, rate in enumerate(np.geomspace(0.02, 5, 10)):
        payload = _Payload(visits, f"payload {number}")
        by_rates(rng, np.full(visits.watch.hours, rate), visits, payload.name)
        scan(rng, 1, 20_000, 80.3, 90.3, payload)
    return has_alarm(visits)


class _Payload:
    """Counts the visits of one payload."""

    def __init__(self, visits: Visits, name: str) -> None:
        self.visits, self.name = visits, name

    def add(self, rng: np.random.Generator, source: Any, at: Any) -> None:
        """As Counter."""
        self.visits.add(rng, source, at, self.name)


def text(outcomes: Mapping[str, Sequence[Any]]) -> str:
    """Two tables."""
    quiet = [[name, str(len(outcomes[name])), str(sum(outcomes[name]))] for name in (*WATCHES, HEAVY)]
    rows = []
    for name in WATCHES:
        found = outcomes[name + SUFFIX]
        made, held, *_ = cells(found)
        rows.append([name, str(len(found)), made, held, str(sum(each["others"] is not None for each in found))])
    return "\n\n".join([
        table(("no payload appears, but", "runs", "false alarms"), quiet),
        table(("a payload appears, and", "runs", "found", "held", "others said to appear"), rows),
    ])  # fmt: skip
