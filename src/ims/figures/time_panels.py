"""Values over time as small multiples, such as the paper's Figure 2: a panel each, all with the same axes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ims.figures.curve import has_curve
from ims.figures.mark_layers import ShownMarks
from ims.figures.marks import Mark
from ims.figures.panel_bins import PanelBins, band_note, edge_note, panel_bins, value_axis
from ims.figures.panel_layers import panel_datasets, panel_layers
from ims.figures.theme import BOLD, CONFIG, HEADING_SIZE, LABEL_SIZE, TEXT, Heading, wrapped
from ims.figures.ticks import ValueAxis, time_ticks, value_label

if TYPE_CHECKING:
    import altair as alt

MOST_BINS = 600
"""Bins of a panel: in a file of 2 pixels each, one is as wide as a pixel or two."""
MOST_IN_A_COLUMN = 3
ONE_WIDTH, HALF_WIDTH = 640, 310
HEIGHTS = {1: 240, 2: 150, 3: 130}
MANY_HEIGHT = 96
COLUMN_GAP, ROW_GAP, TITLE_ABOVE = 26, 34, 7
PIXELS_A_TICK, PIXELS_A_VALUE, PIXELS_A_DECADE = 60, 32, 16


def time_panels(
    table: pa.Table,
    heading: Heading,
    *,
    panels: Sequence[tuple[str, str]],
    value_title: str,
    log: bool,
    band_title: str,
    bin_us: int,
    curve_title: str = "",
    marks: Sequence[Mark] = (),
    mark_title: str = "",
) -> alt.TopLevelMixin:
    """A chart of `panels`, each the name in the table and what stands above it, in this order.

    The table: `time` timestamp[us, UTC], the begin of a bin of `bin_us`; `panel` string; `value`, `low`, `high` float.
    No value, or no row: that bin wasn't watched, which is hatched. `band_title` says what `low` and `high` are. It may
    have `curve` float, too: a fitted curve, which `curve_title` names, null where there is none. `marks` within the
    range are rules through all panels, their intervals grey strips; `mark_title` says what they are. The heading gets
    lines for what else must be known: several bins drawn together, zeros on a logarithmic scale.

    Raises ValueError where there is no panel, or a name stands twice.
    """
    import altair as alt

    names = [name for name, _ in panels]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{len(names)} panels, {len(set(names))} different names; expected at least one, none twice")
    bins = panel_bins(table, names, bin_us, MOST_BINS)
    axis = _value_axis(bins, log, names)
    columns = 1 if len(panels) <= MOST_IN_A_COLUMN else 2
    size = (ONE_WIDTH, HEIGHTS[len(panels)]) if columns == 1 else (HALF_WIDTH, MANY_HEIGHT)
    rows = -(-len(panels) // columns)
    is_fitted = has_curve(bins)
    shown_marks = ShownMarks(marks, bins, size)
    datasets: dict[str, list[dict[str, Any]]] = {"one_row": [{}], **shown_marks.datasets}
    charts = []
    for number, (name, above) in enumerate(panels):
        data = panel_datasets(bins, name, size, axis, is_fitted)
        datasets |= {f"panel_{number + 1}_{part}": values for part, values in data.items()}
        at_bottom, row = number + columns >= len(panels), number // columns
        x = alt.X("time:Q", scale=_time_scale(bins), axis=_time_axis(bins, size[0], at_bottom), title=None)
        has_title = number % columns == 0 and row == (rows - 1) // 2
        y_axis = _axis_of_values(axis, value_title if has_title else "", size[1], rows, number % columns == 0)
        layers = panel_layers(f"panel_{number + 1}", x, y_axis, axis, is_fitted, shown_marks.over(x, row == 0))
        title = _panel_title(above, size[0], TITLE_ABOVE + (shown_marks.room if row == 0 else 0))
        layers = [*shown_marks.under(x), *layers, title]
        charts.append(alt.layer(*layers).properties(width=size[0], height=size[1]))
    width = columns * size[0] + (columns - 1) * COLUMN_GAP
    fits = f"dashed: {curve_title}" if curve_title and is_fitted else ""
    notes = [*_notes(bins, axis, band_title), "; ".join(filter(None, [fits, shown_marks.note(mark_title)]))]
    shown = heading.with_lines(*filter(None, notes)).shown(width)
    chart = alt.concat(
        *charts,
        columns=columns,
        spacing={"column": COLUMN_GAP, "row": ROW_GAP},
        bounds="flush",
        title=alt.TitleParams(**shown),
        datasets=datasets,
    )
    chart.config = alt.Config(**CONFIG)
    return chart


def _panel_title(text: str, room: float, above: float) -> Any:
    """Above the panel, as a mark: Vega moves a title up by the whole length of an axis's title beside it."""
    import altair as alt

    [title] = wrapped(text, room / BOLD, HEADING_SIZE, 1) or [""]
    mark = {"align": "left", "baseline": "alphabetic", "fontSize": HEADING_SIZE, "fontWeight": "bold", "color": TEXT}
    place = {"x": alt.value(0), "y": alt.value(-above), "text": alt.value(title)}
    return alt.Chart(alt.NamedData("one_row")).mark_text(**mark).encode(**place)


def _value_axis(bins: PanelBins, log: bool, names: Sequence[str]) -> ValueAxis:
    height = HEIGHTS.get(len(names), MANY_HEIGHT)
    return value_axis(bins, log, height // (PIXELS_A_DECADE if log else PIXELS_A_VALUE))


def _notes(bins: PanelBins, axis: ValueAxis, band_title: str) -> list[str]:
    """Lines of the heading: what the band is, what hatching is, what isn't drawn where it belongs."""
    key = [band_note(bins, band_title), "hatched: not watched" if bins.has_gaps or not bins.count else ""]
    return [line for line in ("; ".join(filter(None, key)), edge_note(bins, axis)) if line]


def _time_scale(bins: PanelBins) -> Any:
    """Milliseconds since 1970, as numbers with labels of ours: no time zone can change them. As Vega-Lite's times, two
    things go wrong: its 6.4 makes another domain for `x2` than for `x`, and a page's interpreter of expressions
    (vega-interpreter 2.3.2) takes the milliseconds of a tick for a year, so a page had no ticks."""
    import altair as alt

    return alt.Scale(domain=[bins.since_us / 1000, (bins.since_us + bins.span_us) / 1000], nice=False, zero=False)


def _time_axis(bins: PanelBins, width: int, has_labels: bool) -> Any:
    import altair as alt

    ticks = time_ticks(bins.since_us, bins.until_us, width // PIXELS_A_TICK) if bins.count else []
    labels = [[tick.label, tick.second] if tick.second else tick.label for tick in ticks]
    values = [tick.time_us / 1000 for tick in ticks]
    if not has_labels or not ticks:
        return alt.Axis(values=values, labels=False, ticks=False, title=None)
    return alt.Axis(values=values, labelExpr=_label_of_tick(labels), title="time (UTC)")


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
