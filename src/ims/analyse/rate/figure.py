"""Figure 2 of the paper: small multiples of the packet rate, for print and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ims import arrow
from ims.analyse.figure_range import long_watched, lost_lines, range_line, with_ends
from ims.analyse.questions.rate import PER_24
from ims.analyse.result import interval_text
from ims.query.bins import bin_width

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
    lines = [range_line(result, _bin(result)), result.darknet.size]
    ratio = result.estimates.get("ratio")
    if ratio is not None and ratio.value is not None:
        lines.append(f"highest mean divided by lowest: {interval_text(ratio.value, ratio.low, ratio.high)}")
    lines += lost_lines(result)
    if len(panels) > most:
        lines.append(f"of {len(panels)} blocks, the {most - 1} with the highest means and the one with the lowest")
        panels = [*panels[: most - 1], panels[-1]]
    return panels, lines


def _bin(result: Result) -> int:
    return bin_width(result.options["bin"])


def _drawn(result: Result) -> pa.Table:
    """The series as charts take it: over the whole range, without bins that were hardly watched."""
    series = long_watched(result.series, _bin(result))
    drawn = series.select(["time", "block", "rate", "low", "high"]).rename_columns(
        ["time", "panel", "value", "low", "high"]
    )
    return with_ends(drawn, result, _bin(result))
