"""Marks below panels in text: pointers at their columns, texts that don't cover each other, intervals."""

from __future__ import annotations

from ims.figures.marks import Mark
from ims.figures.panel_bins import panel_bins
from ims.figures.text_marks import mark_key, mark_lines

from .tables import BIN_US, MARCH_US, table

PLOT = ["  ┌──────────────────────┐", "  │                      │", "  └──────────────────────┘"]
BINS = panel_bins(table({"a": [1.0] * 21}), ["a"], BIN_US, 100)
"""22 columns for 21 bins: column n is where bin n begins."""


def mark(at: int, text: str, low: int | None = None, high: int | None = None) -> Mark:
    return Mark(
        *(MARCH_US + at * BIN_US, text), *(None if end is None else MARCH_US + end * BIN_US for end in (low, high))
    )


def lines(*marks: Mark, unicode: bool = True) -> list[str]:
    return mark_lines(PLOT, BINS, marks, lambda text, room: text[:room], unicode)


def test_a_pointer_stands_at_its_column_and_the_text_below_it() -> None:
    assert lines(mark(0, "a"), mark(4, "growth"), mark(21, "z")) == [
        "   ^   ^                ^",
        "   a   growth           z",
    ]


def test_close_marks_have_texts_in_several_rows_with_poles_to_them() -> None:
    made = [mark(3, "growth"), mark(4, "decay"), mark(6, "rest")]
    assert [line.rstrip() for line in lines(*made)] == ["      ^^ ^", "      ││ rest", "      │decay", "      growth"]
    assert [line.rstrip() for line in lines(*made, unicode=False)][1:] == [
        "      || rest",
        "      |decay",
        "      growth",
    ]


def test_an_interval_is_a_line_around_its_pointer() -> None:
    assert lines(mark(5, "decay", 3, 8))[0].rstrip() == "      ──^───"
    assert lines(mark(5, "decay", 3, 8), unicode=False)[0].rstrip() == "      --^---"
    assert lines(mark(5, "decay", None, 8))[0].rstrip() == "   ─────^───"


def test_the_key_says_what_they_are() -> None:
    assert mark_key(BINS, [mark(5, "a")], "a phase", True) == "^ a phase"
    assert mark_key(BINS, [mark(5, "a", 3, 8)], "a phase", False) == "^ a phase, - its interval"
    assert mark_key(BINS, [], "a phase", True) == mark_key(BINS, [mark(5, "a")], "", True) == ""


def test_without_marks_there_are_no_lines() -> None:
    assert lines() == []
