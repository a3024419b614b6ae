"""A ladder as text for a terminal: lifelines, an arrow for each packet, and a column beside it."""

from __future__ import annotations

from collections.abc import Sequence

from ims.figures.ladder import Arrow, rungs_of
from ims.figures.text_chart import fitted, joined

LEAST_WIDTH, ROOMY = 40, 72
"""Columns: of a whole line, and of one that has room for the names of ends."""
TIMES = 12
ENDS = 17
"""Columns of a time; of the name of an end, where there are several."""
MOST_ACROSS = 64
"""Of an arrow: longer ones are hard to follow."""


def text_ladder(
    arrows: Sequence[Arrow], names: tuple[str, str], beside: tuple[str, Sequence[str]], width: int, unicode: bool
) -> str:
    """The arrows, none of its lines wider than `width` columns (40 or more). `beside`: the title of a last column, and
    its text for each arrow. Raises ValueError for a picture that is too small or empty."""
    if width < LEAST_WIDTH or not arrows:
        raise ValueError(f"{width} columns, {len(arrows)} arrows; expected at least {LEAST_WIDTH} columns and an arrow")
    several = len({arrow.end for arrow in arrows}) > 1 and width >= ROOMY
    from rich.cells import cell_len

    last = max(len(text) for text in (beside[0], *beside[1]))
    across = min(width - TIMES - last - 4 - (ENDS if several else 0), MOST_ACROSS)
    upright = "│" if unicode else "|"
    left, right = (fitted(name, across // 2 - 1, unicode) for name in names)
    between = " " * (across + 2 - cell_len(left) - cell_len(right))
    head = f"{'':{TIMES}} {left}{between}{right}{'':{ENDS if several else 0}} {beside[0]}"
    lines, time, end = [head], "", ""
    for rung in rungs_of([arrow.time_us for arrow in arrows]):
        if rung.is_pause:
            lines.append(f"{'':{TIMES}} {('… ' if unicode else '... ') + rung.text:^{across + 2}}")
            continue
        arrow = arrows[rung.place]
        named = fitted(arrow.end, ENDS - 1, unicode) if several and arrow.end != end else ""
        end = arrow.end
        shaft = _shaft(arrow, across, unicode)
        said = f" {named}{' ' * (ENDS - 1 - cell_len(named))}" if several else ""
        text = rung.text if rung.text != time else ""
        time = rung.text
        lines.append(f"{text:>{TIMES}} {upright}{shaft}{upright}{said} {beside[1][rung.place]}")
    return joined(lines)


def _shaft(arrow: Arrow, across: int, unicode: bool) -> str:
    """A line with its label in the middle, and a head."""
    stroke, gap = ("─", "╌") if unicode else ("-", ".")
    line = stroke if arrow.is_sure else gap
    fitting = fitted(arrow.label, across - 6, unicode)
    label = f" {fitting} " if fitting else ""
    shaft = _centred(label, across - 1, line)
    if arrow.is_back:
        return ("◀" if unicode else "<") + shaft
    return shaft + ("▶" if unicode else ">")


def _centred(label: str, across: int, line: str) -> str:
    from rich.cells import cell_len

    room = across - cell_len(label)
    before = room // 2
    return line * before + label + line * (room - before)
