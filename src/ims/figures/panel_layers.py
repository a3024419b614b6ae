"""What a panel over time is made of: layers of line, band, curve and hatched gaps, and the datasets behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ims.figures.curve import curve_lines
from ims.figures.panel_bins import Bins, PanelBins
from ims.figures.theme import CURVE, HATCH
from ims.figures.ticks import ValueAxis

HATCH_GAP, NARROW, PALE = 7, 3.0, "#f3f3f3"
"""Pixels between hatch lines; a strip that is narrower has none, and is one in their colour."""
CURVE_WIDTH, CURVE_DASH = 2.2, [6, 7]
"""Pixels. Twice as wide as the measured line, with room between dashes: where a fit is good, both are seen in grey."""


def panel_layers(
    prefix: str, x: Any, y_axis: Any, axis: ValueAxis, has_curve: bool, between: Sequence[Any] = ()
) -> list[Any]:
    """From the back to the front: gaps, what is to stand `between` them and the rest, band, line and, if panels have
    one, a curve. `prefix`: of the datasets' names; `x`: the encoding of time."""
    import altair as alt

    scale = alt.Scale(domain=[axis.low, axis.high], type="log" if axis.is_log else "linear", clamp=True, nice=False)
    value = alt.Y("value:Q", scale=scale, axis=y_axis)
    gaps, hatch, band, line = (alt.NamedData(f"{prefix}_{part}") for part in ("gaps", "hatch", "band", "line"))
    path = {"interpolate": "step-after", "invalid": "break-paths-show-path-domains"}
    colour = alt.Color("shade:N", scale=None)
    from_height, to_height = ({"value": {"expr": f"datum.{end}"}} for end in ("begin", "end"))
    layers = [
        alt.Chart(gaps).mark_rect().encode(x, alt.X2("until"), color=colour),
        alt.Chart(hatch).mark_rule().encode(x, alt.X2("until"), y=from_height, y2=to_height),
        *between,
        alt.Chart(band).mark_area(**path).encode(x, alt.Y("low:Q", scale=scale, axis=y_axis), alt.Y2("high")),
        alt.Chart(line).mark_line(**path).encode(x, value),
    ]
    if has_curve:
        curve = alt.Chart(alt.NamedData(f"{prefix}_curve"))
        dashes = {"strokeDash": CURVE_DASH, "invalid": path["invalid"]}
        layers.append(curve.mark_line(**dashes, color=CURVE, strokeWidth=CURVE_WIDTH).encode(x, value))
    return layers


def panel_datasets(
    bins: PanelBins, name: str, size: tuple[int, int], axis: ValueAxis, has_curve: bool
) -> dict[str, list[dict[str, Any]]]:
    """The datasets of a panel's layers, by the ends of their names."""
    panel = bins.panels[name]
    strips = [_strip(bins, gap, size[0]) for gap in bins.gaps(name)] if bins.count else [(0.0, float(size[0]))]
    return {
        "line": _path(bins, panel, panel.runs(), ("value",)),
        "band": _path(bins, panel, panel.runs(~np.isnan(panel.low) & ~np.isnan(panel.high)), ("low", "high")),
        "gaps": [_gap(bins, strip, size[0]) for strip in strips],
        "hatch": [line for strip in strips for line in _hatch(bins, strip, size)],
        **({"curve": _curve(bins, name, axis)} if has_curve else {}),
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


def _curve(bins: PanelBins, name: str, axis: ValueAxis) -> list[dict[str, float | None]]:
    """A point at the middle of each bin, and nulls that break the path."""
    rows: list[dict[str, float | None]] = []
    for times, values in curve_lines(bins, name, axis):
        if rows:
            rows.append({"time": rows[-1]["time"], "value": None})
        points = zip((times / 1000).tolist(), values.tolist(), strict=True)
        rows += [{"time": at, "value": value} for at, value in points]
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
