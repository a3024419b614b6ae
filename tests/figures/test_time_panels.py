"""A chart of panels: what its specification says, and what is drawn of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from ims.figures.marks import Mark
from ims.figures.theme import Heading
from ims.figures.time_panels import MOST_BINS

from .tables import BIN_US, MARCH_US, SCHEMA, chart, table

SVG = "{http://www.w3.org/2000/svg}"


def svg_of(made: Any) -> str:
    return vl_convert.vegalite_to_svg(made.to_dict(), vl_version="6.4", allowed_base_urls=[])


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def layer(spec: dict[str, Any], panel: int, mark: str) -> dict[str, Any]:
    [found] = [each for each in spec["concat"][panel]["layer"] if each["mark"]["type"] == mark]
    return found


def rows(spec: dict[str, Any], panel: int, part: str) -> list[dict[str, Any]]:
    return spec["datasets"][f"panel_{panel + 1}_{part}"]


def test_panels_stand_in_the_order_given_two_beside_each_other_from_four_on() -> None:
    for names in ("b", "ba", "cba"):
        assert chart(table({"a": [1], "b": [2]}), list(names)).to_dict()["columns"] == 1
    spec = chart(table({"a": [1], "b": [2], "d": [4]}), list("dbca")).to_dict()
    assert spec["columns"] == 2
    shown = [layer(spec, number, "text")["encoding"]["text"]["value"] for number in range(4)]
    assert shown == ["panel d", "panel b", "panel c", "panel a"]
    assert [[row["value"] for row in rows(spec, number, "line")] for number in range(4)] == [[4, 4], [2, 2], [], [1, 1]]


def test_all_panels_have_the_same_scales() -> None:
    spec = chart(table({"a": [1, 2, 3], "b": [0.5, 400]}), ["a", "b"], log=True).to_dict()
    scales = [layer(spec, number, "line")["encoding"] for number in range(2)]
    assert scales[0]["x"]["scale"] == scales[1]["x"]["scale"]
    assert scales[0]["x"]["scale"]["domain"] == [MARCH_US / 1000, (MARCH_US + 3 * BIN_US) / 1000]
    assert scales[0]["y"]["scale"] == scales[1]["y"]["scale"]
    assert scales[0]["y"]["scale"]["type"] == "log"
    assert layer(spec, 0, "area")["encoding"]["y"]["scale"] == scales[0]["y"]["scale"]


def test_marks_by_name_are_in_their_own_panels_alone() -> None:
    made = table({"a": [1, 2, 3], "b": [2, 2, 2]})
    mark = Mark(MARCH_US + BIN_US, "", MARCH_US + BIN_US, MARCH_US + 2 * BIN_US)
    spec = chart(made, ["a", "b"], marks={"a": [], "b": [mark]}, mark_title="here").to_dict()
    kinds = [[each["mark"]["type"] for each in panel["layer"]].count("rule") for panel in spec["concat"]]
    assert kinds[1] == kinds[0] + 1
    assert spec["datasets"]["panel_2_intervals"] == [
        {"time": (MARCH_US + BIN_US) / 1000, "until": (MARCH_US + 2 * BIN_US) / 1000}
    ]
    assert any("dotted: here" in line for line in spec["title"]["subtitle"])
    assert vl_convert.vegalite_to_svg(spec)


def test_a_gap_breaks_line_and_band_and_is_hatched() -> None:
    made = chart(table({"a": [1, 2, None, None, 3]}), ["a"])
    spec = made.to_dict()
    assert [row["value"] for row in rows(spec, 0, "line")] == [1, 2, 2, None, 3, 3]
    assert [row["low"] for row in rows(spec, 0, "band")] == [0.5, 1.5, 1.5, None, 2.5, 2.5]
    [gap] = rows(spec, 0, "gaps")
    assert [gap["time"] * 1000, gap["until"] * 1000] == pytest.approx([MARCH_US + 2 * BIN_US, MARCH_US + 4 * BIN_US])
    assert rows(spec, 0, "hatch")
    svg = svg_of(made)
    line = re.search(r'class="mark-line.*?d="([^"]*)"', svg)
    assert line is not None
    assert line[1].count("M") == 2
    assert "hatched: not watched" in "".join(texts(svg))
    assert "hatched" not in json.dumps(chart(table({"a": [1, 2]}), ["a"]).to_dict())


def test_a_bin_without_a_band_breaks_the_band_alone() -> None:
    made = table({"a": [1, 2, 3]})
    low = made.column("low").to_pylist()
    made = made.set_column(3, "low", [[low[0], None, low[2]]])
    spec = chart(made, ["a"]).to_dict()
    assert [row["low"] for row in rows(spec, 0, "band")] == [0.5, 0.5, None, 2.5, 2.5]
    assert [row["value"] for row in rows(spec, 0, "line")] == [1, 2, 3, 3]


def test_more_bins_than_have_room_are_drawn_together_and_the_heading_says_so() -> None:
    spec = chart(table({"a": [float(number % 7) for number in range(8640)]}), ["a"]).to_dict()
    assert len(rows(spec, 0, "line")) == 8640 // 15 + 1 <= MOST_BINS + 1
    assert "drawn by 15 bins together; band: from the lowest to the highest" in spec["title"]["subtitle"]
    assert "95 %" not in json.dumps(spec)


def test_zeros_on_a_logarithmic_scale_are_drawn_at_the_edge_and_the_heading_says_so() -> None:
    made = chart(table({"a": [1, 0, 10]}, band=None), ["a"], log=True)
    spec = made.to_dict()
    assert [row["value"] for row in rows(spec, 0, "line")] == [1, 0, 10, 10]
    assert "logarithmic scale: zeros are drawn at the lower edge" in spec["title"]["subtitle"]
    line = re.search(r'class="mark-line.*?d="([^"]*)"', svg_of(made))
    assert line is not None
    assert "NaN" not in line[1]
    assert ",240L" in line[1]  # the panel's height


def test_names_filters_and_titles_are_texts_wherever_they_stand() -> None:
    evil = "</script><b>&amp; {expr: 1} \x1b[31m"
    made = table({evil: [1, 2]})
    panels = [(evil, evil)]
    from ims.figures.time_panels import time_panels

    options: dict[str, Any] = {"value_title": evil, "log": False, "band_title": evil, "bin_us": BIN_US}
    svg = svg_of(time_panels(made, Heading(evil, (evil,)), panels=panels, **options))
    assert "\x1b" not in svg
    assert "<b>" not in svg
    assert "".join(texts(svg)).count("</script><b>&amp; {expr: 1} \\x1b[31m") == 5


def test_a_long_name_stays_above_its_panel() -> None:
    spec = chart(table({"x" * 400: [1]}), ["a", "b", "c", "x" * 400]).to_dict()
    assert len(layer(spec, 3, "text")["encoding"]["text"]["value"]) < 70


def test_nothing_is_fetched_and_nothing_is_pandas() -> None:
    code = (
        "import sys; import ims.figures.time_panels, ims.figures.figure_file, ims.figures.text_chart\n"
        "assert not {'altair', 'vl_convert', 'plotext', 'pandas', 'rich'} & set(sys.modules), 'imported too early'\n"
        "from tests.figures.tables import chart, table\n"
        "print(chart(table({'a': [1, None, 3]}), ['a']).to_json())\n"
        "assert 'pandas' not in sys.modules\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert '"url"' not in ran.stdout
    assert re.findall(r"https?://[^\"]*", ran.stdout) == ["https://vega.github.io/schema/vega-lite/v6.4.1.json"]


ROOT = Path(__file__).parents[2]


def test_the_machines_time_zone_changes_nothing() -> None:
    code = (
        "import vl_convert\nfrom tests.figures.tables import chart, table\n"
        "spec = chart(table({'a': [1, None, 3] * 90, 'b': [2]}), ['a', 'b']).to_dict()\n"
        "print(vl_convert.vegalite_to_svg(spec, vl_version='6.4'))"
    )
    svgs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "TZ": zone},
        ).stdout
        for zone in ("UTC", "Asia/Tokyo", "America/St_Johns")
    ]
    assert svgs[0] == svgs[1] == svgs[2]
    assert "00:001 Mar 2004" in texts(svgs[0])
    assert "time (UTC)" in texts(svgs[0])


def test_no_panel_or_one_twice_is_refused() -> None:
    for names in ([], ["a", "a"]):
        with pytest.raises(ValueError, match="expected at least one, none twice"):
            chart(table({"a": [1]}), names)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "made",
    [SCHEMA.empty_table(), table({"a": [None, None]}), table({"a": [1]}), table({"a": [0]}), table({"a": [0, 0, 0]})],
    ids=["empty", "all null", "one bin", "one zero", "zeros"],
)
def test_tables_with_next_to_nothing_are_drawn(made: Any, log: bool) -> None:
    svg = svg_of(chart(made, ["a", "b"], log=log))
    assert {"panel a", "panel b", "Packet rate"} <= set(texts(svg))
    assert "NaN" not in svg
    assert "Infinity" not in svg


NUMBERS = st.none() | st.floats() | st.sampled_from([0.0, 1.0, 1e-300, 1e300, -5.0])


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(NUMBERS, max_size=12)), st.booleans(), st.integers(1, 4))
def test_odd_tables_are_drawn(panels: dict[str, list[float | None]], log: bool, number: int) -> None:
    made = chart(table(panels, band=None), list("abcd"[:number]), log=log)
    json.dumps(made.to_dict(), allow_nan=False)
    svg = svg_of(made)
    ElementTree.fromstring(svg)
    assert "NaN" not in svg
    assert "Infinity" not in svg
