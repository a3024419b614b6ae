"""Texts of marks: none covers another one or is crossed by its pole, and what has no room is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ims.figures.marks import MOST_ROWS, Flag, Mark, flags, marks_within


def placed(*texts: tuple[int, str], room: int = 40) -> list[Flag]:
    return flags(texts, room, len, gap=1, beside=0)


def places(*texts: tuple[int, str], room: int = 40) -> dict[str, tuple[float, int]]:
    return {flag.text: (flag.begin, flag.row) for flag in placed(*texts, room=room)}


def test_marks_outside_of_the_range_are_none_and_the_others_are_in_order() -> None:
    marks = [Mark(9, "d"), Mark(20, "e"), Mark(4, "a"), Mark(5, "b"), Mark(21, "f")]
    assert [mark.text for mark in marks_within(marks, 5, 20)] == ["b", "d", "e"]


def test_an_interval_is_cut_to_the_range_and_an_end_that_is_not_known_has_no_bound() -> None:
    assert Mark(5, "a").interval(0, 10) is None
    assert Mark(5, "a", 3, 7).interval(0, 10) == (3, 7)
    assert Mark(5, "a", -3, 70).interval(0, 10) == (0, 10)
    assert Mark(5, "a", None, 7).interval(0, 10) == (0, 7)
    assert Mark(5, "a", 3).interval(0, 10) == (3, 10)
    assert Mark(5, "a", 30, 40).interval(0, 10) is None


def test_an_interval_that_repeats_has_a_part_at_each_end_of_the_period() -> None:
    assert Mark(23, "a", 20, 26, 24).intervals(0, 24) == [(0, 2), (20, 24)]
    assert Mark(1, "a", -3, 2, 24).intervals(0, 24) == [(0, 2), (21, 24)]
    assert Mark(5, "a", 4, 6, 24).intervals(0, 24) == [(4, 6)]
    assert Mark(5, "a", -10, 14, 24).intervals(0, 24) == Mark(5, "a", -60, 80, 24).intervals(0, 24) == [(0, 24)]
    assert Mark(5, "a", 4, 6).intervals(0, 24) == [(4, 6)]
    assert Mark(5, "a", 4, None, 24).intervals(0, 24) == [(4, 24)]
    assert Mark(5, "a", None, None, 24).intervals(0, 24) == []


def test_texts_with_room_stand_in_one_row() -> None:
    assert places((3, "growth"), (15, "decay"), (30, "rest")) == {"growth": (3, 0), "decay": (15, 0), "rest": (30, 0)}


def test_of_close_marks_the_earlier_ones_texts_stand_further_from_the_panel() -> None:
    assert places((3, "growth"), (4, "decay"), (6, "rest")) == {"growth": (3, 2), "decay": (4, 1), "rest": (6, 0)}


def test_at_the_right_edge_texts_stand_left_of_their_poles() -> None:
    assert places((35, "growth"), (39, "decay")) == {"growth": (30, 0), "decay": (35, 1)}


def test_marks_at_one_place_share_a_text() -> None:
    assert places((3, "growth"), (3, "decay"), (3, "rest")) == {"growth, decay, rest": (3, 0)}


def test_what_has_no_room_is_left_out() -> None:
    assert list(places(*((number, "text") for number in range(10, 15)))) == ["text"]
    assert len(placed(*((number, f"text{number}") for number in range(10, 15)))) == MOST_ROWS
    assert placed((3, "t" * 50), (5, "")) == []


@given(st.lists(st.tuples(st.integers(0, 59), st.text("abc", max_size=14)), max_size=8))
def test_no_text_covers_another_one_or_is_crossed_by_a_pole(texts: list[tuple[int, str]]) -> None:
    cells: dict[tuple[int, int], str] = {}
    for flag in placed(*texts, room=60):
        assert 0 <= flag.begin <= flag.x < 60 and flag.begin + len(flag.text) <= 60
        own = [(flag.row, int(flag.begin) + number) for number in range(len(flag.text))]
        for cell in [*own, *((row, flag.x) for row in range(flag.row))]:
            assert cell not in cells, (cells[cell], flag.text)
            cells[cell] = flag.text
