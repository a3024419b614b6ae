"""Layers of a panel: a curve over all of them, and none where there is no curve."""

from __future__ import annotations

import json
import re

import vl_convert

from .tables import chart, table, with_curve


def test_a_curve_is_dashed_over_line_and_band_and_the_heading_names_it() -> None:
    made = with_curve(table({"a": [1, 2, None, 4, 5], "b": [1] * 5}), [1.5, 2.5, None, 4.5, None, *[None] * 5])
    spec = chart(made, ["a", "b"], curve_title="what was fitted").to_dict()
    kinds = [each["mark"]["type"] for each in spec["concat"][0]["layer"]]
    assert kinds == ["rect", "rule", "area", "line", "line", "text"]
    line, curve = (each for each in spec["concat"][0]["layer"] if each["mark"]["type"] == "line")
    assert "strokeDash" in curve["mark"]
    assert "strokeDash" not in line["mark"]
    assert "interpolate" not in curve["mark"]
    assert [row["value"] for row in spec["datasets"]["panel_1_curve"]] == [1.5, 2.5, None, 4.5]
    assert spec["datasets"]["panel_2_curve"] == []
    assert "dashed: what was fitted" in spec["title"]["subtitle"]
    svg = vl_convert.vegalite_to_svg(spec, vl_version="6.4", allowed_base_urls=[])
    [path] = re.findall(r'<path[^>]*d="([^"]*)"[^>]*stroke-dasharray="6,7"', svg)[:1]
    assert path.count("M") == 2


def test_without_a_curve_there_is_no_layer_and_no_line_for_it() -> None:
    for made in (table({"a": [1, 2]}), with_curve(table({"a": [1, 2]}), [None, None])):
        text = json.dumps(chart(made, ["a"], curve_title="what was fitted").to_dict())
        assert "curve" not in text
        assert "dashed" not in text
        assert "what was fitted" not in text
