"""Figure 3 of the paper: shares from the own /16 and /8 of each block beside its rate, for print and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ims import arrow
from ims.analyse.figure_range import lost_lines
from ims.analyse.questions.local_preference import PER_24
from ims.analyse.result import interval_text

if TYPE_CHECKING:
    from ims.analyse.result import Result
    from ims.figures.dot_rows import DotPanel

INTERVAL, CHANCE = "95 % interval", "by chance"
MOST_ROWS, MOST_LINES = 48, 24
"""Of a figure, and of a panel as text: the blocks with the highest rates."""


def figure(result: Result) -> Any:
    """A row for each block, the one with the highest rate first; None where there is nothing to draw."""
    labels, panels = _panels(result, MOST_ROWS)
    if not labels:
        return None
    from ims.figures.dot_rows import dot_rows
    from ims.figures.theme import Heading

    heading = Heading("Packet rate by block, and its share from the block's own network", tuple(_lines(result)))
    return dot_rows(labels, panels, heading, interval=INTERVAL, marked=CHANCE)


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    labels, panels = _panels(result, MOST_LINES)
    if not labels:
        return None
    from ims.figures.dot_rows_text import dot_rows_text

    return dot_rows_text(labels, panels, width=width, interval=INTERVAL, marked=CHANCE, unicode=unicode)


def _panels(result: Result, most: int) -> tuple[list[str], list[DotPanel]]:
    """Blocks' names, and the panels of so many at most. None, where no packets came."""
    rows = [row for row in arrow.rows(result.rows) if row["same_8"] is not None][:most]
    if not rows:
        return [], []
    from ims.figures.dot_rows import Dot, DotPanel

    def dots(name: str, factor: float = 1.0) -> list[Dot]:
        each = [[row[f"{name}{end}"] for end in ("", "_low", "_high")] for row in rows]
        return [Dot(*(None if end is None else end * factor for end in ends)) for ends in each]

    panels = [
        DotPanel("Rate", PER_24, dots("rate")),
        DotPanel("From the own /8", "% of packets", dots("same_8", 100), rows[0]["expected_8"] * 100),
        DotPanel("From the own /16", "% of packets", dots("same_16", 100), rows[0]["expected_16"] * 100),
    ]
    return [row["block"] for row in rows], panels


def _lines(result: Result) -> list[str]:
    about = f", {result.filter}" if result.filter else ""
    lines = [f"{result.range}{about}", result.darknet.size]
    estimates = result.as_json()["estimates"]
    for name, what in (("same_8", "/8"), ("same_16", "/16")):
        if (found := estimates.get(name)) is not None:
            value, low, high = (None if found[end] is None else found[end] * 100 for end in ("value", "low", "high"))
            lines.append(f"of all packets, from the own {what}: {interval_text(value, low, high, '%')}")
    shown = sum(share is not None for share in result.rows.column("same_8").to_pylist())
    if shown > MOST_ROWS:
        lines.append(f"of {shown} blocks, the {MOST_ROWS} with the highest rates")
    return lines + lost_lines(result)
