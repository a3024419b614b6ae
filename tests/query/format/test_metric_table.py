"""Tables of a metric: groups in their own form, zeros where something was watched, values by what was watched."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from ims.query.darkspace import DarkSpace
from ims.query.format.metric_table import (
    MOST_ZEROS,
    darknet_table,
    group_column,
    replaced,
    values_per_24,
    with_empty_bins,
)
from ims.query.request import Request, make_request

HOUR = 3_600_000_000
T0 = 1_772_582_400 * 1_000_000


def space(*rows: tuple[str, str, str, int, int]) -> DarkSpace:
    """Sensor, block, prefix, and when it was watched, in hours."""
    names = ("sensor", "block", "prefix", "since_us", "until_us")
    return DarkSpace(
        [dict(zip(names, (*row[:3], T0 + row[3] * HOUR, T0 + row[4] * HOUR), strict=True)) for row in rows]
    )


def series(values: dict[int, int]) -> pa.Table:
    """By hour."""
    return pa.table(
        {"bin": pa.array([T0 + at * HOUR for at in values], pa.int64()), "value": pa.array(values.values(), pa.int64())}
    )


def by_hour(table: pa.Table) -> dict[int, Any]:
    return {(row["bin"] - T0) // HOUR: row["value"] for row in table.to_pylist()}


def hourly(**words: Any) -> Request:
    return make_request("series", None, bin="1h", **words)


@pytest.mark.parametrize(
    ("group", "keys", "shown"),
    [
        ("source", [0xC633_6407], ["198.51.100.7"]),
        ("source/8", [0x0A00_0000], ["10.0.0.0/8"]),
        ("destination/25", [0xC633_6480], ["198.51.100.128/25"]),
        ("destination_port", [80, None], [80, None]),
        ("signature", [b"\xab\xcd", None], ["abcd", None]),
    ],
)
def test_a_group_is_shown_as_what_it_is_of(group: str, keys: list[Any], shown: list[Any]) -> None:
    column = pa.chunked_array([pa.array(keys)])
    assert group_column(column, make_request("top", None, group=group)).to_pylist() == shown


def test_hours_without_packets_are_zeros_where_something_was_watched() -> None:
    """Two periods with a hole between them, in which nothing is known to have come."""
    watched = space(("a", "x", "198.51.100.0/24", 0, 3), ("a", "x", "198.51.100.0/24", 6, 8))
    table, left_out = with_empty_bins(series({1: 5, 7: 2}), hourly(), watched)
    assert (by_hour(table), left_out) == ({0: 0, 1: 5, 2: 0, 6: 0, 7: 2}, 0)
    assert table.column("bin").to_pylist() == sorted(table.column("bin").to_pylist())


def test_zeros_stay_within_the_range_that_is_asked() -> None:
    watched = space(("a", "x", "198.51.100.0/24", 0, 100))
    request = hourly(since="2026-03-04T02:00", until="2026-03-04T04:30")
    table, _ = with_empty_bins(series({3: 1}), request, watched)
    assert by_hour(table) == {2: 0, 3: 1, 4: 0}


def test_more_zeros_than_are_shown_are_counted_and_none_is_shown() -> None:
    watched = space(("a", "x", "198.51.100.0/24", 0, 100))
    few = series({3: 1})
    table, left_out = with_empty_bins(few, hourly(limit=50), watched)
    assert table.equals(few) and left_out == 99
    seconds = make_request("series", None, bin="1s")
    table, left_out = with_empty_bins(few, seconds, watched)
    assert table.equals(few) and left_out == 360_000 - 1 > MOST_ZEROS


def test_a_value_is_divided_by_what_was_watched_in_its_bin() -> None:
    """A /24, then a /23 beside it; half an hour of a /24 alone is a /24, and of nothing no number."""
    watched = space(("a", "x", "198.51.100.0/24", 0, 2), ("b", "y", "203.0.112.0/23", 1, 2))
    table = values_per_24(series({0: 6, 1: 6, 5: 6}), hourly(per_24=True), watched)
    assert by_hour(table) == {0: 6.0, 1: 2.0, 5: None}
    assert table.schema.field("value").type == pa.float64()


def test_a_block_s_or_sensor_s_value_is_divided_by_its_own_size() -> None:
    watched = space(("a", "x", "198.51.100.0/25", 0, 2), ("b", "y", "203.0.112.0/23", 0, 2))
    table = pa.table({"key": ["a", "b", "c"], "value": [6, 6, 6]})
    found = values_per_24(table, make_request("top", None, group="sensor", per_24=True), watched)
    assert found.column("value").to_pylist() == [12.0, 3.0, None]
    others = values_per_24(table, make_request("top", None, group="category", per_24=True), watched)
    assert others.column("value").to_pylist() == pytest.approx([6 / 2.5] * 3)


def test_a_column_is_replaced_where_it_stands() -> None:
    table = replaced(pa.table({"a": [1], "b": [2], "c": [3]}), "b", pa.array(["x"]))
    assert table.to_pydict() == {"a": [1], "b": ["x"], "c": [3]}


@pytest.mark.parametrize("group", [None, "block", "sensor"])
def test_a_darknet_has_its_columns_also_where_nothing_was_watched(group: str | None) -> None:
    asked = make_request("darknet", None, bin="1h", group=group, limit=2)
    watched = space(("a", "x", "198.51.100.0/24", 0, 3), ("b", "y", "198.51.100.0/25", 0, 1))
    table, matching = darknet_table(watched, asked)
    none, nothing = darknet_table(space(), asked)
    assert (len(table), matching, len(none), nothing) == (2, 3 if group is None else 4, 0, 0)
    assert table.schema == none.schema
    names = ["time", *([] if group is None else [group]), "addresses", "answering", "seconds"]
    assert (table.column_names, table.schema.field("time").type) == (names, pa.timestamp("us", "UTC"))
    assert table.column("addresses").to_pylist() == ([256, 256] if group is None else [256, 128])
