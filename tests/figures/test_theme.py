"""Headings fit the picture and hold nothing that controls anything; colours differ in grey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.figures.theme import (
    BAND,
    BOLD,
    CURVE,
    HATCH,
    INTERVAL,
    LINE,
    MOST_LINES,
    TITLE_SIZE,
    Heading,
    text_width,
    wrapped,
)

ROOM = 640


def grey(colour: str) -> float:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def test_the_line_the_hatch_and_the_band_differ_in_grey() -> None:
    assert grey(LINE) < 0.25 < 0.45 < grey(HATCH) < 0.65 < 0.7 < grey(BAND) < 0.85
    assert grey(CURVE) < 0.25
    assert grey(BAND) + 0.1 < grey(INTERVAL) < 0.93


@given(st.text(max_size=300), st.floats(30, 700), st.integers(1, 4))
def test_no_line_is_wider_than_its_room_and_all_are_printable(text: str, room: float, most: int) -> None:
    lines = wrapped(text, room, 12, most)
    assert len(lines) <= most
    assert all(line.isprintable() and text_width(line, 12) <= room for line in lines)


def test_a_text_that_has_room_is_whole_and_a_longer_one_ends_with_an_ellipsis() -> None:
    assert wrapped("a b  c", 100, 12, 1) == ["a b c"]
    assert wrapped("", 100, 12, 3) == []
    words = " ".join(f"word{number}" for number in range(40))
    lines = wrapped(words, 200, 12, 100)
    assert " ".join(lines) == words
    assert wrapped(words, 200, 12, 2) == [lines[0], wrapped(words, 200, 12, 2)[1]]
    assert wrapped(words, 200, 12, 2)[1].endswith("…")
    assert "".join(wrapped("x" * 100, 200, 12, 100)) == "x" * 100


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\u202eb", "a\nb", "a\u2028b", "a\ud800b"])
def test_what_controls_a_terminal_or_hides_text_is_escaped(text: str) -> None:
    shown = Heading(text, (text,)).shown(ROOM)
    [title], [line] = shown["text"], shown["subtitle"]
    assert title == line
    assert title.isprintable()
    assert title.startswith("a")
    assert title.endswith("b")


def test_a_heading_has_a_title_and_so_many_lines_at_most() -> None:
    heading = Heading("t" * 999, tuple(f"line {number}" for number in range(30))).with_lines("last")
    shown = heading.shown(ROOM)
    assert len(shown["text"]) == 2
    assert all(text_width(line, TITLE_SIZE) * BOLD <= ROOM for line in shown["text"])
    assert len(shown["subtitle"]) == MOST_LINES
    assert shown["subtitle"][-1] == "…"
    assert Heading("").shown(ROOM) == {"text": [" "], "subtitle": []}
    assert Heading("a", ("b",)).with_lines("c").lines == ("b", "c")
