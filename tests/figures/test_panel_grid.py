"""Parts of a picture: each with axes of its own, aligned, with one heading that says everything once."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import vl_convert

from ims.figures.panel_grid import COLUMN_GAP, HALF_WIDTH, Grid, picture, usual_grid
from ims.figures.theme import Heading
from ims.figures.time_panels import time_part

from .tables import BIN_US, table, with_curve

HEADING = Heading("Two parts", ("of a day",))


def part(name: str, values: list[float | None], **options: Any) -> Any:
    options = {"value_title": name, "log": False, "bin_us": BIN_US, "band_title": "95 %", "prefix": name, **options}
    return time_part(table({name: values}), panels=[(name, f"panel {name}")], **options)


def svg_of(chart: Any) -> str:
    return vl_convert.vegalite_to_svg(chart.to_dict(), vl_version="6.4", allowed_base_urls=[])


def frames(svg: str) -> list[tuple[float, ...]]:
    """Left, top, width and height of the panels: of backgrounds that have a frame."""
    found: list[tuple[float, ...]] = []

    def visit(element: ElementTree.Element, left: float, top: float) -> None:
        moved = re.match(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform", ""))
        x, y = map(float, moved.groups()) if moved else (0.0, 0.0)
        if element.get("class") == "background" and element.get("stroke"):
            size = re.match(r"M[\d.]+,[\d.]+h([\d.]+)v([\d.]+)", element.get("d", ""))
            assert size is not None
            found.append((left + x, top + y, *map(float, size.groups())))
        for each in element:
            visit(each, left + x, top + y)

    visit(ElementTree.fromstring(svg), 0, 0)
    return found


def test_one_part_is_a_chart_without_another_around_it() -> None:
    spec = picture([part("a", [1, 2])], HEADING).to_dict()
    assert set(spec) & {"concat", "hconcat", "vconcat"} == {"concat"}


def test_parts_have_axes_and_datasets_of_their_own() -> None:
    spec = picture([part("a", [1, 2]), part("b", [100, 500])], HEADING).to_dict()
    assert {"a_1_line", "b_1_line", "one_row"} <= set(spec["datasets"])
    tops = [
        next(layer["encoding"]["y"]["scale"]["domain"][1] for layer in each["concat"][0]["layer"] if layer["mark"]["type"] == "line")
        for each in spec["vconcat"]
    ]  # fmt: skip
    assert tops == [2.5, 600]


def test_below_each_other_panels_begin_at_the_same_column_whatever_their_labels_are() -> None:
    svg = svg_of(picture([part("a", [1, 2]), part("b", [1e-5, 2e-5])], HEADING))
    (left, top, *size), (other, below, *other_size) = frames(svg)
    assert left == other
    assert size == other_size
    assert top + size[1] + 40 < below


def test_beside_each_other_panels_begin_at_the_same_row() -> None:
    grid = Grid(1, 200, 80)
    made = [part("a", [1, 2], grid=grid), part("b", [1, 2], grid=grid)]
    svg = svg_of(picture(made, HEADING, beside=True))
    (left, top, *_), (other, beside, *_) = frames(svg)
    assert top == beside
    assert left + 200 + 30 < other


def test_the_heading_says_once_what_all_parts_say_and_each_part_s_own() -> None:
    fitted = time_part(
        with_curve(table({"b": [1, None, 2]}), [1, None, 2]), panels=[("b", "")], value_title="", log=False,
        band_title="99 %", bin_us=BIN_US, curve_title="fit", prefix="b",
    )  # fmt: skip
    spec = picture([part("a", [1, None, 2]), fitted], HEADING).to_dict()
    assert spec["title"]["subtitle"] == ["of a day", "band: 95 %; band: 99 %; hatched: not watched", "dashed: fit"]


def test_four_panels_and_more_stand_in_two_columns() -> None:
    assert [usual_grid(number).columns for number in (0, 1, 3, 4, 12)] == [1, 1, 1, 2, 2]
    assert usual_grid(4).whole_width == 2 * HALF_WIDTH + COLUMN_GAP
