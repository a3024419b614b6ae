"""Rows of dots: where values, intervals and zeros stand."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from ims.figures.dot_rows import LABELS, WIDTH, Dot, DotPanel, dot_rows, placed
from ims.figures.theme import Heading

SVG = "{http://www.w3.org/2000/svg}"
positive = st.floats(1e-9, 1e9)
dots = st.one_of(
    st.just(Dot(None)), st.builds(lambda high: Dot(0.0, 0.0, high), st.one_of(st.none(), positive)),
    st.lists(positive, min_size=3, max_size=3).map(sorted).map(lambda e: Dot(e[1], e[0], e[2])),
)  # fmt: skip
PANEL = DotPanel("Rate", "packets/s", [Dot(10, 1, 100), Dot(0, 0, 5), Dot(None)], 0.5)


def spec_of(labels: list[str], *panels: DotPanel) -> dict[str, Any]:
    spec: dict[str, Any] = dot_rows(labels, panels, Heading("x"), interval="95 %", marked="by chance").to_dict()
    return spec


@given(st.lists(dots, max_size=6))
def test_every_value_stands_within_its_interval_and_in_the_panel(each: list[Dot]) -> None:
    found = placed(DotPanel("", "", each))
    assert [one.row for one in found] == [row for row, dot in enumerate(each) if dot.value is not None]
    for one in found:
        assert 0 <= one.begin <= one.at + 1e-9 <= one.end + 2e-9 <= 1 + 3e-9
        assert one.is_zero == (each[one.row].value == 0)
        if one.is_zero:
            assert one.at == one.begin == 0


def test_an_end_that_is_not_bounded_reaches_the_edge() -> None:
    [one] = placed(DotPanel("", "", [Dot(3, None, None)]))
    assert (one.begin, one.end) == (0, 1)


def test_rows_have_the_labels_and_panels_their_titles_and_ticks() -> None:
    spec = spec_of(["A/24", "B/24", "C<script>"], PANEL, DotPanel("Share", "%", [Dot(1, 0.5, 2)] * 3))
    svg = vl_convert.vegalite_to_svg(spec, vl_version="6.4", allowed_base_urls=[])
    texts = ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert {"A/24", "B/24", "C<script>", "Rate", "Share", "packets/s", "%", "10"} <= set(texts)
    assert texts.count("A/24") == 1, "panels share their rows"
    assert "bars: 95 %; dotted: by chance; hollow, at the left edge: 0" in spec["title"]["subtitle"]
    rows = spec["datasets"]["dots_1"]
    assert [row["zero"] for row in rows] == [False, True] and rows[1]["at"] == 0
    assert all(0 <= row["begin"] < row["end"] <= WIDTH for row in rows)


def test_without_zeros_and_a_mark_the_heading_says_nothing_of_them() -> None:
    spec = spec_of(["a"], DotPanel("", "", [Dot(1, 0.5, 2)]))
    assert "bars: 95 %" in spec["title"]["subtitle"]


@pytest.mark.parametrize("name", ["", "x" * 300])
def test_any_name_has_room(name: str) -> None:
    text = json.dumps(spec_of([name], DotPanel("", "", [Dot(1, 0.5, 2)])))
    assert name[: LABELS // 8] in text and "x" * 300 not in text
