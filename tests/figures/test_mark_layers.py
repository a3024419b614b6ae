"""Marks in charts: rules through each panel, texts above the topmost ones alone, intervals as strips without lines."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from ims.figures.marks import Mark
from ims.figures.theme import INTERVAL

from .tables import BIN_US, MARCH_US, chart, table

SVG = "{http://www.w3.org/2000/svg}"


def mark(at: float, text: str, low: float | None = None, high: float | None = None) -> Mark:
    ends = (None if end is None else MARCH_US + round(end * BIN_US) for end in (low, high))
    return Mark(MARCH_US + round(at * BIN_US), text, *ends)


def marked(*marks: Mark, names: str = "ab", **options: Any) -> dict[str, Any]:
    made = table({name: [1.0] * 10 for name in names})
    spec: dict[str, Any] = chart(made, list(names), marks=marks, mark_title="a phase", **options).to_dict()
    return spec


def svg_of(spec: dict[str, Any]) -> str:
    return vl_convert.vegalite_to_svg(spec, vl_version="6.4", allowed_base_urls=[])


def layers(spec: dict[str, Any], panel: int, data: str) -> list[dict[str, Any]]:
    return [each for each in spec["concat"][panel]["layer"] if each["data"].get("name") == data]


def test_a_rule_goes_through_each_panel_and_its_text_stands_above_the_topmost() -> None:
    spec = marked(mark(5, "growth"))
    for panel in range(2):
        [rule] = layers(spec, panel, "marks")
        assert rule["mark"]["type"] == "rule"
        assert rule["encoding"]["y2"] == {"value": spec["concat"][panel]["height"]}
    assert [len(layers(spec, panel, "mark_texts")) for panel in range(2)] == [1, 0]
    [text] = spec["datasets"]["mark_texts"]
    assert text["text"] == "growth"
    assert text["foot"] < 0
    assert "dotted: a phase" in spec["title"]["subtitle"]


def test_beside_each_other_both_topmost_panels_have_the_texts() -> None:
    spec = marked(mark(5, "growth"), names="abcd")
    assert [len(layers(spec, panel, "mark_texts")) for panel in range(4)] == [1, 1, 0, 0]


def test_the_panels_title_stands_above_the_texts() -> None:
    for marks in ([mark(5, "growth")], [mark(5, "growth"), mark(5.1, "decay"), mark(5.2, "rest")]):
        spec = marked(*marks)
        titles = [layers(spec, panel, "one_row")[0]["encoding"]["y"]["value"] for panel in range(2)]
        assert titles[0] < min(row["foot"] for row in spec["datasets"]["mark_texts"]) - 10
        assert titles[1] == -7
        assert all(row["top"] > titles[0] for row in spec["datasets"]["marks"])


def test_the_heading_stays_above_the_topmost_panels_title() -> None:
    """Vega gives the heading room by what the panels hold, texts above their frames included."""
    heights = []
    for marks in ([], [mark(5, "growth")], [mark(5, "growth"), mark(5.1, "decay"), mark(5.2, "rest")]):
        height = re.search(r'height="([\d.]+)"', svg_of(marked(*marks)))
        assert height is not None
        heights.append(float(height[1]))
    assert heights[0] + 10 < heights[1]
    assert heights[1] + 20 < heights[2]


def test_an_interval_is_a_grey_strip_below_gaps_and_has_no_hatch() -> None:
    spec = marked(mark(5, "decay", 4, 20))
    [strip] = spec["datasets"]["intervals"]
    assert [strip["time"] * 1000, strip["until"] * 1000] == [MARCH_US + 4 * BIN_US, MARCH_US + 10 * BIN_US]
    assert spec["concat"][0]["layer"][0]["data"]["name"] == "intervals"
    assert spec["concat"][0]["layer"][0]["mark"] == {"type": "rect", "color": INTERVAL}
    assert spec["datasets"]["panel_1_hatch"] == []
    assert "dotted: a phase, grey: its interval" in spec["title"]["subtitle"]


def test_marks_outside_of_the_range_are_not_drawn() -> None:
    text = json.dumps(marked(mark(-1, "growth", -2, 5), mark(11, "decay")))
    for word in ("growth", "decay", "dotted", "marks", "intervals"):
        assert word not in text


def test_texts_of_marks_are_printable_and_cut() -> None:
    spec = marked(mark(5, "a\x1b[31m"), mark(1, "x" * 300))
    shown = ["".join(each.itertext()) for each in ElementTree.fromstring(svg_of(spec)).iter(f"{SVG}text")]
    assert "a\\x1b[31m" in shown
    assert any(text.startswith("xxx") and text.endswith("…") and len(text) < 100 for text in shown)


@given(st.lists(st.floats(-2, 12), max_size=8))
def test_odd_marks_are_drawn(at: list[float]) -> None:
    spec = marked(*(mark(each, f"{each:.1f}", each - 1, each + each % 3) for each in at))
    svg = svg_of(spec)
    ElementTree.fromstring(svg)
    assert "NaN" not in svg
