"""Hours of a day as bins: what goes over midnight goes on at the begin, in zones of quarters too."""

from __future__ import annotations

import numpy as np
import pytest

from ims.figures.day_bins import Peak, day_axis, day_bins, day_marks, hour_ticks
from ims.settings.durations import DAY_US, HOUR_US

from .days import SCHEMA, day

HOURS = [float(hour) for hour in range(24)]


def test_the_range_is_a_whole_day_whatever_is_known_of_it() -> None:
    for table in (SCHEMA.empty_table(), day({"a": [1.0]}, begin=7), day({"a": HOURS})):
        bins = day_bins(table, ["a"], HOUR_US, 96)
        assert (bins.since_us, bins.until_us, bins.together) == (0, DAY_US, 1)
        watched = sum(end - begin for begin, end in bins.gaps("a")) * bins.bin_us
        assert watched == DAY_US - len(table) * HOUR_US


@pytest.mark.parametrize(("offset", "cell"), [(0, 30), (8, 30), (-6, 30), (5.5, 30), (5.75, 15), (-3.25, 15), (48, 30)])
def test_what_goes_over_midnight_goes_on_at_the_begin_of_the_day(offset: float, cell: int) -> None:
    bins = day_bins(day({"a": HOURS}, begin=offset), ["a"], HOUR_US, 96)
    assert bins.bin_us == cell * 60_000_000
    assert bins.gaps("a") == []
    at = (np.arange(bins.count) * cell / 60 - offset) % 24
    assert bins.panels["a"].value.tolist() == np.floor(at).tolist()


def test_the_curve_is_followed_from_hour_to_hour_over_midnight_too() -> None:
    panel = day_bins(day({"a": HOURS}, begin=8, curve=True), ["a"], HOUR_US, 96).panels["a"]
    at = (panel.index + 0.5) / 2
    assert panel.curve == pytest.approx(10 + 5 * np.cos(2 * np.pi * (at - 5) / 24), abs=0.05)
    assert np.isnan(day_bins(day({"a": HOURS}), ["a"], HOUR_US, 96).panels["a"].curve).all()


def test_a_missing_hour_has_neither_value_nor_curve() -> None:
    values: list[float | None] = [1.0] * 10 + [None] * 3 + [1.0] * 11
    bins = day_bins(day({"a": values}, curve=True), ["a"], HOUR_US, 96)
    assert bins.gaps("a") == [(20, 26)]


def test_where_there_is_room_for_hours_alone_they_are_not_drawn_together() -> None:
    bins = day_bins(day({"a": HOURS}), ["a"], HOUR_US, 40)
    assert (bins.bin_us, bins.together) == (HOUR_US, 1)


@pytest.mark.parametrize("bin_us", [0, 1, HOUR_US // 6, 5 * HOUR_US, 2 * DAY_US])
def test_bins_that_do_not_make_a_day_are_refused(bin_us: int) -> None:
    with pytest.raises(ValueError, match="expected quarters of an hour, of which a day is a multiple"):
        day_bins(day({"a": HOURS}), ["a"], bin_us, 96)


def test_a_peak_is_a_mark_of_the_day_and_its_interval_goes_over_midnight() -> None:
    [mark] = Peak(23.5, 20.5, 26.5).marks
    assert (mark.time_us, mark.text) == (23.5 * HOUR_US, "")
    assert mark.intervals(0, DAY_US) == [(0, 2.5 * HOUR_US), (20.5 * HOUR_US, DAY_US)]
    assert Peak(25, 24, 26).marks == Peak(1, 0, 2).marks == Peak(-23, -24, -22).marks


def test_a_peak_without_both_ends_has_no_interval() -> None:
    for peak in (Peak(5), Peak(5, 4), Peak(5, None, 6)):
        assert peak.marks[0].intervals(0, DAY_US) == []


def test_each_panel_has_the_mark_of_its_own_peak() -> None:
    bins = day_bins(day({"a": HOURS, "b": HOURS}), ["a", "b"], HOUR_US, 96)
    marks = day_marks(bins, {"b": Peak(5), "c": Peak(6)})
    assert [(name, len(found)) for name, found in marks.items()] == [("a", 0), ("b", 1)]


def test_the_axis_begins_at_0_and_ends_a_little_above_the_highest_value() -> None:
    axis = day_axis(day_bins(day({"a": [20.2]}), ["a"], HOUR_US, 96), 3)
    assert axis.low == 0
    assert 21.2 < axis.high < 23
    assert axis.ticks == (0, 10, 20)
    empty = day_axis(day_bins(SCHEMA.empty_table(), ["a"], HOUR_US, 96), 3)
    assert empty.low < empty.high


def test_ticks_are_whole_hours_and_as_many_as_have_room() -> None:
    assert [label for _, label in hour_ticks(5)] == ["00:00", "06:00", "12:00", "18:00", "24:00"]
    assert [len(hour_ticks(most)) for most in (0, 3, 4, 9, 13, 30)] == [3, 3, 3, 9, 13, 25]
    assert hour_ticks(3)[-1] == (DAY_US, "24:00")
