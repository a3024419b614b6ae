"""A table on a terminal that is too narrow for it: each row takes as many lines as it needs, and no cell is cut.

Columns keep their order. Those that fit beside each other stand on the first line, the next ones below them, a little
to the right, and so on; the names above them stand the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

GAP = "  "
INDENT = "    "


def bands(widths: Sequence[int], room: int) -> list[range]:
    """Which columns stand on which line, for columns of these widths: at least one on each."""
    found, begin, used = [], 0, 0
    for at, width in enumerate(widths):
        needed = width if at == begin else used + len(GAP) + width
        if at > begin and needed > room:
            found.append(range(begin, at))
            begin, needed = at, len(INDENT) + width
        used = needed
    return [*found, range(begin, len(widths))]


def narrow_lines(names: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], room: int) -> list[str]:
    """The lines of a table for a terminal of `room` columns. `right`: which columns are aligned so. A cell that is
    wider than the terminal by itself is left to it."""
    widths = [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    lines = bands(widths, room)
    rule = "─" * min(room, max(sum(widths[at] + len(GAP) for at in band) for band in lines))

    def written(cells: Sequence[str]) -> list[str]:
        found = []
        for number, band in enumerate(lines):
            padded = [_padded(cells[at], widths[at], right[at]) for at in band]
            found.append(((INDENT if number else "") + GAP.join(padded)).rstrip())
        return found

    return [*written(names), rule, *(line for row in rows for line in written(row))]


def _padded(cell: str, width: int, right: bool) -> str:
    blank = " " * (width - cell_len(cell))
    return blank + cell if right else cell + blank
