"""Marks below panels in text: a row that points at their columns, and rows with their texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ims.figures.marks import Flag, Mark, flags
from ims.figures.panel_bins import PanelBins

POINTER = "^"
INTERVAL, POLE = {True: "─", False: "-"}, {True: "│", False: "|"}


def mark_lines(
    plot: Sequence[str], bins: PanelBins, marks: Sequence[Mark], fitted: Callable[[str, int], str], unicode: bool
) -> list[str]:
    """Lines to stand below `plot`, the rows of the last panel, whose frame says where its columns are; none without
    marks. `fitted` makes a text printable and cuts it to a number of columns."""
    from rich.cells import cell_len, set_cell_size

    if not marks:
        return []
    left, right = _frame(plot)
    room = right - left

    def column(time_us: int) -> int:
        return int((time_us - bins.since_us) / bins.span_us * (room - 1) + 0.5)

    pointers = [" "] * room
    for low, high in _intervals(bins, marks):
        pointers[column(low) : column(high) + 1] = INTERVAL[unicode] * (column(high) + 1 - column(low))
    for mark in marks:
        pointers[column(mark.time_us)] = POINTER
    texts = [(column(mark.time_us), fitted(mark.text, room // 2)) for mark in marks]
    placed = flags(texts, room, cell_len, gap=1, beside=0)
    rows = ["".join(pointers)]
    for row in range(1 + max((flag.row for flag in placed), default=-1)):
        line = ""
        for begin, text in sorted(_pieces(placed, row, unicode)):
            line = set_cell_size(line, begin) + text
        rows.append(line)
    return [" " * left + row for row in rows]


def mark_key(bins: PanelBins, marks: Sequence[Mark], title: str, unicode: bool) -> str:
    """What pointers and their intervals are; empty where there are none, or no title."""
    if not marks or not title:
        return ""
    return f"{POINTER} {title}" + (f", {INTERVAL[unicode]} its interval" if _intervals(bins, marks) else "")


def _pieces(placed: Sequence[Flag], row: int, unicode: bool) -> list[tuple[int, str]]:
    """Texts of a row, and poles that pass it."""
    poles = [(flag.x, POLE[unicode]) for flag in placed if flag.row > row]
    return poles + [(int(flag.begin), flag.text) for flag in placed if flag.row == row]


def _frame(plot: Sequence[str]) -> tuple[int, int]:
    """The first column inside of the frame, and the one after the last."""
    top = next(row for row in plot if "┌" in row)
    return top.index("┌") + 1, top.index("┐")


def _intervals(bins: PanelBins, marks: Sequence[Mark]) -> list[tuple[int, int]]:
    return [part for mark in marks for part in mark.intervals(bins.since_us, bins.until_us)]
