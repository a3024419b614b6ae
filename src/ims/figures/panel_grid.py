"""Small multiples as a chart: panels of one pair of axes, and several such parts below or beside each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ims.figures.curve import has_curve
from ims.figures.mark_layers import ShownMarks
from ims.figures.panel_bins import GAP, PanelBins, band_note, edge_note, value_axis
from ims.figures.panel_layers import panel_datasets, panel_layers
from ims.figures.theme import BOLD, CONFIG, HEADING_SIZE, LABEL_SIZE, TEXT, Heading, wrapped
from ims.figures.ticks import ValueAxis, value_label

if TYPE_CHECKING:
    import altair as alt

MOST_IN_A_COLUMN = 3
ONE_WIDTH, HALF_WIDTH = 640, 310
HEIGHTS = {1: 240, 2: 150, 3: 130}
MANY_HEIGHT = 96
COLUMN_GAP, ROW_GAP, TITLE_ABOVE = 26, 34, 7
PART_GAP = 20
"""Pixels between parts with all that stands around their panels; about BESIDE between the panels themselves."""
BESIDE = 62
PIXELS_A_VALUE, PIXELS_A_DECADE = 32, 16


@dataclass(frozen=True)
class Grid:
    """How many columns of panels there are, and the pixels of each panel."""

    columns: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def whole_width(self) -> int:
        """All columns and what is between them."""
        return self.columns * self.width + (self.columns - 1) * COLUMN_GAP


@dataclass(frozen=True)
class AxisOfBins:
    """What stands below the lowest panels. `ticks`: milliseconds and labels, a list of which has two lines."""

    ticks: Sequence[tuple[float, Any]]
    title: str


@dataclass(frozen=True)
class Part:
    """Charts that share their axes, and the datasets that they read. `notes`: three lines of the heading, of phrases
    in the same places in every part, empty where there is nothing to say."""

    charts: Sequence[Any]
    datasets: Mapping[str, list[dict[str, Any]]]
    notes: Sequence[Sequence[str]]
    grid: Grid


def usual_grid(panels: int) -> Grid:
    """Of so many panels: below each other, from four on two beside each other."""
    if panels <= MOST_IN_A_COLUMN:
        return Grid(1, ONE_WIDTH, HEIGHTS[max(panels, 1)])
    return Grid(2, HALF_WIDTH, MANY_HEIGHT)


def usual_axis(bins: PanelBins, log: bool, grid: Grid) -> ValueAxis:
    """Of values, with as many ticks as a panel has room for."""
    return value_axis(bins, log, grid.height // (PIXELS_A_DECADE if log else PIXELS_A_VALUE))


def panel_part(
    bins: PanelBins, panels: Sequence[tuple[str, str]], axis: AxisOfBins, values: ValueAxis,
    marks: Mapping[str, ShownMarks], *, grid: Grid, value_title: str, band_title: str, curve_title: str,
    mark_title: str, prefix: str, gap_title: str = GAP,
) -> Part:  # fmt: skip
    """A chart for each of `panels`, with the marks of its name. `prefix`: of the datasets' names, different in each
    part of a picture. Titles of band, gaps, curve and marks say in the heading what they are."""
    import altair as alt

    rows = -(-len(panels) // grid.columns)
    is_fitted = has_curve(bins)
    datasets: dict[str, list[dict[str, Any]]] = {}
    for each in marks.values():
        datasets |= each.datasets
    charts = []
    for number, (name, above) in enumerate(panels):
        data = panel_datasets(bins, name, grid.size, values, is_fitted)
        datasets |= {f"{prefix}_{number + 1}_{part}": table for part, table in data.items()}
        at_bottom, row = number + grid.columns >= len(panels), number // grid.columns
        x = alt.X("time:Q", scale=_scale(bins), axis=_bin_axis(axis, at_bottom), title=None)
        has_title = number % grid.columns == 0 and row == (rows - 1) // 2
        y_axis = _axis_of_values(
            values, value_title if has_title else "", grid.height, rows, number % grid.columns == 0
        )
        between = marks[name].over(x, row == 0)
        layers = panel_layers(f"{prefix}_{number + 1}", x, y_axis, values, is_fitted, between)
        title = _panel_title(above, grid.width, TITLE_ABOVE + (marks[name].room if row == 0 else 0))
        layers = [*marks[name].under(x), *layers, title]
        charts.append(alt.layer(*layers).properties(width=grid.width, height=grid.height))
    key = [band_note(bins, band_title), f"hatched: {gap_title}" if bins.has_gaps or not bins.count else ""]
    fits = f"dashed: {curve_title}" if curve_title and is_fitted else ""
    marked = max((each.note(mark_title) for each in marks.values()), key=len, default="")
    return Part(charts, datasets, (key, [edge_note(bins, values)], [fits, marked]), grid)


def picture(parts: Sequence[Part], heading: Heading, *, beside: bool = False) -> alt.TopLevelMixin:
    """All parts with a heading, below each other or `beside` each other. The heading gets lines for what else must be
    known: several bins drawn together, zeros on a logarithmic scale. What several parts say stands in it once."""
    import altair as alt

    datasets: dict[str, list[dict[str, Any]]] = {"one_row": [{}]}
    for part in parts:
        datasets |= part.datasets
    widths = [part.grid.whole_width for part in parts]
    width = sum(widths) + BESIDE * (len(parts) - 1) if beside else max(widths)
    lines = [_phrases(line) for line in zip(*(part.notes for part in parts), strict=True)]
    shown = heading.with_lines(*("; ".join(line) for line in lines if line)).shown(width)
    above = {"title": alt.TitleParams(**shown), "datasets": datasets}
    chart: alt.TopLevelMixin
    if len(parts) == 1:
        chart = _concat(parts[0], **above)
    else:
        joined = alt.hconcat if beside else alt.vconcat
        chart = joined(*map(_concat, parts), spacing=PART_GAP, bounds="full", **above)
    chart.config = alt.Config(**CONFIG)
    return chart


def _phrases(line: Sequence[Sequence[str]]) -> list[str]:
    """What all parts say in one line of the heading: the first phrase of each, then the second ones, none twice."""
    return list(dict.fromkeys(phrase for phrases in zip(*line, strict=True) for phrase in phrases if phrase))


def _concat(part: Part, **above: Any) -> Any:
    import altair as alt

    spacing = {"column": COLUMN_GAP, "row": ROW_GAP}
    return alt.concat(*part.charts, columns=part.grid.columns, spacing=spacing, bounds="flush", **above)


def _panel_title(text: str, room: float, above: float) -> Any:
    """Above the panel, as a mark: Vega moves a title up by the whole length of an axis's title beside it."""
    import altair as alt

    [title] = wrapped(text, room / BOLD, HEADING_SIZE, 1) or [""]
    mark = {"align": "left", "baseline": "alphabetic", "fontSize": HEADING_SIZE, "fontWeight": "bold", "color": TEXT}
    place = {"x": alt.value(0), "y": alt.value(-above), "text": alt.value(title)}
    return alt.Chart(alt.NamedData("one_row")).mark_text(**mark).encode(**place)


