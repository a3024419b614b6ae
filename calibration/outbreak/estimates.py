"""How often an interval holds the truth: what the analysis `outbreak` makes of simulated weeks of a worm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from calibration.held import HEAD, Held, Outcome, hours_text, mark, sentence
from calibration.outbreak.worm import Worm, counts_of
from calibration.table import table
from calibration.watch import Watch
from ims import arrow
from ims.analyse.execution import Finding
from ims.analyse.outbreak.analysis import model
from ims.settings.durations import HOUR_US

ESTIMATES = ("doubling_time", "max_growth", "half_life", "decline_began", "sources")


class Case(NamedTuple):
    """A worm, and the size of the darknet."""

    worm: str
    fast: bool
    prefix: int


WORMS = {"the scenario's": False, "at Blaster's own speed": True}
SIZES = (24, 20, 16, 8)
CASES = {f"{worm}, /{size}": Case(worm, fast, size) for worm, fast in WORMS.items() for size in SIZES}
SEEDS = 200


def run(name: str, seed: int) -> Outcome:
    """One week of a case."""
    case = CASES[name]
    worm = Worm(case.fast)
    counts = counts_of(seed, worm, Watch(1 << (32 - case.prefix)))
    return outcome(model(counts.data()), worm.law.truth())


def outcome(finding: Finding, truth: Mapping[str, float]) -> Outcome:
    """What a finding says, beside the truth."""
    found: dict[str, Held | None] = {}
    for name in ESTIMATES:
        estimate = finding.estimates.get(name)
        if estimate is None or estimate.value is None:
            found[name] = None
        else:
            value, low, high = (_number(end) for end in (estimate.value, estimate.low, estimate.high))
            assert value is not None
            found[name] = Held(value, low, high, truth[name])
    return found


def _number(value: Any) -> float | None:
    return value if value is None or isinstance(value, float) else (value - arrow.EPOCH).total_seconds() * 1e6


def cells(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Of one estimate: how often it was made, how often its interval held the truth (marked where that is too
    seldom or too often), how often it is null, and medians."""
    made = [held for each in outcomes if (held := each[name]) is not None]
    right = sum(held.is_right for held in made)
    marked = f"{right} {mark(right, len(made))}".rstrip()
    cells = [str(len(made)), marked, str(len(outcomes) - len(made))]
    if not made:
        return ["0", "", str(len(outcomes)), "", ""]
    if name == "decline_began":
        width = np.median([held.width / HOUR_US for held in made])
        off = np.median([(held.value - held.truth) / HOUR_US for held in made])
        return [*cells, hours_text(width), f"{off:+.2f} h"]
    width = np.median([held.width / held.value for held in made])
    ratio = np.median([held.value / held.truth for held in made])
    return [*cells, "open" if np.isinf(width) else f"{width:.3f}", f"{ratio:.3f}"]


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table, and a sentence on what is outside."""
    rows, outside = [], []
    for name, found in outcomes.items():
        for estimate in ESTIMATES:
            row = cells(estimate, found)
            rows.append([CASES[name].worm, f"/{CASES[name].prefix}", f"`{estimate}`", *row])
            if row[1].endswith(("▼", "▲")):
                outside.append(f"`{estimate}` {name} ({row[1][:-2]} of {row[0]})")
    said = table(("worm", "size", "estimate", *HEAD), rows)
    return f"{said}\n\n{sentence(outside)}"
