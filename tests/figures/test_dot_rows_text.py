"""Rows of dots as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ims.figures.dot_rows import Dot, DotPanel
from ims.figures.dot_rows_text import dot_rows_text

PANEL = DotPanel("Share", "% of packets", [Dot(10, 1, 100), Dot(0, 0, 5), Dot(None)], 0.5)


def text(width: int = 40, unicode: bool = True, labels: tuple[str, ...] = ("A/24", "B/24", "C/24")) -> list[str]:
    return dot_rows_text(
        labels, [PANEL], width=width, interval="95 % interval", marked="by chance", unicode=unicode
    ).splitlines()


def test_a_row_has_its_name_its_dot_and_its_interval() -> None:
    lines = text()
    assert lines[0] == "Share"
    assert lines[1].startswith("A/24  ") and lines[1].count("●") == 1 and "─" in lines[1]
    assert lines[2][6] == "○" and lines[3].startswith("C/24") and "●" not in lines[3]
    assert {line.index("┊") for line in (lines[1], lines[3])} == {lines[3].index("┊")}
    assert lines[-1] == "─ 95 % interval   ┊ by chance   ○ 0, at the left edge"


def test_without_unicode_it_is_ascii() -> None:
    assert "\n".join(text(unicode=False)).isascii()


@given(st.integers(24, 200))
def test_no_row_is_wider_than_there_is_room(width: int) -> None:
    assert all(cell_len(line) <= width for line in text(width)[:-1])


@pytest.mark.parametrize("name", ["\x1b[31mred", "名前" * 20, "x" * 90])
def test_names_are_printable_and_cut(name: str) -> None:
    lines = text(60, labels=(name, "B", "C"))
    assert "\x1b" not in "".join(lines) and all(cell_len(line) <= 60 for line in lines)
