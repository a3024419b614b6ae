"""Values by delay as small multiples, on a logarithmic axis of delays: steps with a band, as of a share that came by
then."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ims.figures.delay_bins import delay_bins, delay_ticks
from ims.figures.mark_layers import ShownMarks
from ims.figures.panel_bins import panel_names, value_axis
from ims.figures.panel_grid import AxisOfBins, Grid, Part, panel_part, usual_axis, usual_grid
from ims.figures.text_chart import ROWS_A_TICK, check_size, fitted, joined, key_lines
from ims.figures.text_plot import framed, plot_rows

MOST_BINS = 600
PIXELS_A_TICK, COLUMNS_A_TICK = 48, 10


def delay_part(
    table: pa.Table,
    *,
    panels: Sequence[tuple[str, str]],
    value_title: str,
    delay_title: str,
    band_title: str = "",
    grid: Grid | None = None,
    prefix: str = "delay",
) -> Part:
    """A part of a picture: `panels`, each the name in the table and what stands above it, with one pair of axes.

    The table: `delay` float, seconds; `panel` string; `value`, `low`, `high` float, which hold from this delay on.
    `prefix`: of the datasets' names, different in each part. Raises ValueError where there is no panel, or a name
    stands twice.
    """
    bins = delay_bins(table, panel_names(panels), MOST_BINS)
    grid = grid or usual_grid(len(panels))
    unmarked = ShownMarks([], bins, grid.size)
    ticks = [(cell / 1000, label) for cell, label in delay_ticks(bins, grid.width // PIXELS_A_TICK)]
    return panel_part(
        bins, panels, AxisOfBins(ticks, delay_title), usual_axis(bins, False, grid),
        {name: unmarked for name, _ in panels}, grid=grid, value_title=value_title, band_title=band_title,
        curve_title="", mark_title="", prefix=prefix,
    )  # fmt: skip


def delay_text_panels(
    table: pa.Table,
    panels: Sequence[tuple[str, str]],
    *,
    width: int,
    height: int,
    value_title: str,
    delay_title: str,
    band_title: str = "",
    unicode: bool = True,
) -> str:
    """The same as text: panels below each other in `width` columns (24 or more), each of `height` rows (4 or more).
    Raises ValueError for a picture that is too small, and as `delay_part` does."""
    names = panel_names(panels)
    check_size(width, height)
    bins = delay_bins(table, names, 2 * (width - 2))
    axis = value_axis(bins, False, max(2, height // ROWS_A_TICK))
    ticks = [(round(cell), label) for cell, label in delay_ticks(bins, width // COLUMNS_A_TICK)]
    lines = [fitted(value_title, width, unicode)] if value_title else []
    for name, above in panels:
        plot = plot_rows(bins, name, axis, ticks, (width, height), unicode, [])
        lines += [fitted(above, width, unicode), *framed(plot, unicode)]
    key = key_lines(bins, axis, band_title, "", "", unicode)
    return joined([*lines, *(fitted(line, width, unicode) for line in filter(None, [delay_title, *key]))])
