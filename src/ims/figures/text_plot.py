"""A panel as text: frame, ticks, gaps, band, line, curve and rules, in braille or in ASCII, without colours."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import numpy as np

from ims.figures.curve import curve_lines
from ims.figures.marks import Mark
from ims.figures.panel_bins import PanelBins
from ims.figures.ticks import ValueAxis, value_label

NOT_WATCHED = "/"
MARKERS = {True: ("braille", "░", "⣀"), False: ("*", ":", "*")}
"""With and without Unicode: plotext's marker of the line, the band's character, and the line's in the key."""
CURVE, RULE = {True: "•", False: "o"}, {True: "┊", False: "|"}
COLUMNS_A_DOT = 3
"""A curve is dots so far apart: between them, the line that it follows is seen."""
_ASCII = str.maketrans("┌┐└┘├┤┬┴┼─│", "+++++++++-|")
_LOCK = threading.Lock()
Ticks = Sequence[tuple[int, str]]
"""Times in microseconds, and their labels."""


def plot_rows(
    bins: PanelBins,
    name: str,
    axis: ValueAxis,
    ticks: Ticks,
    size: tuple[int, int],
    unicode: bool,
    marks: Sequence[Mark],
) -> list[str]:
    """A panel of `size`: its columns, and the rows inside of its frame, which is drawn in Unicode. plotext's own figure
    stands in its module: here each panel has one of its own; the lock is for its compiled part, which says nothing of
    threads.

    plotext gets positions from 0 to 1: beside ticks that are given, it takes no logarithm of limits; and its compiled
    part ends the process for a point that is NaN or far outside of the limits (6.1.0).
    """
    import plotext

    width, height = size
    with _LOCK:
        terminal = type(plotext.terminal)()
        terminal.limit(False, False)
        figure = type(plotext.figure)(parent=terminal)
        figure.plot_size(width, height + 3)
        figure.theme("colorless")
        values = [value for value in axis.ticks if axis.low <= value <= axis.high]
        figure.ruler("y").lim(0, 1)
        figure.ruler("y").ticks([axis.position(value) for value in values], [value_label(value) for value in values])
        figure.ruler("x").lim(0, _end(bins))
        places = [(time_us - bins.since_us) / bins.bin_us for time_us, _ in ticks]
        figure.ruler("x").ticks(places, [label for _, label in ticks])
        for x, y, marker, breaks in _signals(bins, name, axis, width, unicode, marks):
            signal = figure.signal(x, y, marker=marker).lines()
            for number in breaks:
                signal.line(number, False)
            figure.draw(signal)
        drawn: str = figure.build().string(True)
    return drawn.rstrip("\n").split("\n")


def framed(rows: Sequence[str], unicode: bool) -> list[str]:
    """Rows with the characters of their frame, in ASCII where there is no Unicode."""
    return list(rows) if unicode else [row.translate(_ASCII) for row in rows]


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
