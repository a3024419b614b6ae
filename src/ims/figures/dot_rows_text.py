"""Rows of dots with intervals as text: a panel below the other, a line for each row."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from ims.figures.dot_rows import DotPanel, Placed, placed
from ims.figures.ticks import ValueAxis, value_label
from ims.text import printable

MARKS = {True: ("●", "○", "─", "┊"), False: ("*", "o", "-", "|")}
"""With and without Unicode: a dot, a zero, an interval, and the rule of the marked value."""
LEAST, MOST_LABEL = 10, 24
"""Columns of a panel, and of labels at most."""


def dot_rows_text(
    labels: Sequence[str], panels: Sequence[DotPanel], *, width: int, interval: str, marked: str, unicode: bool
) -> str:
    """The panels in at most `width` columns (of 24 or more)."""
    _, zero, bar, rule = MARKS[unicode]
    names = [printable(label) for label in labels]
    room = min(max(map(cell_len, names), default=0), MOST_LABEL, max(width - LEAST - 2, 1))
    columns = max(width - room - 2, LEAST)
    lines = []
    for panel in panels:
        by_row = {each.row: each for each in placed(panel)}
        place = None if panel.marked is None else _column(panel.axis.position(panel.marked), columns)
        lines.append(set_cell_size(panel.title, min(cell_len(panel.title), width)))
        for row, name in enumerate(names):
            drawn = _drawn(by_row.get(row), columns, place, unicode)
            lines.append(f"{set_cell_size(name, room)}  {drawn}".rstrip())
        lines += [f"{' ' * room}  {_ticks(panel.axis, columns)}".rstrip(), f"{' ' * room}  {panel.value_title}", ""]
    key = [f"{bar} {interval}"]
    if marked and any(panel.marked is not None for panel in panels):
        key.append(f"{rule} {marked}")
    if any(panel.has_zeros for panel in panels):
        key.append(f"{zero} 0, at the left edge")
    return "\n".join([*lines, "   ".join(key)])


def _column(at: float, columns: int) -> int:
    return min(max(round(at * (columns - 1)), 0), columns - 1)


def _drawn(found: Placed | None, columns: int, place: int | None, unicode: bool) -> str:
    dot, zero, bar, rule = MARKS[unicode]
    cells = [" "] * columns
    if place is not None:
        cells[place] = rule
    if found is not None:
        begin, end = (_column(at, columns) for at in (found.begin, found.end))
        cells[begin : end + 1] = [bar] * (end + 1 - begin)
        cells[_column(found.at, columns)] = zero if found.is_zero else dot
    return "".join(cells)


def _ticks(axis: ValueAxis, columns: int) -> str:
    """Labels of the axis, each in the middle below its place where there is room."""
    line = [" "] * columns
    free = 0
    for value in axis.ticks:
        label = value_label(value)
        begin = min(max(_column(axis.position(value), columns) - len(label) // 2, 0), columns - len(label))
        if begin >= free:
            line[begin : begin + len(label)] = label
            free = begin + len(label) + 1
    return "".join(line)
