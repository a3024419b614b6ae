"""How often an interval holds the truth: what the analysis `circadian` makes of simulated weeks of hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calibration.circadian.hosts import counts_of, truth
from calibration.held import HEAD, Held, Outcome, mark, sentence
from calibration.table import table
from calibration.watch import Watch
from ims.analyse.circadian.analysis import model
from ims.analyse.execution import Finding

ESTIMATES = ("peak_hour", "amplitude", "period")
CASES = {f"/{size}": size for size in (24, 20, 16, 8)}
SEEDS = 200


def run(name: str, seed: int) -> Outcome:
    """One week of a case."""
    return outcome(model(counts_of(seed, Watch(1 << (32 - CASES[name]))).data()))


def outcome(finding: Finding) -> Outcome:
    """What a finding says, beside the truth."""
    found: dict[str, Held | None] = {}
    for name in ESTIMATES:
        estimate = finding.estimates.get(name)
        found[name] = None if estimate is None else held(name, estimate.value, estimate.low, estimate.high)
    return found


def held(name: str, value: float, low: float, high: float) -> Held:
    """An estimate beside the truth; of an hour of the day, the one of all days' that is nearest."""
    true = truth()[name]
    if name == "peak_hour":
        true = value + (true - value + 12) % 24 - 12
    return Held(value, low, high, true)


def cells(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Of one estimate: how often it was made, how often its interval held the truth (marked where that is too seldom or
    too often), how often it is null, and medians."""
    made = [each for found in outcomes if (each := found[name]) is not None]
    if not made:
        return ["0", "", str(len(outcomes)), "", ""]
    right = sum(each.is_right for each in made)
    width, off = np.median([each.width for each in made]), np.median([each.value - each.truth for each in made])
    ends = [f"{width:.3f}", f"{off:+.3f}"] if name == "amplitude" else [f"{width:.2f} h", f"{off:+.2f} h"]
    return [str(len(made)), f"{right} {mark(right, len(made))}".rstrip(), str(len(outcomes) - len(made)), *ends]


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table, and a sentence on what is outside."""
    rows, outside = [], []
    for name, found in outcomes.items():
        for estimate in ESTIMATES:
            row = cells(estimate, found)
            rows.append([name, f"`{estimate}`", *row])
            if row[1].endswith(("▼", "▲")):
                outside.append(f"`{estimate}` {name} ({row[1][:-2]} of {row[0]})")
    said = table(("size", "estimate", *HEAD[:-1], "value - truth"), rows)
    return f"{said}\n\n{sentence(outside)}"
