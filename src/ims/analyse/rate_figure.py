"""Figure 2 of the paper: small multiples of the packet rate, for print and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.analyses import PER_24
from ims.analyse.result import interval_text
from ims.query.bins import bin_begin, bin_origin, bin_width
from ims.settings.durations import SECOND_US, written_duration

if TYPE_CHECKING:
    from ims.analyse.result import Result

BAND = "95 % interval of each bin's count"
PLOT_ROWS = 7
MOST_PANELS, MOST_PLOTS = 24, 12
"""Of a figure, and as text: the blocks with the highest means, and the one with the lowest."""


def figure(result: Result) -> Any:
    """A panel for each block, the one with the highest mean first; None where there is nothing to draw."""
    panels, lines = _panels(result, MOST_PANELS)
    if not panels:
        return None
    from ims.figures.theme import Heading
    from ims.figures.time_panels import time_panels

    heading = Heading("Packet rate by block, normalised per /24", tuple(lines))
    return time_panels(
        _drawn(result), heading, panels=panels, value_title=PER_24, log=True, band_title=BAND, bin_us=_bin(result)
    )


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    panels, _ = _panels(result, MOST_PLOTS)
    if not panels:
        return None
    from ims.figures.text_chart import text_panels

    return text_panels(
        _drawn(result), panels, width=width, height=PLOT_ROWS, value_title=PER_24, band_title=BAND, log=True,
        bin_us=_bin(result), unicode=unicode,
    )  # fmt: skip


def _panels(result: Result, most: int) -> tuple[list[tuple[str, str]], list[str]]:
    """At most so many panels, and what stands above them."""
    with_data = set(result.series.column("block").to_pylist())
    rows = [row for row in arrow.rows(result.rows) if row["block"] in with_data]
    if not rows:
        return [], []
    panels = [
        (row["block"], f"{row['block']}: mean {interval_text(row['mean'], row['mean_low'], row['mean_high'])}")
        for row in rows
    ]
    about = f", {result.filter}" if result.filter else ""
    lines = [f"{result.range}, bins of {written_duration(_bin(result))}{about}", result.darknet.size]
    ratio = result.estimates.get("ratio")
    if ratio is not None and ratio.value is not None:
        lines.append(f"highest mean divided by lowest: {interval_text(ratio.value, ratio.low, ratio.high)}")
    if result.darknet.frames_lost:
        lines.append(f"{result.darknet.frames_lost:,} packets lost by the capturing programs")
    if len(panels) > most:
        lines.append(f"of {len(panels)} blocks, the {most - 1} with the highest means and the one with the lowest")
        panels = [*panels[: most - 1], panels[-1]]
    return panels, lines


def _bin(result: Result) -> int:
    return bin_width(result.options["bin"])


def _drawn(result: Result) -> pa.Table:
    """The series as charts take it: over the whole range, without bins of which less than half was watched (unless none
    was watched longer), for they would stand as high as if all of them had been."""
    width, series = _bin(result), result.series
    enough = arrow.numbers(series.column("seconds")) * SECOND_US >= width / 2
    if enough.any():
        series = series.filter(arrow.column(enough, pa.bool_()))
    drawn = series.select(["time", "block", "rate", "low", "high"]).rename_columns(
        ["time", "panel", "value", "low", "high"]
    )
    if result.since is None or result.until is None:
        return drawn
    ends = np.array([bin_begin(at, width, bin_origin(width)) for at in (result.since, result.until - 1)])
    nothing = pa.nulls(2, pa.float64())
    panel = pc.cast(pa.array([drawn.column("panel")[0].as_py()] * 2), pa.string())
    times = arrow.column(ends, pa.timestamp("us", "UTC"))
    edges = pa.table({"time": times, "panel": panel, "value": nothing, "low": nothing, "high": nothing}, drawn.schema)
    known = pc.is_in(times, drawn.column("time"))
    return pa.concat_tables([drawn, edges.filter(pc.invert(known))])
