"""A chart of the hours of the day: its axes, its curve, its peak with an interval that goes over midnight."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from ims.figures.day_bins import Peak
from ims.figures.day_panels import day_panels
from ims.figures.theme import Heading

from .days import SCHEMA, day

SVG = "{http://www.w3.org/2000/svg}"
HOUR_MS = 3_600_000
VALUES: list[float | None] = [float(hour % 7) for hour in range(24)]


def spec_of(table: Any, names: str = "a", **options: Any) -> dict[str, Any]:
    panels = [(name, f"panel {name}") for name in names]
    options = {"value_title": "sources", "band_title": "95 %", **options}
    spec: dict[str, Any] = day_panels(table, Heading("By the hour"), panels=panels, **options).to_dict()
    return spec


def svg_of(spec: dict[str, Any]) -> str:
    return vl_convert.vegalite_to_svg(spec, vl_version="6.4", allowed_base_urls=[])


def texts(spec: dict[str, Any]) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg_of(spec)).iter(f"{SVG}text")]


def layers(spec: dict[str, Any], panel: int, data: str) -> list[dict[str, Any]]:
    return [each for each in spec["concat"][panel]["layer"] if each["data"].get("name") == data]


def test_the_axis_is_a_day_and_says_its_zone() -> None:
    spec = spec_of(day({"a": VALUES}), hour_title="hour of the day, local time")
    shown = texts(spec)
    assert {"00:00", "06:00", "24:00", "hour of the day, local time", "sources", "panel a"} <= set(shown)
    [line] = layers(spec, 0, "day_1_line")
    assert line["encoding"]["x"]["scale"]["domain"] == [0, 24 * HOUR_MS]
    assert line["encoding"]["y"]["scale"]["domain"][0] == 0


def test_all_panels_have_the_same_scales() -> None:
    spec = spec_of(day({"a": [1.0], "b": [400.0]}), "ab")
    scales = [layers(spec, number, f"day_{number + 1}_line")[0]["encoding"]["y"]["scale"] for number in range(2)]
    assert scales[0] == scales[1]


def test_a_peak_is_a_rule_in_its_panel_alone_and_its_interval_may_have_two_parts() -> None:
    spec = spec_of(day({"a": VALUES, "b": VALUES}), "ab", peaks={"b": Peak(23.5, 21, 26)}, peak_title="the peak")
    assert layers(spec, 0, "day_1_marks") == []
    assert len(layers(spec, 1, "day_2_marks")) == 1
    assert [row["time"] for row in spec["datasets"]["day_2_marks"]] == [23.5 * HOUR_MS]
    strips = [(row["time"] / HOUR_MS, row["until"] / HOUR_MS) for row in spec["datasets"]["day_2_intervals"]]
    assert strips == [(0, 2), (21, 24)]
    assert "band: 95 %; hatched: not watched" not in spec["title"]["subtitle"]
    assert "dotted: the peak, grey: its interval" in spec["title"]["subtitle"]


def test_a_curve_is_dashed_and_reaches_close_to_both_ends_of_the_day() -> None:
    spec = spec_of(day({"a": VALUES}, curve=True), curve_title="the fit")
    at = [row["time"] / HOUR_MS for row in spec["datasets"]["day_1_curve"]]
    assert (min(at), max(at)) == (0.25, 23.75)
    assert "dashed: the fit" in spec["title"]["subtitle"]
    assert not any("curve" in name for name in spec_of(day({"a": VALUES}))["datasets"])


def test_missing_hours_are_hatched_and_break_the_line() -> None:
    spec = spec_of(day({"a": [*VALUES[:10], None, None, None, *VALUES[13:]]}))
    [gap] = spec["datasets"]["day_1_gaps"]
    assert [gap["time"] / HOUR_MS, gap["until"] / HOUR_MS] == pytest.approx([10, 13])
    assert "band: 95 %; hatched: not watched" in spec["title"]["subtitle"]
    line = re.search(r'class="mark-line.*?d="([^"]*)"', svg_of(spec))
    assert line is not None
    assert line[1].count("M") == 2


def test_without_rows_the_whole_day_is_hatched() -> None:
    [gap] = spec_of(SCHEMA.empty_table())["datasets"]["day_1_gaps"]
    assert [gap["time"], gap["until"]] == [0, 24 * HOUR_MS]


NUMBERS = st.none() | st.floats() | st.sampled_from([0.0, 1e-300, 1e300, -5.0])
HOURS = st.floats(-50, 50)


@given(st.lists(NUMBERS, max_size=24), st.sampled_from([0, 5.75, -3.5]), HOURS, st.none() | HOURS, st.none() | HOURS)
def test_odd_days_and_peaks_are_drawn(
    values: list[float | None], begin: float, hour: float, low: float | None, high: float | None
) -> None:
    svg = svg_of(spec_of(day({"a": values}, begin=begin, curve=True), peaks={"a": Peak(hour, low, high)}))
    ElementTree.fromstring(svg)
    assert "NaN" not in svg
    assert "Infinity" not in svg
