"""Values over the hours of a day as text for a terminal: panels beside each other where there is room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import pyarrow as pa

from ims.figures.day_bins import Peak, day_axis, day_bins, day_marks, hour_ticks
from ims.figures.panel_bins import panel_names
from ims.figures.text_chart import ROWS_A_TICK, check_size, fitted, joined, key_lines
from ims.figures.text_marks import mark_key, mark_lines
from ims.figures.text_plot import framed, plot_rows
from ims.settings.durations import HOUR_US

COLUMNS_A_TICK, COLUMNS_A_PANEL, BETWEEN = 9, 38, 2


def day_text_panels(
    table: pa.Table,
    panels: Sequence[tuple[str, str]],
    *,
    width: int,
    height: int,
    value_title: str,
    bin_us: int = HOUR_US,
    band_title: str = "",
    curve_title: str = "",
    peaks: Mapping[str, Peak] | None = None,
    peak_title: str = "",
    hour_title: str = "hour of the day (UTC)",
    unicode: bool = True,
) -> str:
    """Panels in `width` columns (24 or more), each with `height` rows (4 or more) in its frame. All else is as
    `day_part` takes it. Below a panel with a peak, a pointer and a line for its interval.

    Raises ValueError for a picture that is too small, and as `day_part` does.
    """
    names = panel_names(panels)
    check_size(width, height)
    columns = min(len(panels), max(1, (width + BETWEEN) // (COLUMNS_A_PANEL + BETWEEN)))
    each = (width - BETWEEN * (columns - 1)) // columns
    bins = day_bins(table, names, bin_us, 2 * (each - 2))
    axis = day_axis(bins, max(2, height // ROWS_A_TICK))
    marks = day_marks(bins, peaks or {})
    blocks = []
    for name, above in panels:
        plot = plot_rows(bins, name, axis, hour_ticks(each // COLUMNS_A_TICK), (each, height), unicode, marks[name])
        pointers = mark_lines(plot, bins, marks[name], lambda text, room: fitted(text, room, unicode), unicode)
        blocks.append([fitted(above, each, unicode), *framed(plot, unicode), *pointers])
    lines = [fitted(value_title, width, unicode)] if value_title else []
    for number in range(0, len(blocks), columns):
        lines += _beside(blocks[number : number + columns], each)
    marked = mark_key(bins, [mark for found in marks.values() for mark in found], peak_title, unicode)
    key = key_lines(bins, axis, band_title, curve_title, marked, unicode)
    return joined([*lines, *(fitted(line, width, unicode) for line in filter(None, [hour_title, *key]))])


def _beside(blocks: Sequence[Sequence[str]], width: int) -> list[str]:
    """Blocks of lines beside each other, each so wide."""
    from rich.cells import set_cell_size

    return [
        (" " * BETWEEN).join(set_cell_size(line, width) for line in row) for row in zip_longest(*blocks, fillvalue="")
    ]
