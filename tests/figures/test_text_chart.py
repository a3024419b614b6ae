"""Panels as text: no wider than asked, gaps as gaps, nothing that a terminal obeys, and no mixing of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ims.figures.marks import Mark
from ims.figures.text_chart import text_panels

from .tables import BIN_US, MARCH_US, SCHEMA, table, with_curve


def drawn(made: Any, names: str = "a", **options: Any) -> str:
    options = {
        "width": 60, "height": 6, "value_title": "packets/s", "band_title": "95 %", "log": False, "bin_us": BIN_US, **options,
    }  # fmt: skip
    return text_panels(made, [(name, f"panel {name}") for name in names], **options)


def canvas(text: str) -> list[str]:
    """What stands inside the frame of the only panel."""
    return [line[line.index(line.lstrip("0123456789. ")[0]) + 1 : -1] for line in text.split("\n")[3:9]]


def test_it_has_titles_axis_labels_in_utc_and_a_key() -> None:
    text = drawn(table({"a": [1.0] * 144 + [9.0] * 144}), width=80)
    lines = text.split("\n")
    assert lines[:2] == ["packets/s", "panel a"]
    assert "1 Mar" in text
    assert "12:00" in text
    assert lines[-4:-1] == ["2004-03-01T00:00:00Z to 2004-03-02T00:00:00Z", "⣀ value, ░ band, / not watched",
                            "drawn by 2 bins together; band: from the lowest to the highest"]  # fmt: skip


def test_the_line_is_where_the_values_are() -> None:
    rows = canvas(drawn(table({"a": [1.0, 1.0, 9.0, 9.0]}, band=None), unicode=False))
    low = [number for number, row in enumerate(rows) if "*" in row[: len(row) // 2 - 2]]
    high = [number for number, row in enumerate(rows) if "*" in row[len(row) // 2 + 2 :]]
    assert max(high) < min(low)


def test_a_days_begin_among_hours_is_labelled_with_its_month() -> None:
    text = drawn(table({"a": [1.0] * 576}), width=100)
    assert "1 Mar" in text
    assert " 2 Mar " in text


@pytest.mark.parametrize("unicode", [True, False])
def test_a_gap_holds_no_line_and_is_marked(unicode: bool) -> None:
    rows = canvas(drawn(table({"a": [5.0, 5.0, None, None, 5.0, 5.0]}, band=None), unicode=unicode))
    for row in rows:
        third = len(row) // 3
        assert set(row[third + 2 : 2 * third - 2]) == {"/"}
        assert "/" not in row[: third - 2] + row[2 * third + 3 :]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [24, 31, 80, 200])
def test_no_line_is_wider_than_asked(width: int, unicode: bool, log: bool) -> None:
    made = table({"日本語" * 60: [1, 0, None, 1e6], "b": [3] * 500})
    panels = [("日本語" * 60, "日本語" * 60), ("b", "b" * 300)]
    text = text_panels(
        made, panels, width=width, height=4, value_title="v" * 300, band_title="w" * 300, log=log, bin_us=BIN_US, unicode=unicode
    )  # fmt: skip
    assert max(cell_len(line) for line in text.split("\n")) <= width
    assert unicode or text.isascii()


def test_names_control_no_terminal() -> None:
    evil = "a\x1b[31m\u202e\n\x07"
    text = text_panels(
        table({evil: [1]}),
        [(evil, evil)],
        width=60,
        height=4,
        value_title=evil,
        band_title=evil,
        log=False,
        bin_us=BIN_US,
    )
    assert "\x1b" not in text
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("a\\x1b[31m\\u202e") == 3


def test_a_picture_that_is_too_small_and_no_panel_are_refused() -> None:
    for options in ({"width": 23}, {"height": 3}):
        with pytest.raises(ValueError, match="expected at least 24 and 4"):
            drawn(table({"a": [1]}), **options)
    with pytest.raises(ValueError, match="expected at least one, none twice"):
        drawn(table({"a": [1]}), "aa")


def test_threads_and_earlier_pictures_do_not_mix() -> None:
    import plotext

    plotext.figure.title("another user's")
    tables = [table({"a": [float(number)] * (number + 1)}) for number in range(8)]
    alone = [drawn(made, width=40 + number) for number, made in enumerate(tables)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda number: drawn(tables[number % 8], width=40 + number % 8), range(32)))
    assert together == alone * 4
    assert "another" not in "".join(alone)
    assert "another user's" in plotext.figure.build().string(True)
    plotext.figure.clear()


def test_the_terminals_size_does_not_limit_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("LINES", "5")
    lines = drawn(table({"a": [1, 2]}), width=150, height=30).split("\n")
    assert max(map(len, lines)) == 150
    assert len(lines) == 2 + 33 + 3 + 1


NUMBERS = st.none() | st.floats() | st.sampled_from([0.0, 1.0, 1e-300, 1e300, -5.0])


@given(st.lists(NUMBERS, max_size=30), st.booleans(), st.integers(24, 90))
def test_odd_tables_are_drawn(values: list[float | None], log: bool, width: int) -> None:
    text = drawn(table({"a": values}, band=None), "ab", log=log, width=width)
    assert max(map(len, text.split("\n"))) <= width
    assert "nan" not in text


def test_without_bins_all_is_marked_as_not_watched() -> None:
    assert drawn(SCHEMA.empty_table(), "ab").count("/") > 500


@pytest.mark.parametrize(("unicode", "dot"), [(True, "•"), (False, "o")])
def test_a_curve_is_dots_between_which_the_line_is_seen(unicode: bool, dot: str) -> None:
    made = with_curve(table({"a": [5.0] * 60}, band=None), [5.0] * 60)
    text = drawn(made, unicode=unicode, curve_title="the fit")
    [row] = [row for row in canvas(text) if dot in row]
    assert 15 <= row.count(dot) <= 20
    assert f"{dot} the fit" in text.split("\n")
    assert "the fit" not in drawn(table({"a": [5.0] * 60}), unicode=unicode, curve_title="the fit")


def test_a_curve_is_where_its_values_are_and_breaks_at_gaps() -> None:
    made = with_curve(
        table({"a": [5.0] * 20 + [None] * 20 + [5.0] * 20}, band=None), [9.0] * 20 + [None] * 20 + [1.0] * 20
    )
    rows = canvas(drawn(made, unicode=False))
    high, low = (
        [number for number, row in enumerate(rows) if "o" in row[part]] for part in (slice(0, 18), slice(-18, None))
    )
    assert max(high) < 3 <= min(low)
    assert not any("o" in row[20:-20] for row in rows)


@pytest.mark.parametrize(("unicode", "rule"), [(True, "┊"), (False, "|")])
def test_a_mark_is_a_rule_in_each_panel_and_a_pointer_below_the_last(unicode: bool, rule: str) -> None:
    mark = Mark(MARCH_US + 30 * BIN_US, "begin")
    made = table({"a": [1.0] * 60, "b": [1.0] * 60}, band=None)
    text = drawn(made, "ab", marks=[mark], mark_title="phase", unicode=unicode)
    rows = text.split("\n")
    pointer = next(number for number, row in enumerate(rows) if row.strip() == "^")
    at = rows[pointer].index("^")
    assert rows[pointer + 1] == " " * at + "begin"
    assert sum(row[at] == rule for row in rows[:pointer] if len(row) > at) >= 10
    assert "^ phase" in rows


@given(
    st.lists(NUMBERS, min_size=1, max_size=30),
    st.booleans(),
    st.integers(24, 90),
    st.lists(st.integers(-2, 32), max_size=9),
)
def test_odd_curves_and_marks_are_drawn(values: list[float | None], log: bool, width: int, at: list[int]) -> None:
    marks = [Mark(MARCH_US + each * BIN_US, "mark" * each, None, MARCH_US + each**2 * BIN_US) for each in at]
    made = with_curve(table({"a": [3.0] * len(values)}, band=None), values)
    text = drawn(made, log=log, width=width, marks=marks, mark_title="m", curve_title="c", unicode=False)
    assert max(map(len, text.split("\n"))) <= width
    assert "nan" not in text
