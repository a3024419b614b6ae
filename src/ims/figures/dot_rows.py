"""Rows of dots with intervals, in panels beside each other that share their rows: values of the same things.

Axes are logarithmic. What is 0 has no place there: it stands at the left edge, hollow, with the interval up to its end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ims.figures.theme import (
    BAND,
    CONFIG,
    FAINT_TEXT,
    HEADING_SIZE,
    LABEL_SIZE,
    LINE,
    TEXT,
    Heading,
    text_width,
    wrapped,
)
from ims.figures.ticks import ValueAxis, log_axis, value_label

if TYPE_CHECKING:
    import altair as alt

ROW, TOP, GAP = 17, 9, 22
"""Pixels of a row, above the first and below the last, and between panels."""
LABELS, WIDTH = 150, 190
"""Pixels that labels take at most, and of a panel."""
BAR, TICKS = 6, 5
EDGE = 0.6
"""Of a decade: what the axis has left of the lowest value, where a zero stands at its edge."""


@dataclass(frozen=True)
class Dot:
    """A value and its interval. Of None nothing is drawn; an end that is None isn't bounded."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class DotPanel:
    """A panel: its title, what its values are, a dot for each row, and a value that is marked by a rule, if any."""

    title: str
    value_title: str
    dots: Sequence[Dot]
    marked: float | None = None

    @property
    def axis(self) -> ValueAxis:
        """Of all that is above 0."""
        found = [end for dot in self.dots if dot.value is not None for end in (dot.value, dot.low, dot.high)]
        positive = [end for end in (*found, self.marked) if end is not None and end > 0] or [1.0]
        low = min(positive)
        if any(end is not None and end <= 0 for end in found):
            low /= 10**EDGE
        return log_axis(low, max(positive), TICKS)

    @property
    def has_zeros(self) -> bool:
        """Whether a value is 0."""
        return any(dot.value is not None and dot.value <= 0 for dot in self.dots)


@dataclass(frozen=True)
class Placed:
    """A dot on an axis: places from 0 to 1."""

    row: int
    at: float
    begin: float
    end: float
    is_zero: bool


def placed(panel: DotPanel) -> list[Placed]:
    """The dots that have a value."""
    axis, found = panel.axis, []
    for row, dot in enumerate(panel.dots):
        if dot.value is None:
            continue
        begin = axis.position(dot.low) if dot.low is not None and dot.low > 0 else 0.0
        end = 1.0 if dot.high is None or math.isinf(dot.high) else axis.position(dot.high)
        is_zero = dot.value <= 0
        found.append(Placed(row, 0.0 if is_zero else axis.position(dot.value), begin, end, is_zero))
    return found


def dot_rows(
    labels: Sequence[str], panels: Sequence[DotPanel], heading: Heading, *, interval: str, marked: str
) -> alt.TopLevelMixin:
    """A picture of panels beside each other. `interval`, `marked`: what bars and rules are, for the heading."""
    import altair as alt

    height = len(labels) * ROW + 2 * TOP
    room = max((text_width(label, LABEL_SIZE + 1) for label in labels), default=0.0)
    width = len(panels) * WIDTH + (len(panels) - 1) * GAP + min(room, LABELS)
    key = [f"bars: {interval}"]
    if marked and any(panel.marked is not None for panel in panels):
        key.append(f"dotted: {marked}")
    if any(panel.has_zeros for panel in panels):
        key.append("hollow, at the left edge: 0")
    datasets: dict[str, list[dict[str, Any]]] = {"one_row": [{}]}
    charts = []
    for number, panel in enumerate(panels):
        datasets[f"dots_{number + 1}"] = [
            {"y": TOP + (each.row + 0.5) * ROW, "at": each.at * WIDTH, "begin": each.begin * WIDTH,
             "end": max(each.end * WIDTH, each.begin * WIDTH + 1), "zero": each.is_zero}
            for each in placed(panel)
        ]  # fmt: skip
        charts.append(_panel(panel, f"dots_{number + 1}", labels if number == 0 else [], len(labels), height))
    shown = heading.with_lines("; ".join(key)).shown(width)
    chart = alt.hconcat(*charts, spacing=GAP, bounds="flush", title=alt.TitleParams(**shown), datasets=datasets)
    chart.config = alt.Config(**CONFIG)
    return chart


def _panel(panel: DotPanel, data: str, labels: Sequence[str], rows: int, height: int) -> Any:
    import altair as alt

    axis = panel.axis
    ticks = [axis.position(value) * WIDTH for value in axis.ticks]
    x_axis = alt.Axis(
        values=ticks, labelExpr=_label_of_tick([value_label(value) for value in axis.ticks]), title=panel.value_title,
        labelOverlap=False,
    )  # fmt: skip
    middles = [TOP + (row + 0.5) * ROW for row in range(rows)]
    cut = ["".join(wrapped(label, LABELS, LABEL_SIZE + 1, 1)) or " " for label in labels]
    y_axis = alt.Axis(
        values=middles, labels=bool(labels), ticks=False, title=None, labelFontSize=LABEL_SIZE + 1, labelOverlap=False,
        labelLimit=LABELS + 10, grid=True, **({"labelExpr": _label_of_row(cut)} if labels else {}),
    )  # fmt: skip
    x = alt.X("at:Q", scale=alt.Scale(domain=[0, WIDTH], nice=False, zero=False), axis=x_axis)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[height, 0], nice=False, zero=False), axis=y_axis)
    base = alt.Chart(alt.NamedData(data))
    bars = base.mark_rule(strokeWidth=BAR, color=BAND, strokeCap="butt").encode(
        alt.X("begin:Q", scale=alt.Scale(domain=[0, WIDTH], nice=False, zero=False), axis=x_axis),
        y,
        alt.X2("end"),
    )
    dots = base.transform_filter("!datum.zero").mark_point(size=34, filled=True, opacity=1, color=LINE).encode(x, y)
    zeros = base.transform_filter("datum.zero").mark_point(
        size=34, filled=True, fill="white", stroke=LINE, strokeWidth=1.2, opacity=1, clip=False
    ).encode(x, y)  # fmt: skip
    layers = [bars, dots, zeros]
    one = alt.Chart(alt.NamedData("one_row"))
    if panel.marked is not None:
        place = alt.value(axis.position(panel.marked) * WIDTH)
        rule = one.mark_rule(strokeDash=[1.2, 2.4], strokeWidth=1.4, color=FAINT_TEXT)
        layers.insert(0, rule.encode(x=place, y=alt.value(0), y2=alt.value(height)))
    [title] = wrapped(panel.title, WIDTH, HEADING_SIZE, 1) or [""]
    mark = {"align": "left", "baseline": "alphabetic", "fontSize": HEADING_SIZE, "fontWeight": "bold", "color": TEXT}
    layers.append(one.mark_text(**mark).encode(x=alt.value(0), y=alt.value(-7), text=alt.value(title)))
    return alt.layer(*layers).properties(width=WIDTH, height=height)


def _label_of_tick(labels: list[str]) -> str:
    """Vega's expression of a tick's label. Its index goes from 0 to 1."""
    return f"{json.dumps(labels)}[round(datum.index * {max(len(labels) - 1, 1)})]"


def _label_of_row(labels: list[str]) -> str:
    return f"{json.dumps(labels)}[round((datum.value - {TOP + ROW / 2}) / {ROW})]"
