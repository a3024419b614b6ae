"""Values over time as text for a terminal: the same panels, in braille or in ASCII, without colours."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ims.figures.curve import curve_lines, has_curve
from ims.figures.marks import Mark, marks_within
from ims.figures.panel_bins import PanelBins, band_note, edge_note, panel_bins, value_axis
from ims.figures.text_marks import mark_key, mark_lines
from ims.figures.ticks import TimeTick, ValueAxis, time_ticks, value_label
from ims.text import one_line

LEAST_WIDTH, LEAST_HEIGHT = 24, 4
COLUMNS_A_TICK, ROWS_A_TICK = 14, 3
NOT_WATCHED = "/"
MARKERS = {True: ("braille", "░", "⣀"), False: ("*", ":", "*")}
"""With and without Unicode: plotext's marker of the line, the band's character, and the line's in the key."""
CURVE, RULE = {True: "•", False: "o"}, {True: "┊", False: "|"}
COLUMNS_A_DOT = 3
"""A curve is dots so far apart: between them, the line that it follows is seen."""
_ASCII = str.maketrans("┌┐└┘├┤┬┴┼─│", "+++++++++-|")
_LOCK = threading.Lock()


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
) -> str:
    """Panels below each other, none wider than `width` columns (24 or more), each with `height` rows (4 or more) in its
    frame. Table, panels, curve and marks: as `time_panels` takes them. Without `unicode` all is ASCII.

    Raises ValueError for a picture that is too small, and as `time_panels` does.
    """
    names = [name for name, _ in panels]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{len(names)} panels, {len(set(names))} different names; expected at least one, none twice")
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        raise ValueError(f"{width} columns, {height} rows; expected at least {LEAST_WIDTH} and {LEAST_HEIGHT}")
    bins = panel_bins(table, names, bin_us, 2 * (width - 2))  # a braille character has two columns of dots
    axis = value_axis(bins, log, max(2, height // ROWS_A_TICK))
    marks = marks_within(marks, bins.since_us, bins.until_us) if bins.count else []
    lines = [_fitted(value_title, width, unicode)] if value_title else []
    for name, above in panels:
        plot = _plot(bins, name, axis, width, height, unicode, marks)
        lines += [_fitted(above, width, unicode), *(plot if unicode else [row.translate(_ASCII) for row in plot])]
    lines += mark_lines(plot, bins, marks, lambda text, room: _fitted(text, room, unicode), unicode)
    fits = f"{CURVE[unicode]} {curve_title}" if curve_title and has_curve(bins) else ""
    more = ", ".join(filter(None, [fits, mark_key(bins, marks, mark_title, unicode)]))
    lines += [_fitted(line, width, unicode) for line in _key(bins, axis, band_title, unicode, more)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _plot(
    bins: PanelBins, name: str, axis: ValueAxis, width: int, height: int, unicode: bool, marks: Sequence[Mark]
) -> list[str]:
    """The rows of one panel. plotext's own figure stands in its module: here each panel has one of its own; the lock is
    for its compiled part, which says nothing of threads.

    plotext gets positions from 0 to 1: beside ticks that are given, it takes no logarithm of limits; and its compiled
    part ends the process for a point that is NaN or far outside of the limits (6.1.0).
    """
    import plotext

    with _LOCK:
        terminal = type(plotext.terminal)()
        terminal.limit(False, False)
        figure = type(plotext.figure)(parent=terminal)
        figure.plot_size(width, height + 3)
        figure.theme("colorless")
        ticks = [value for value in axis.ticks if axis.low <= value <= axis.high]
        figure.ruler("y").lim(0, 1)
        figure.ruler("y").ticks([axis.position(value) for value in ticks], [value_label(value) for value in ticks])
        figure.ruler("x").lim(0, _end(bins))
        times = _time_ticks(bins, width)
        figure.ruler("x").ticks([position for position, _ in times], [label for _, label in times])
        for x, y, marker, breaks in _signals(bins, name, axis, width, unicode, marks):
            signal = figure.signal(x, y, marker=marker).lines()
            for number in breaks:
                signal.line(number, False)
            figure.draw(signal)
        drawn: str = figure.build().string(True)
    return drawn.rstrip("\n").split("\n")


def _signals(
    bins: PanelBins, name: str, axis: ValueAxis, width: int, unicode: bool, marks: Sequence[Mark]
) -> list[tuple[list[float], list[float], str, list[int]]]:
    """What is drawn, from the back to the front: x, y, marker, and the points before which the line is broken."""
    line, band, _ = MARKERS[unicode]
    panel, found = bins.panels[name], []
    gaps = bins.gaps(name) if bins.count else [(0, 1)]
    a_column = max(bins.count, 1) / width / 2
    uprights = [(x, 0.0, 1.0) for begin, end in gaps for x in _between(begin, min(end, _end(bins)), a_column)]
    found.append((*_uprights(uprights), NOT_WATCHED))
    uprights = [((mark.time_us - bins.since_us) / bins.bin_us, 0.0, 1.0) for mark in marks]
    found.append((*_uprights(uprights), RULE[unicode]))
    has = ~np.isnan(panel.low) & ~np.isnan(panel.high)
    uprights = [
        (x, axis.position(low), axis.position(high))
        for index, low, high in zip(
            panel.index[has].tolist(), panel.low[has].tolist(), panel.high[has].tolist(), strict=True
        )
        for x in _between(index, min(index + 1, _end(bins)), a_column)
    ]
    found.append((*_uprights(uprights), band))
    xs: list[float] = []
    ys: list[float] = []
    breaks = []
    for run in panel.runs():
        breaks.append(len(xs))
        for index, value in zip(panel.index[run].tolist(), panel.value[run].tolist(), strict=True):
            xs += [float(index), min(float(index + 1), _end(bins))]
            ys += [axis.position(value)] * 2
    found.append((xs, ys, breaks, line))
    found.append((*_dots(bins, name, axis, width), CURVE[unicode]))
    return [(x, y, marker, ends) for x, y, ends, marker in found if x]


def _dots(bins: PanelBins, name: str, axis: ValueAxis, width: int) -> tuple[list[float], list[float], list[int]]:
    """A curve's dots, each a point of its own."""
    xs: list[float] = []
    ys: list[float] = []
    step = COLUMNS_A_DOT * _end(bins) / width
    for times, values in curve_lines(bins, name, axis):
        at = (times - bins.since_us) / bins.bin_us
        inside = np.arange(math.ceil(at[0] / step), math.floor(at[-1] / step) + 1) * step
        xs += inside.tolist()
        ys += np.interp(inside, at, [axis.position(value) for value in values.tolist()]).tolist()
    return xs, ys, list(range(len(xs)))


def _end(bins: PanelBins) -> float:
    """Where the range ends, in bins as drawn: the last one may be cut."""
    return bins.span_us / bins.bin_us if bins.count else 1.0


def _between(begin: float, end: float, step: float) -> list[float]:
    """Positions in a span, so close that no column of characters is left out."""
    number = max(1, math.ceil((end - begin) / step))
    return [begin + (end - begin) * (at + 0.5) / number for at in range(number)]


def _uprights(found: list[tuple[float, float, float]]) -> tuple[list[float], list[float], list[int]]:
    xs = [x for x, _, _ in found for _ in range(2)]
    ys = [y for _, low, high in found for y in (low, high)]
    return xs, ys, list(range(0, len(xs), 2))


def _time_ticks(bins: PanelBins, width: int) -> list[tuple[float, str]]:
    ticks = time_ticks(bins.since_us, bins.until_us, max(width // COLUMNS_A_TICK, 1)) if bins.count else []
    return [((tick.time_us - bins.since_us) / bins.bin_us, _one_line(tick)) for tick in ticks]


def _one_line(tick: TimeTick) -> str:
    if not tick.second:
        return tick.label
    if ":" not in tick.label:
        return f"{tick.label} {tick.second}"
    return " ".join(tick.second.split(" ")[:2]) if tick.label == "00:00" else tick.label  # day and month


def _key(bins: PanelBins, axis: ValueAxis, band_title: str, unicode: bool, more: str) -> list[str]:
    _, band, line = MARKERS[unicode]
    since, until = (f"{np.datetime64(us, 'us').astype('datetime64[s]')}Z" for us in (bins.since_us, bins.until_us))
    note = band_note(bins, band_title)
    marks = [f"{line} value", f"{band} band" if note else "", f"{NOT_WATCHED} not watched"]
    spans = f"{since} to {until}" if bins.count else ""
    return [line for line in (spans, ", ".join(filter(None, marks)), more, note, edge_note(bins, axis)) if line]


def _fitted(text: str, width: int, unicode: bool) -> str:
    """A text as one printable line of at most so many columns; East Asian characters take two each."""
    from rich.cells import cell_len, set_cell_size

    line = one_line(text)
    line = line if unicode else line.encode("ascii", "backslashreplace").decode()
    omitted = "…" if unicode else "..."
    return line if cell_len(line) <= width else set_cell_size(line, width - len(omitted)).rstrip() + omitted