def _scale(bins: PanelBins) -> Any:
    """Milliseconds since 1970, as numbers with labels of ours: no time zone can change them. As Vega-Lite's times, two
    things go wrong: its 6.4 makes another domain for `x2` than for `x`, and a page's interpreter of expressions
    (vega-interpreter 2.3.2) takes the milliseconds of a tick for a year, so a page had no ticks."""
    import altair as alt

    return alt.Scale(domain=[bins.since_us / 1000, (bins.since_us + bins.span_us) / 1000], nice=False, zero=False)


def _bin_axis(axis: AxisOfBins, has_labels: bool) -> Any:
    import altair as alt

    values = [at for at, _ in axis.ticks]
    if not has_labels or not values:
        return alt.Axis(values=values, labels=False, ticks=False, title=None)
    return alt.Axis(values=values, labelExpr=_label_of_tick([label for _, label in axis.ticks]), title=axis.title)


def _axis_of_values(axis: ValueAxis, title: str, height: int, rows: int, has_labels: bool) -> Any:
    import altair as alt

    values = list(axis.ticks)
    if not has_labels:
        return alt.Axis(values=values, labels=False, ticks=False, title=None)
    room = rows * height + (rows - 1) * ROW_GAP
    shown = wrapped(title, room, LABEL_SIZE + 1, 2)
    middle = {} if rows % 2 else {"titleY": height + ROW_GAP / 2}
    return alt.Axis(
        values=values,
        labelExpr=_label_of_tick([value_label(value) for value in values]),
        title=shown or None,
        labelOverlap=False,
        **middle,
    )


def _label_of_tick(labels: list[Any]) -> str:
    """Vega's expression of a tick's label. The labels are ours: numbers and dates. Its index goes from 0 to 1."""
    return f"{json.dumps(labels)}[round(datum.index * {max(len(labels) - 1, 1)})]"
