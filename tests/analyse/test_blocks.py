"""The blocks behind an analysis: when they were watched, and which of them a filter can match."""

from __future__ import annotations

import pyarrow as pa

from ims import arrow
from ims.analyse.blocks import Watch, watches_of
from ims.analyse.result import Gap
from ims.query.condition import parsed
from ims.query.moment import CALENDAR_US


def coverage(*rows: tuple[str, str, int, int]) -> pa.Table:
    moment = pa.timestamp("us", "UTC")
    schema = pa.schema([("sensor", pa.string()), ("block", pa.string()), ("since", moment), ("until", moment)])
    return arrow.table([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def test_a_block_is_watched_while_any_sensor_watches_it() -> None:
    table = coverage(("a", "A/24", 0, 10), ("b", "A/24", 5, 20), ("a", "A/24", 30, 40), ("a", "B/24", 7, 7))
    assert watches_of(table, None).by_block == {"A/24": Watch("A/24", ((0, 20), (30, 40)), is_doubled=True)}
    assert watches_of(table, None).range == (0, 40) and watches_of(table, parsed("block B/24")).range is None


def test_what_two_sensors_watch_one_after_the_other_isn_t_doubled() -> None:
    table = coverage(("a", "A/24", 0, 10), ("b", "A/24", 10, 20), ("a", "A/24", 5, 10))
    assert not watches_of(table, None).by_block["A/24"].is_doubled


def test_blocks_of_a_sensor_that_fell_silent_are_left_out() -> None:
    table = coverage(("a", "A/24", 0, 10), ("b", "B/24", 0, 10), ("b", "A/24", 0, 10), ("a", "C/24", 0, 10))
    found = watches_of(table, None, {"b"})
    assert list(found.by_block) == ["C/24"] and found.left_out == ("A/24", "B/24") and not found.whole


def test_times_that_no_calendar_has_are_clipped() -> None:
    table = coverage(("a", "A/24", -(1 << 62), 1 << 62))
    first, last = watches_of(table, None).range or (0, 0)
    assert (first, last) == CALENDAR_US


def test_gaps_are_what_lies_between_and_at_both_ends() -> None:
    watch = Watch("A/24", ((10, 20), (30, 40)))
    assert watch.gaps(0, 50) == [Gap("A/24", 0, 10), Gap("A/24", 20, 30), Gap("A/24", 40, 50)]
    assert watch.gaps(10, 40) == [Gap("A/24", 20, 30)]
    assert watch.gaps(12, 18) == [] and watch.gaps(22, 28) == [Gap("A/24", 22, 28)]


def test_only_blocks_that_a_filter_can_match_count() -> None:
    table = coverage(("a", "A/24", 0, 10), ("a", "B/24", 0, 10), ("b", "C/24", 0, 10))
    assert list(watches_of(table, parsed("block A/24 or sensor b")).by_block) == ["A/24", "C/24"]


def test_a_filter_that_can_match_all_blocks_leaves_the_darknet_whole() -> None:
    """Also where a row says that a block was watched for no time."""
    table = coverage(("a", "A/24", 0, 10), ("b", "B/24", 5, 5))
    assert watches_of(table, None).whole and watches_of(table, parsed("tcp or sensor b")).whole
    assert not watches_of(table, parsed("block A/24")).whole and not watches_of(table, parsed("not sensor b")).whole
