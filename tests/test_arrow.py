"""Columns made here are those that pyarrow.array makes; and pandas stays out of ingesting and counting."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims import arrow

MOMENT = pa.timestamp("us", "UTC")
VALUES = {
    pa.uint8(): st.integers(0, 2**8 - 1),
    pa.uint16(): st.integers(0, 2**16 - 1),
    pa.uint32(): st.integers(0, 2**32 - 1),
    pa.uint64(): st.integers(0, 2**63 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(max_size=9),
    pa.binary(): st.binary(max_size=9),
}


@given(st.sampled_from(list(VALUES)).flatmap(lambda kind: st.tuples(st.just(kind), st.lists(st.none() | VALUES[kind]))))
def test_lists_with_nulls(case: tuple[pa.DataType, list[object]]) -> None:
    kind, values = case
    made = arrow.column(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


@given(st.lists(st.booleans()), st.integers(0, 20))
def test_flags_of_a_column_and_of_a_piece_of_it(flags: list[bool], begin: int) -> None:
    column = pa.array(flags, pa.bool_())
    assert arrow.flags(column).tolist() == flags
    assert arrow.flags(column.slice(min(begin, len(flags)))).tolist() == flags[begin:]
    assert arrow.flags(pa.chunked_array([column, column])).tolist() == flags * 2


@given(st.lists(st.lists(VALUES[pa.uint16()])))
def test_lists_of_lists(values: list[list[int]]) -> None:
    kind = pa.list_(pa.uint16())
    made = arrow.column(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


@pytest.mark.parametrize("kind", [pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.int64(), MOMENT, pa.date32()])
def test_arrays_there_and_back(kind: pa.DataType) -> None:
    dtype = {MOMENT: "i8", pa.date32(): "i4"}.get(kind) or kind.to_pandas_dtype()
    values = np.arange(100, dtype=dtype)
    made = arrow.column(values, kind)
    made.validate(full=True)
    assert made.buffers()[1].address == values.ctypes.data  # shared, not copied
    assert made.equals(pa.array(values).cast(kind))
    assert arrow.numbers(made[30:50]).tolist() == list(range(30, 50))
    assert arrow.numbers(pa.chunked_array([made[:10], made[90:]])).tolist() == [*range(10), *range(90, 100)]
    assert arrow.numbers(made[:0]).tolist() == []
    assert arrow.column(values[::7], kind).equals(pa.array(values[::7]).cast(kind))


def test_numbers_that_aren_t_known_are_null() -> None:
    values = np.array([1.4, np.nan, 2.6, 0.0])
    for kind, expected in ((pa.float64(), [1.4, None, 2.6, 0.0]), (pa.int64(), [1, None, 3, 0])):
        made = arrow.known(values, kind)
        made.validate(full=True)
        assert made.to_pylist() == expected
    assert len(arrow.known(values[:0], pa.float64())) == 0


def test_rows_there_and_back() -> None:
    schema = pa.schema([("time", MOMENT), ("name", pa.string()), ("ports", pa.list_(pa.uint16()))])
    whole = [
        {"time": 1_000_001, "name": "a", "ports": [1, 2]},
        {"time": -1, "name": None, "ports": []},
        {"time": None, "name": "é", "ports": [3]},
    ]
    table = arrow.table(whole, schema)
    table.validate(full=True)
    back = arrow.rows(table)
    assert [row["time"] for row in back] == [
        datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        None,
    ]
    assert [(row["name"], row["ports"]) for row in back] == [("a", [1, 2]), (None, []), ("é", [3])]
    assert back == table.to_pylist()
    assert arrow.rows(arrow.table([], schema)) == []


def test_pandas_is_not_imported_where_nobody_asks_for_it(tmp_path: Path, samples: dict[int, Path]) -> None:
    store = tmp_path / "S"
    for words in (
        ["ingest", samples[1], "--store", store, "--sensor", "a", "--block", "C/24=198.51.100.0/24"],
        ["query", "count", "--store", store],
        ["query", "series", "--store", store],
        ["query", "payloads", "--store", store],
    ):
        code = (
            "import sys\nfrom ims.cli import main\n"
            "try: main()\nfinally: print('pandas' in sys.modules, file=sys.stderr)"
        )
        command = [sys.executable, "-c", code, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == "False", words
