"""A table that is too wide for its terminal: each row takes as many lines as it needs, and no cell is cut.

Columns keep their order: as many as fit on the first line, the next ones indented below, and so on; likewise the names.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

GAP = "  "
INDENT = "    "


def bands(widths: Sequence[int], room: int) -> list[range]:
    """The columns of each line, for columns of these widths: at least one."""
    found, begin, used = [], 0, 0
    for at, width in enumerate(widths):
        needed = width if at == begin else used + len(GAP) + width
        if at > begin and needed > room:
            found.append(range(begin, at))
            begin, needed = at, len(INDENT) + width
        used = needed
    return [*found, range(begin, len(widths))]


def narrow_lines(
    names: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], room: int, rule: str = "─"
) -> list[str]:
    """The lines of a table for a terminal of `room` columns. `right`: which columns are right-aligned; `rule`: what
    the line below the names is drawn with. A single cell that is wider than the terminal stays so."""
    widths = [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    lines = bands(widths, room)
    line_below = rule * min(room, max(sum(widths[at] + len(GAP) for at in band) for band in lines))

    def padded(cell: str, at: int) -> str:
        blank = " " * (widths[at] - cell_len(cell))
        return blank + cell if right[at] else cell + blank

    def written(cells: Sequence[str]) -> list[str]:
        joined = [GAP.join(padded(cells[at], at) for at in band) for band in lines]
        return [(INDENT * (number > 0) + line).rstrip() for number, line in enumerate(joined)]

    return [*written(names), line_below, *(line for row in rows for line in written(row))]
