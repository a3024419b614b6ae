"""Values over time as small multiples, such as the paper's Figure 2: a panel each, all with the same axes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims.figures.panel_bins import Bins, PanelBins, band_note, edge_note, panel_bins, value_axis
from ims.figures.theme import BOLD, CONFIG, HATCH, HEADING_SIZE, LABEL_SIZE, TEXT, Heading, wrapped
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
HATCH_GAP, NARROW, PALE = 7, 3.0, "#f3f3f3"
"""Pixels between hatch lines; a strip that is narrower has none, and is one in their colour."""


def time_panels(
    table: pa.Table,
    heading: Heading,
    *,
    panels: Sequence[tuple[str, str]],
    value_title: str,
    log: bool,
    band_title: str,
    bin_us: int,
) -> alt.TopLevelMixin:
    """A chart of `panels`, each the name in the table and what stands above it, in this order.

    The table: `time` timestamp[us, UTC], the begin of a bin of `bin_us`; `panel` string; `value`, `low`, `high` float.
    No value, or no row: that bin wasn't watched, which is hatched. `band_title` says what `low` and `high` are. The
    heading gets lines for what else must be known: several bins drawn together, zeros on a logarithmic scale.

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
    datasets: dict[str, list[dict[str, Any]]] = {"one_row": [{}]}
    charts = []
    for number, (name, above) in enumerate(panels):
        data = _datasets(bins, name, size)
        datasets |= {f"panel_{number + 1}_{part}": values for part, values in data.items()}
        at_bottom, row = number + columns >= len(panels), number // columns
        x = alt.X("time:Q", scale=_time_scale(bins), axis=_time_axis(bins, size[0], at_bottom), title=None)
        has_title = number % columns == 0 and row == (rows - 1) // 2
        y_axis = _axis_of_values(axis, value_title if has_title else "", size[1], rows, number % columns == 0)
        layers = [*_layers(f"panel_{number + 1}", x, y_axis, axis), _panel_title(above, size[0])]
        charts.append(alt.layer(*layers).properties(width=size[0], height=size[1]))
    width = columns * size[0] + (columns - 1) * COLUMN_GAP
    shown = heading.with_lines(*_notes(bins, axis, band_title)).shown(width)
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


def _layers(prefix: str, x: Any, y_axis: Any, axis: ValueAxis) -> list[Any]:
    import altair as alt

    scale = alt.Scale(domain=[axis.low, axis.high], type="log" if axis.is_log else "linear", clamp=True, nice=False)
    value = alt.Y("value:Q", scale=scale, axis=y_axis)
    gaps, hatch, band, line = (alt.NamedData(f"{prefix}_{part}") for part in ("gaps", "hatch", "band", "line"))
    path = {"interpolate": "step-after", "invalid": "break-paths-show-path-domains"}
    colour = alt.Color("shade:N", scale=None)
    from_height, to_height = ({"value": {"expr": f"datum.{end}"}} for end in ("begin", "end"))
    return [
        alt.Chart(gaps).mark_rect().encode(x, alt.X2("until"), color=colour),
        alt.Chart(hatch).mark_rule().encode(x, alt.X2("until"), y=from_height, y2=to_height),
        alt.Chart(band).mark_area(**path).encode(x, alt.Y("low:Q", scale=scale, axis=y_axis), alt.Y2("high")),
        alt.Chart(line).mark_line(**path).encode(x, value),
    ]


def _panel_title(text: str, room: float) -> Any:
    """Above the panel, as a mark: Vega moves a title up by the whole length of an axis's title beside it."""
    import altair as alt

    [title] = wrapped(text, room / BOLD, HEADING_SIZE, 1) or [""]
    mark = {"align": "left", "baseline": "alphabetic", "fontSize": HEADING_SIZE, "fontWeight": "bold", "color": TEXT}
    place = {"x": alt.value(0), "y": alt.value(-TITLE_ABOVE), "text": alt.value(title)}
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


def _datasets(bins: PanelBins, name: str, size: tuple[int, int]) -> dict[str, list[dict[str, Any]]]:
    panel = bins.panels[name]
    strips = [_strip(bins, gap, size[0]) for gap in bins.gaps(name)] if bins.count else [(0.0, float(size[0]))]
    return {
        "line": _path(bins, panel, panel.runs(), ("value",)),
        "band": _path(bins, panel, panel.runs(~np.isnan(panel.low) & ~np.isnan(panel.high)), ("low", "high")),
        "gaps": [_gap(bins, strip, size[0]) for strip in strips],
        "hatch": [line for strip in strips for line in _hatch(bins, strip, size)],
    }


def _path(bins: PanelBins, panel: Bins, runs: list[slice], names: tuple[str, ...]) -> list[dict[str, float | None]]:
    """A step at each bin's begin, one more at the end of each run, and nulls that break the path before the next."""
    rows: list[dict[str, float | None]] = []
    for run in runs:
        if rows:
            rows.append({"time": rows[-1]["time"], **dict.fromkeys(names)})
        times = (bins.time_us(panel.index[run]) / 1000).tolist()
        columns = [getattr(panel, name)[run].tolist() for name in names]
        rows += [{"time": at, **dict(zip(names, row, strict=True))} for at, *row in zip(times, *columns, strict=True)]
        rows.append({**rows[-1], "time": float(bins.time_us(panel.index[run.stop - 1] + 1)) / 1000})
    return rows


def _strip(bins: PanelBins, gap: tuple[int, int], width: int) -> tuple[float, float]:
    begin, end = ((int(bins.time_us(index)) - bins.since_us) / bins.span_us * width for index in gap)
    return begin, end


def _time_at(bins: PanelBins, x: float, width: int) -> float:
    return (bins.since_us + x / width * bins.span_us) / 1000


def _gap(bins: PanelBins, strip: tuple[float, float], width: int) -> dict[str, Any]:
    begin, end = (_time_at(bins, x, width) for x in strip)
    return {"time": begin, "until": end, "shade": HATCH if strip[1] - strip[0] < NARROW else PALE}


def _hatch(bins: PanelBins, strip: tuple[float, float], size: tuple[int, int]) -> list[dict[str, Any]]:
    """Lines that rise by 45 degrees, cut to the strip: Vega-Lite has no patterns."""
    (left, right), (width, height) = strip, size
    if right - left < NARROW:
        return []
    lines = []
    foot = (left - height) // HATCH_GAP * HATCH_GAP
    while foot < right:
        begin, end = max(foot, left), min(foot + height, right)
        if begin < end:
            times = {"time": _time_at(bins, begin, width), "until": _time_at(bins, end, width)}
            lines.append({**times, "begin": height - (begin - foot), "end": height - (end - foot)})
        foot += HATCH_GAP
    return lines
