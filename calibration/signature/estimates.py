"""How often a payload that appears is found, and the interval of its begin holds the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from calibration.held import HEAD, Held, Outcome, hours_text, mark, sentence
from calibration.signature.counts import Visits, others, since
from calibration.table import table
from calibration.watch import START_US, Watch
from ims.analyse.execution import Finding
from ims.analyse.signature.analysis import model
from ims.settings.durations import HOUR_US


class Case(NamedTuple):
    """Visits an hour at the begin, and the hours in which they double."""

    rate: float
    doubling: float = 0


CASES = {
    "0.5 an hour": Case(0.5), "2 an hour": Case(2), "20 an hour": Case(20), "200 an hour": Case(200),
    "0.5 an hour, doubling in 12 h": Case(0.5, 12), "2 an hour, doubling in 12 h": Case(2, 12),
    "2 an hour, doubling in 4 h": Case(2, 4), "20 an hour, doubling in 4 h": Case(20, 4),
}  # fmt: skip
SEEDS = 200
NEW = "new"


def run(name: str, seed: int) -> Outcome:
    """One week of a case: a payload that begins on the second to the fifth day, amid a dozen others."""
    rng = np.random.default_rng(seed)
    visits = Visits(Watch())
    others(rng, visits)
    begin = float(rng.uniform(24, 120))
    since(rng, begin, CASES[name].rate, visits, NEW, CASES[name].doubling)
    return outcome(model(visits.data()), begin)


def outcome(finding: Finding, begin: float) -> Outcome:
    """The begin that was found, in hours; and whether another payload is said to have appeared (`others`)."""
    found: dict[str, Held | None] = {"appeared": None, "others": None}
    for row in finding.rows.filter(finding.rows.column("appeared").is_valid()).to_pylist():
        ends = (row["appeared"], row["appeared_low"], row["appeared_high"])
        hours = [None if end is None else (end.timestamp() * 1e6 - START_US) / HOUR_US for end in ends]
        found["appeared" if row["signature"] == NEW else "others"] = Held(hours[0] or 0.0, hours[1], hours[2], begin)
    return found


def cells(outcomes: Sequence[Outcome]) -> list[str]:
    """How often it was found, how often its interval held the truth, how often it wasn't found, and medians."""
    made = [each for found in outcomes if (each := found["appeared"]) is not None]
    if not made:
        return ["0", "", str(len(outcomes)), "", ""]
    right = sum(each.is_right for each in made)
    width, off = np.median([each.width for each in made]), np.median([each.value - each.truth for each in made])
    held = f"{right} {mark(right, len(made))}".rstrip()
    return [str(len(made)), held, str(len(outcomes) - len(made)), hours_text(float(width)), f"{off:+.2f} h"]


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table, and a sentence on what is outside."""
    rows = [[name, *cells(found), str(sum(each["others"] is not None for each in found))]
            for name, found in outcomes.items()]  # fmt: skip
    outside = [f"{row[0]} ({row[2][:-2]} of {row[1]})" for row in rows if row[2].endswith(("▼", "▲"))]
    said = table(("visits", *HEAD[:-1], "value - truth", "others said to appear"), rows)
    return f"{said}\n\n{sentence(outside)}"
