"""Hours of the day as text: no wider than asked, panels beside each other, a pointer at each peak."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ims.figures.day_bins import Peak
from ims.figures.day_text import day_text_panels

from .days import SCHEMA, day

VALUES = [float(abs(12 - hour)) for hour in range(24)]


def drawn(table: Any, names: str = "a", **options: Any) -> str:
    options = {"width": 80, "height": 6, "value_title": "sources", "band_title": "95 %", **options}
    return day_text_panels(table, [(name, f"panel {name}") for name in names], **options)


def test_it_has_titles_hours_zone_and_a_key() -> None:
    lines = drawn(day({"a": VALUES}, curve=True), curve_title="the fit", peaks={"a": Peak(5, 4, 6)}, peak_title="peak")
    for line in ("sources", "panel a", "hour of the day (UTC)", "⣀ value, ░ band, / not watched", "band: 95 %",
                 "• the fit, ^ peak, ─ its interval"):  # fmt: skip
        assert line in lines.split("\n"), line
    assert "06:00" in lines


@pytest.mark.parametrize(("width", "columns"), [(60, 1), (80, 2), (120, 3), (200, 4)])
def test_panels_stand_beside_each_other_where_there_is_room(width: int, columns: int) -> None:
    text = drawn(day(dict.fromkeys("abcd", VALUES)), "abcd", width=width)
    assert next(line for line in text.split("\n") if "panel a" in line).count("panel") == columns
    assert max(map(len, text.split("\n"))) <= width


@pytest.mark.parametrize(("unicode", "line"), [(True, "─"), (False, "-")])
def test_a_pointer_is_below_the_panel_of_its_peak_and_a_line_for_its_interval(unicode: bool, line: str) -> None:
    text = drawn(day({"a": VALUES, "b": VALUES}), "ab", peaks={"b": Peak(0, -3, 3)}, unicode=unicode)
    [pointers] = [row for row in text.split("\n") if "^" in row]
    assert pointers.index("^") > 40
    assert pointers.strip().startswith(f"^{line}{line}")
    assert pointers.endswith(line * 3)
    assert unicode or text.isascii()


def test_missing_hours_are_marked() -> None:
    rows = [row for row in drawn(day({"a": VALUES[:12]})).split("\n") if row.endswith("│")]
    for row in rows:
        inside = row[row.index("│" if "│" in row[:-1] else "┤") + 1 : -1]
        assert set(inside[len(inside) // 2 + 2 :]) == {"/"}
        assert "/" not in inside[: len(inside) // 2 - 2]


def test_a_picture_that_is_too_small_and_no_panel_are_refused() -> None:
    for options in ({"width": 23}, {"height": 3}):
        with pytest.raises(ValueError, match="expected at least 24 and 4"):
            drawn(day({"a": VALUES}), **options)
    with pytest.raises(ValueError, match="expected at least one, none twice"):
        drawn(day({"a": VALUES}), "aa")


def test_in_a_narrow_picture_hours_stay_hours() -> None:
    text = drawn(day({"a": VALUES}), width=24)
    assert "together" not in text


NUMBERS = st.none() | st.floats() | st.sampled_from([0.0, 1e-300, 1e300, -5.0])


@given(st.lists(NUMBERS, max_size=24), st.integers(24, 130), st.booleans(), st.floats(-30, 30))
def test_odd_days_are_drawn(values: list[float | None], width: int, unicode: bool, hour: float) -> None:
    peaks = {"a": Peak(hour, hour - 7, hour + 30)}
    table = day({"a": values}, begin=5.75, curve=True) if values else SCHEMA.empty_table()
    text = drawn(table, "abc", width=width, unicode=unicode, peaks=peaks, value_title="日本" * 80)
    assert max(cell_len(line) for line in text.split("\n")) <= width
    assert "nan" not in text
