"""Ladders as text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ims.figures.ladder import Arrow
from ims.figures.text_ladder import text_ladder
from ims.text import printable

from .test_ladder import ARROWS, NAMES

BESIDE = ("passive", ["seen", "", "perhaps"])


def test_arrows_have_their_labels_heads_and_what_stands_beside_them() -> None:
    lines = text_ladder(ARROWS, NAMES, BESIDE, 80, unicode=True).splitlines()
    assert "203.0.113.9" in lines[0] and lines[0].endswith("passive")
    first, second, pause, third = lines[1:]
    assert first.strip().startswith("+0:00.000 │──") and "─ 1025 > 80: SYN ─" in first
    assert first.index("▶") > first.index("SYN") and first.endswith("a                seen")
    assert second.strip().startswith("│◀╌╌") and "80 > 1025: SYN ACK" in second
    assert pause.strip() == "… 90 s later" and third.strip().startswith("+1:30.000") and third.endswith("perhaps")


def test_without_unicode_all_is_ascii() -> None:
    drawn = text_ladder([replace(ARROWS[0], label="é"), *ARROWS[1:]], NAMES, BESIDE, 80, unicode=False)
    assert drawn.isascii() and "|<...." in drawn and "---->|" in drawn and "... 90 s later" in drawn


@given(st.text(max_size=60), st.text(max_size=60), st.integers(50, 200), st.booleans())
def test_no_line_is_wider_whatever_the_texts_are(label: str, end: str, width: int, unicode: bool) -> None:
    arrows = [Arrow(0, False, label, end), Arrow(0, True, label, "b"), Arrow(9_000_000, True, label, end)]
    drawn = text_ladder(arrows, (end, label), BESIDE, width, unicode)
    assert all(cell_len(line) <= width and printable(line) == line for line in drawn.splitlines())


def test_too_small_or_empty_is_an_error() -> None:
    for width, arrows in ((39, ARROWS), (80, [])):
        with pytest.raises(ValueError, match="expected at least 40 columns and an arrow"):
            text_ladder(arrows, NAMES, BESIDE, width, unicode=True)
