"""Rows as JSON and CSV: what standard readers read back, and nothing that a spreadsheet computes."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pandas
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.query.format.serialize import csv_cell, csv_lines, iso, json_row, json_value, written_columns

from ...effort import examples

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0")
values = (
    st.none() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20) | st.binary(max_size=8)
)


def test_a_moment_is_iso_8601_with_as_many_digits_as_it_has() -> None:
    moment = datetime(2003, 8, 11, 16, 0, 0, 89, tzinfo=UTC)
    assert iso(moment) == "2003-08-11T16:00:00.000089Z"
    assert datetime.fromisoformat(iso(moment)) == moment
    precise = pandas.Timestamp("2003-08-11T16:00:00.000089007Z")
    assert iso(precise) == "2003-08-11T16:00:00.000089007Z"
    assert pandas.Timestamp(iso(precise)) == precise


@given(st.dictionaries(st.text(max_size=8), values, max_size=5))
@settings(max_examples=examples(200, 60))
def test_a_row_is_json_in_ascii_that_reads_back(row: dict[str, Any]) -> None:
    text = json_row(row)
    assert text.isascii() and "\n" not in text
    assert json.loads(text) == {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}


@given(st.lists(st.lists(values, min_size=2, max_size=2), max_size=4))
@settings(max_examples=examples(200, 60))
def test_rows_of_csv_read_back_as_many_and_as_wide(rows: list[list[Any]]) -> None:
    named = [dict(zip("ab", row, strict=True)) for row in rows]
    read = list(csv.reader(io.StringIO(csv_lines(named, ["a", "b"]), newline="")))
    assert read == [["a", "b"]] + [[csv_cell(value) for value in row] for row in rows]


@given(st.text(max_size=20) | st.sampled_from(FORMULAS))
def test_no_cell_of_text_is_a_formula_or_moves_a_cursor(text: str) -> None:
    cell = csv_cell(text)
    assert cell[:1] not in ("=", "+", "-", "@")
    assert all(line.isprintable() for line in cell.split("\n"))
    if text.isascii() and text.isprintable() and "\\" not in text:
        assert cell.removeprefix("'") == text.removeprefix("'")


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, ""), (-5, "-5"), (-0.5, "-0.5"), (True, "True"), ([80, 443], "80 443"), ([], ""), (b"\xff\x00", "ff00"), ([-1], "'-1")],
)  # fmt: skip
def test_a_number_stays_one_and_a_list_is_its_items(value: Any, cell: str) -> None:
    assert csv_cell(value) == cell


def test_octets_of_payloads_are_left_out_of_that_verb_alone() -> None:
    table = pa.table({"signature": ["00"], "payload": [b"x"], "text": ["x"]})
    assert written_columns("payloads", table).column_names == ["signature", "text"]
    assert written_columns("packets", table).column_names == table.column_names
    assert written_columns("payloads", table.drop_columns(["payload"])).column_names == ["signature", "text"]
    assert json_value(b"x") == "78" and json_value("x") == "x"
