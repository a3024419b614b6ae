"""Values over time as text for a terminal: the same panels below each other, with a key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ims.figures.curve import has_curve
from ims.figures.marks import Mark, marks_within
from ims.figures.panel_bins import GAP, PanelBins, band_note, edge_note, panel_bins, panel_names, value_axis
from ims.figures.text_marks import mark_key, mark_lines
from ims.figures.text_plot import CURVE, MARKERS, NOT_WATCHED, Ticks, framed, plot_rows
from ims.figures.ticks import TimeTick, ValueAxis, time_ticks
from ims.text import one_line

LEAST_WIDTH, LEAST_HEIGHT = 24, 4
COLUMNS_A_TICK, ROWS_A_TICK = 14, 3


def text_panels(
    table: pa.Table,
    panels: Sequence[tuple[str, str]],
    *,
    width: int,
    height: int,
    value_title: str,
    band_title: str,
    log: bool,
    bin_us: int,
    unicode: bool = True,
    curve_title: str = "",
    marks: Sequence[Mark] = (),
    mark_title: str = "",
    key: bool = True,
    gap_title: str = GAP,
) -> str:
    """Panels below each other, none wider than `width` columns (24 or more), each with `height` rows (4 or more) in its
    frame. Table, panels, curve, marks and what gaps are: as `time_panels` takes them. Without `unicode` all is ASCII;
    without `key`, which other panels below may have, neither the range nor what each character is stands below.

    Raises ValueError for a picture that is too small, and as `time_panels` does.
    """
    names = panel_names(panels)
    check_size(width, height)
    bins = panel_bins(table, names, bin_us, 2 * (width - 2))  # a braille character has two columns of dots
    axis = value_axis(bins, log, max(2, height // ROWS_A_TICK))
    marks = marks_within(marks, bins.since_us, bins.until_us) if bins.count else []
    ticks = _time_ticks(bins, width)
    lines = [fitted(value_title, width, unicode)] if value_title else []
    for name, above in panels:
        plot = plot_rows(bins, name, axis, ticks, (width, height), unicode, marks)
        lines += [fitted(above, width, unicode), *framed(plot, unicode)]
    lines += mark_lines(plot, bins, marks, lambda text, room: fitted(text, room, unicode), unicode)
    if not key:
        return joined(lines)
    since, until = (f"{np.datetime64(us, 'us').astype('datetime64[s]')}Z" for us in (bins.since_us, bins.until_us))
    spans = f"{since} to {until}" if bins.count else ""
    marked = mark_key(bins, marks, mark_title, unicode)
    keys = key_lines(bins, axis, band_title, curve_title, marked, unicode, gap_title)
    lines += [fitted(line, width, unicode) for line in filter(None, [spans, *keys])]
    return joined(lines)


def check_size(width: int, height: int) -> None:
    """Raises ValueError for panels that are too small."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        raise ValueError(f"{width} columns, {height} rows; expected at least {LEAST_WIDTH} and {LEAST_HEIGHT}")


def key_lines(
    bins: PanelBins,
    axis: ValueAxis,
    band_title: str,
    curve_title: str,
    marked: str,
    unicode: bool,
    gap_title: str = GAP,
) -> list[str]:
    """What each character is, and what else must be known. `marked`: the same of marks."""
    _, band, line = MARKERS[unicode]
    note = band_note(bins, band_title)
    characters = ", ".join(
        filter(None, [f"{line} value", f"{band} band" if note else "", f"{NOT_WATCHED} {gap_title}"])
    )
    fits = f"{CURVE[unicode]} {curve_title}" if curve_title and has_curve(bins) else ""
    return [line for line in (characters, ", ".join(filter(None, [fits, marked])), note, edge_note(bins, axis)) if line]


def fitted(text: str, width: int, unicode: bool) -> str:
    """A text as one printable line of at most so many columns; East Asian characters take two each."""
    from rich.cells import cell_len, set_cell_size

    line = one_line(text)
    line = line if unicode else line.encode("ascii", "backslashreplace").decode()
    omitted = "…" if unicode else "..."
    return line if cell_len(line) <= width else set_cell_size(line, width - len(omitted)).rstrip() + omitted


def joined(lines: Sequence[str]) -> str:
    """Lines as one text, without spaces at their ends."""
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _time_ticks(bins: PanelBins, width: int) -> Ticks:
    ticks = time_ticks(bins.since_us, bins.until_us, max(width // COLUMNS_A_TICK, 1)) if bins.count else []
    return [(tick.time_us, _one_line(tick)) for tick in ticks]


def _one_line(tick: TimeTick) -> str:
    if not tick.second:
        return tick.label
    if ":" not in tick.label:
        return f"{tick.label} {tick.second}"
    return " ".join(tick.second.split(" ")[:2]) if tick.label == "00:00" else tick.label  # day and month
