"""A pattern by the hour of the day, as charts take it: in local time, and divided by the mean where groups compare."""

from __future__ import annotations

import numpy as np
import pytest

from ims.analyse.circadian.group_days import GroupDays

from ..daily import HOUR_US, Group, circadian

GROUPS = {"CN": Group(120, 6.0, 8.0), "IN": Group(20, 13.0, 5.5), "unknown": Group(10, 23.5), "TW": Group(5, None, 8.0)}


def days(groups: dict[str, Group] | None = None) -> GroupDays:
    return GroupDays(circadian(groups=groups), list(groups or {"all": Group()}), HOUR_US, HOUR_US)


def test_of_one_group_the_values_are_its_sources() -> None:
    table = days().table
    assert np.mean(table.column("value").to_pylist()) == pytest.approx(220, rel=0.05)
    assert days().words["value_title"] == "mean of each hour"
    assert days().words["hour_title"] == "hour of the day (UTC)"


def test_of_several_groups_the_mean_of_each_is_1() -> None:
    found = days(GROUPS)
    for group in GROUPS:
        rows = [row for row in found.table.to_pylist() if row["panel"] == group]
        assert np.mean([row["value"] for row in rows]) == pytest.approx(1)
        assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    assert found.words["value_title"] == "mean of each hour (mean of the group = 1)"


def test_hours_are_local_where_the_zone_is_known() -> None:
    rows = days(GROUPS).table.to_pylist()
    begins = {group: min(row["hour"] for row in rows if row["panel"] == group) for group in GROUPS}
    assert begins == {"CN": 8, "IN": 5.5, "unknown": 0, "TW": 8}
    assert days(GROUPS).words["hour_title"] == "hour of the day (local time where it is known, else UTC)"


def test_a_peak_is_in_the_time_of_its_panel_and_its_text_names_the_zone() -> None:
    found = days(GROUPS)
    assert {group: peak.hour for group, peak in found.words["peaks"].items()} == {"CN": 14, "IN": 18.5, "unknown": 23.5}
    assert [found.peak_text(group) for group in GROUPS] == [
        "14:00 (13:12 to 14:48), UTC+8",
        "18:30 (17:42 to 19:18), UTC+5:30",
        "23:30 (22:42 to 00:18), UTC",
        "no pattern found, UTC+8",
    ]
    assert days().peak_text("all") == "05:00 (04:12 to 05:48)"


def test_the_highest_value_is_near_the_peak_in_local_time() -> None:
    rows = [row for row in days(GROUPS).table.to_pylist() if row["panel"] == "CN"]
    highest = max(rows, key=lambda row: row["value"])["hour"] % 24
    assert abs(highest + 0.5 - 14) < 3
