#!/usr/bin/env bash
# plotext 6.1.0 on an axis with scale("log"): where ticks(...) are given, the values and the ticks get their logarithm, but the axis's limits don't,
# neither those of lim(...) nor those taken from the data. The values 1, 10, 100, 1000 with ticks at the same become 0, 1, 2, 3 on an axis that still
# goes from 1 to 1000: all four fall into one row, labelled "1000", without an error. Without ticks(...) they are a straight line. Logarithms as
# limits, lim(0, 3), make the line straight beside ticks(...) too, if the other axis has limits: else two of the four points are missing, as that
# axis then spans only the points whose value itself lies between 0 and 3. A linear axis with logarithms and labels of one's own is in order.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check plotext==6.1.0
env/bin/python - <<'PY'
import math
import sys

import plotext

VALUES = [1, 10, 100, 1000]
LEVELS = [math.log10(value) for value in VALUES]
changed = False


def drawn(values, scale, ticks=None, limits=None, across=None):
    """The picture of four points, one a column: ten rows in a frame."""
    figure = type(plotext.figure)(parent=type(plotext.terminal)())
    figure.plot_size(30, 12)
    figure.theme("colorless")
    figure.ruler("x").ticks([])
    if across:
        figure.ruler("x").lim(*across)
    ruler = figure.ruler("y")
    ruler.scale(scale)
    if limits:
        ruler.lim(*limits)
    if ticks:
        ruler.ticks(ticks, [str(value) for value in VALUES])
    figure.draw(figure.signal([1, 2, 3, 4], values, marker="*"))
    return figure.build().string(True)


def seen(what, picture, then, labels=None):
    """Rows that hold points, from the top, as {row: number of points}, and rows that hold labels."""
    global changed
    rows = [line for line in picture.split("\n") if line.rstrip()[-1:] in ("│", "┤")]
    points = {row: line.count("*") for row, line in enumerate(rows) if "*" in line}
    names = {row: line.split("┤")[0].strip() for row, line in enumerate(rows) if "┤" in line}
    same = len(rows) == 10 and points == then and labels in (None, names)
    changed |= not same
    print(f"{'seen' if same else 'changed'}: {what}: points {points}" + (f", labels {names}" if labels else ""))
    if not same:
        print(f"was: {then}, {labels}")
    print(picture)


print("plotext", plotext.__version__)
STRAIGHT, SQUASHED = dict.fromkeys((0, 3, 6, 9), 1), {9: 4}
IN_ORDER, ONE = {0: "1000", 3: "100", 6: "10", 9: "1"}, {9: "1000"}
seen("log", drawn(VALUES, "log"), STRAIGHT)
seen("log, limits", drawn(VALUES, "log", limits=(1, 1000)), STRAIGHT)
seen("log, ticks", drawn(VALUES, "log", VALUES), SQUASHED, ONE)
seen("log, ticks, limits", drawn(VALUES, "log", VALUES, (1, 1000)), SQUASHED, ONE)
seen("log, ticks, logarithms for limits", drawn(VALUES, "log", VALUES, (0, 3)), {6: 1, 9: 1}, IN_ORDER)
seen("log, ticks, logarithms for limits, limits across", drawn(VALUES, "log", VALUES, (0, 3), (1, 4)), STRAIGHT, IN_ORDER)
seen("linear, ticks, limits, logarithms for values", drawn(LEVELS, "linear", LEVELS, (0, 3)), STRAIGHT, IN_ORDER)
sys.exit(changed)
PY
