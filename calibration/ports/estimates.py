"""How often an interval holds the truth: dates of changes, levels and ratios, of simulated months of a port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from calibration.held import HEAD, Held, Outcome, mark, sentence
from calibration.ports.traffic import DAY, PACKETS_A_RUN, RUNS_A_DAY, START_US, Array, Span, data_of, draw
from calibration.table import table
from ims import arrow
from ims.analyse.ports.analysis import model
from ims.settings.durations import HOUR_US

ESTIMATES = ("begins", "ends", "level", "ratio")
SIZES = {f"/{size}": size for size in (24, 20, 16, 8)}


class Case(NamedTuple):
    """Hosts that come from one date to another, and those that come all the time."""

    hosts: int
    always: int


KINDS = {"3,720 hosts": Case(3720, 0), "300 hosts": Case(300, 0), "1,500 hosts beside 1,000": Case(1500, 1000)}
CASES = [f"{size}, {kind}" for size in SIZES for kind in KINDS]
SEEDS = 200


def run(name: str, seed: int) -> Outcome:
    """One port, whose hosts come from the middle of some day to that of another one."""
    size, _, kind = name.partition(", ")
    case, slash24s = KINDS[kind], 2.0 ** (24 - SIZES[size])
    rng = np.random.default_rng(seed)
    span = Span(rng.uniform(20, 60) * DAY, rng.uniform(80, 130) * DAY)
    packets, sources = draw(rng, case.hosts, slash24s, span)
    if case.always:
        more = draw(rng, case.always, slash24s, Span(None, None))
        packets, sources = packets + more[0], sources + more[1]
    return outcome(packets, sources, slash24s, span, case)


def outcome(packets: Array, sources: Array, slash24s: float, span: Span, case: Case) -> Outcome:
    """What the analysis says, beside the truth."""
    rows = arrow.rows(model(data_of(packets, sources, slash24s)).rows)
    found: dict[str, Held | None] = dict.fromkeys(ESTIMATES)
    if len(rows) != 2:
        return found
    for name, row, truth in zip(("begins", "ends"), rows, (span.since, span.until), strict=True):
        ends = [_hours(row[f"changed_at{end}"]) for end in ("", "_low", "_high")]
        found[name] = Held(*ends, truth)  # type: ignore[arg-type]
    rate = RUNS_A_DAY * PACKETS_A_RUN
    found["level"] = _held(rows[0], "after", rate * (case.hosts + case.always))
    if case.always:
        found["ratio"] = _held(rows[0], "ratio", 1 + case.hosts / case.always)
    return found


def _hours(moment: Any) -> float | None:
    return None if moment is None else (moment - arrow.EPOCH).total_seconds() / 3600 - START_US / HOUR_US


def _held(row: Mapping[str, Any], name: str, truth: float) -> Held:
    return Held(row[name], row[f"{name}_low"], row[f"{name}_high"], truth)


def cells(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Of one estimate: how often it was made, held, null, and medians."""
    made = [each for found in outcomes if (each := found[name]) is not None]
    if not made:
        return ["0", "", str(len(outcomes)), "", ""]
    right = sum(each.is_right for each in made)
    widths = np.median([each.width for each in made])
    if name in ("begins", "ends"):
        off = np.median([each.value - each.truth for each in made])
        ends = [f"{widths * 60:,.3g} min", f"{off * 60:+,.2g} min"]
    else:
        scale = np.median([each.truth for each in made])
        ends = [f"{widths / scale:.2g}", f"{np.median([each.value / each.truth for each in made]):.3f}"]
    return [str(len(made)), f"{right} {mark(right, len(made))}".rstrip(), str(len(outcomes) - len(made)), *ends]


def text(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The table, and a sentence on what is outside."""
    rows, outside = [], []
    for name, found in outcomes.items():
        for estimate in ESTIMATES:
            if estimate == "ratio" and " beside " not in name:
                continue
            row = cells(estimate, found)
            rows.append([name, estimate, *row])
            if row[1].endswith(("▼", "▲")):
                outside.append(f"{estimate} {name} ({row[1][:-2]} of {row[0]})")
    said = table(("size", "estimate", *HEAD[:-1], "value - truth, or value / truth"), rows)
    return f"{said}\n\n{sentence(outside)}"
