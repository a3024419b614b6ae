"""What figures over time share: bins that were hardly watched, the range's ends, and the lines above."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from ims.analyse.figure_range import each_bin, long_watched, lost_lines, range_line, with_ends
from ims.analyse.result import Darknet, Result

MINUTE_US = 60_000_000
RESULT = Result("rate", "udp", 0, 60 * MINUTE_US, Darknet(256.0, ("A/24",), 1234))
DRAWN = pa.table({
    "time": pa.array([5 * MINUTE_US], pa.timestamp("us", "UTC")), "panel": ["a"], "value": [1.0], "curve": [2.0],
})  # fmt: skip


def seconds(*values: float) -> list[float]:
    watched: list[float] = long_watched(pa.table({"seconds": values}), MINUTE_US).column("seconds").to_pylist()
    return watched


def test_bins_watched_for_less_than_half_are_left_out_unless_all_were() -> None:
    assert seconds(60.0, 29.0, 30.0) == [60.0, 30.0]
    assert seconds(29.0, 3.0) == [29.0, 3.0]


def test_the_first_and_the_last_bin_of_the_range_are_added_without_values() -> None:
    rows = with_ends(DRAWN, RESULT, 5 * MINUTE_US).to_pylist()
    assert [row["time"].timestamp() / 60 for row in rows] == [5, 0, 55]
    assert [(row["panel"], row["value"], row["curve"]) for row in rows] == [
        ("a", 1, 2),
        ("a", None, None),
        ("a", None, None),
    ]


def test_what_is_there_is_not_added_and_without_a_range_or_rows_nothing_is() -> None:
    assert len(with_ends(DRAWN, replace(RESULT, since=6 * MINUTE_US, until=7 * MINUTE_US), 5 * MINUTE_US)) == 1
    assert with_ends(DRAWN, replace(RESULT, since=None), 5 * MINUTE_US) is DRAWN
    assert len(with_ends(DRAWN.slice(0, 0), RESULT, 5 * MINUTE_US)) == 0


def test_lines_name_range_bins_filter_and_losses() -> None:
    assert range_line(RESULT, 5 * MINUTE_US) == "1970-01-01 to 1970-01-01 01:00 UTC, bins of 5m, udp"
    assert range_line(replace(RESULT, filter=None), 60 * MINUTE_US).endswith("UTC, bins of 1h")
    assert lost_lines(RESULT) == ["1,234 packets lost by the capturing programs"]
    assert lost_lines(replace(RESULT, darknet=Darknet(256.0))) == []


def test_each_panel_alone_has_the_whole_range() -> None:
    drawn = pa.concat_tables([DRAWN, DRAWN.set_column(1, "panel", [["b"]])])
    rows = with_ends(drawn, RESULT, 5 * MINUTE_US).to_pylist()
    assert sorted((row["panel"], row["time"].timestamp() / 60) for row in rows) == [
        (panel, minute) for panel in "ab" for minute in (0, 5, 55)
    ]


def test_a_bin_of_an_hour_or_a_day_is_called_so() -> None:
    assert [each_bin(minutes * MINUTE_US) for minutes in (60, 1440, 10, 120)] == [
        "in each hour",
        "in each day",
        "in each 10m",
        "in each 2h",
    ]
