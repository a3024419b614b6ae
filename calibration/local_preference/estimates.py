"""How often an interval holds the truth: what the analysis `local-preference` makes of simulated days of telescopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calibration.held import HEAD, Held, Outcome, mark, sentence
from calibration.local_preference.telescopes import BESIDE, expected, shares, telescope
from calibration.table import table
from ims.analyse.execution import Finding
from ims.analyse.local_preference.analysis import model
from ims.analyse.local_preference.data import DISJOINT, ELSEWHERE
from ims.settings.durations import DAY_US, SECOND_US

OF_BLOCK = ("same_16", "same_8", "rate", "elsewhere")
ESTIMATES = (*OF_BLOCK, "same_16, all blocks", "same_8, all blocks")
CASES = {f"/{length}": length for length in (24, 20, 16, 8)}
SEEDS = 200


def run(name: str, seed: int) -> Outcome:
    """One day of a case: a block, and those beside it."""
    lengths = (CASES[name], *BESIDE)
    return outcome(model(telescope(np.random.default_rng(seed), lengths)), lengths)


def outcome(finding: Finding, lengths: Sequence[int]) -> Outcome:
    """What a finding says of the first block, and of all, beside the truth."""
    [row] = [row for row in finding.rows.to_pylist() if row["block"].startswith("A")]
    each = [expected(length) for length in lengths]
    true = truth_of_block(each[0], lengths[0])
    found: dict[str, Held | None] = {
        name: Held(row[name], row[f"{name}_low"], row[f"{name}_high"], true[name]) for name in OF_BLOCK
    }
    for name, share in shares({near: sum(one[near] for one in each) for near in DISJOINT}).items():
        value, low, high = (getattr(finding.estimates[name], end) for end in ("value", "low", "high"))
        found[f"{name}, all blocks"] = Held(value, low, high, share)
    return found


def truth_of_block(packets: Mapping[str, float], length: int, seconds: float = DAY_US / SECOND_US) -> dict[str, float]:
    """Shares and rates of a block that may expect so many packets, by nearness, in so many seconds."""
    exposure = seconds * (1 << 32 - length) / 256
    rates = {"rate": sum(packets.values()) / exposure, "elsewhere": packets[ELSEWHERE] / exposure}
    return shares(packets) | rates


def cells(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Of one estimate: how often it was made, how often its interval held the truth (marked where that is too seldom or
    too often), how often it is null, and medians: of the interval's width and of the value, by the truth."""
    made = [each for found in outcomes if (each := found[name]) is not None]
    if not made:
        return ["0", "", str(len(outcomes)), "", ""]
    right, true = sum(each.is_right for each in made), made[0].truth
    head = [
        str(len(made)),
        f"{right} {mark(right, len(made)) if true else ''}".rstrip(),
        str(len(outcomes) - len(made)),
    ]
    if not true:
        return [*head, "the truth is 0", ""]
    width, value = (np.median([getattr(each, part) / true for each in made]) for part in ("width", "value"))
    return [*head, f"{width:.2f}", f"{value:.3f}"]


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table, and a sentence on what is outside."""
    rows, outside = [], []
    for name, found in outcomes.items():
        for estimate in ESTIMATES:
            row = cells(estimate, found)
            rows.append([name, f"`{estimate}`", *row])
            if row[1].endswith(("▼", "▲")):
                outside.append(f"`{estimate}` {name} ({row[1][:-2]} of {row[0]})")
    said = table(("block", "estimate", *HEAD[:-2], "width / truth", "value / truth"), rows)
    return f"{said}\n\n{sentence(outside)}"
