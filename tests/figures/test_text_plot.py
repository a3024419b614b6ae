"""One panel as text: its size, its ticks, and a frame that is ASCII where it has to be."""

from __future__ import annotations

import pytest

from ims.figures.marks import Mark
from ims.figures.panel_bins import panel_bins, value_axis
from ims.figures.text_plot import framed, plot_rows

from .tables import BIN_US, MARCH_US, table

BINS = panel_bins(table({"a": [1.0] * 30 + [None] * 10 + [9.0] * 20}), ["a"], BIN_US, 100)
TICKS = [(MARCH_US, "begin"), (MARCH_US + 30 * BIN_US, "middle")]


def rows(width: int = 60, height: int = 8, unicode: bool = True, *marks: Mark) -> list[str]:
    return plot_rows(BINS, "a", value_axis(BINS, False, 3), TICKS, (width, height), unicode, marks)


@pytest.mark.parametrize(("width", "height"), [(24, 4), (60, 8), (120, 20)])
def test_it_has_as_many_columns_and_rows_as_asked(width: int, height: int) -> None:
    found = rows(width, height)
    assert max(map(len, found)) <= width
    assert sum(row.rstrip().endswith("│") for row in found) == height


def test_ticks_stand_below_their_moments() -> None:
    top, labels = rows()[0], rows()[-1]
    left = top.index("┌") + 1
    assert labels.index("begin") == left
    assert abs(labels.index("middle") + 3 - (left + (len(top.rstrip()) - left) / 2)) <= 3


def test_a_mark_is_a_rule_from_the_top_to_the_bottom() -> None:
    marked = rows(60, 8, True, Mark(MARCH_US + 35 * BIN_US, "phase"))
    assert sum("┊" in row for row in marked) == 8


def test_without_unicode_all_is_ascii_once_it_is_framed() -> None:
    found = rows(60, 8, False)
    assert framed(found, True) == found
    assert "".join(framed(found, False)).isascii()
    assert list(map(len, framed(found, False))) == list(map(len, found))
