"""The figure: blocks as rows, the highest rate first; shares with their intervals and what chance would give."""

from __future__ import annotations

import json
from typing import Any

import pytest
import vl_convert

from ims.analyse.analyses import ANALYSES
from ims.analyse.local_preference.analysis import model
from ims.analyse.local_preference.figure import MOST_ROWS
from ims.analyse.result import Darknet, Result

from ..figures import spec_of
from .blocks import block, data

BLOCKS = [block("A/24", [30, 9], [4], [1] * 300), block("B/24", [], [2, 2], [1] * 900), block("C/24")]


def result_of(*blocks: Any, **more: Any) -> Result:
    found = model(data(*blocks))
    darknet = Darknet(256.0 * len(blocks), tuple(each.name for each in blocks), more.pop("lost", 0))
    words = {"filter": "udp", "since": 0, "until": 86_400_000_000} | more
    return Result("local-preference", darknet=darknet, estimates=found.estimates, rows=found.rows, series=found.series,
                  **words)  # fmt: skip


def test_it_says_range_filter_size_estimates_and_losses() -> None:
    text = " ".join(spec_of(result_of(*BLOCKS, lost=7))["title"]["subtitle"])
    for part in ("1970-01-01 to 1970-01-02 UTC, udp", "3 /24s watched: A/24, B/24, C/24", "from the own /8: 3.77 %",
                 "from the own /16: 3.13 %", "7 packets lost", "bars: 95 % interval; dotted: by chance",
                 "hollow, at the left edge: 0"):  # fmt: skip
        assert part in text, part


def test_rows_are_blocks_to_which_packets_came_the_highest_rate_first() -> None:
    spec = spec_of(result_of(*BLOCKS))
    assert {name: len(rows) for name, rows in spec["datasets"].items()} == {
        "one_row": 1, "dots_1": 2, "dots_2": 2, "dots_3": 2,
    }  # fmt: skip
    assert '[\\"B/24\\", \\"A/24\\"]' in json.dumps(spec)
    assert [row["zero"] for row in spec["datasets"]["dots_3"]] == [True, False]


def test_it_is_drawn_and_as_text() -> None:
    result = result_of(*BLOCKS)
    svg = vl_convert.vegalite_to_svg(spec_of(result), vl_version="6.4", allowed_base_urls=[])
    for text in ("From the own /16", "A/24", "packets/s per /24", "% of packets"):
        assert text in svg
    for unicode, marks in ((True, "●○─┊"), (False, "*o-|")):
        lines = str(result.plot(60, unicode)).splitlines()
        assert all(len(line) <= 60 for line in lines)
        assert all(mark in "".join(lines) for mark in marks)
        assert sum(line.startswith("A/24") for line in lines) == 3


@pytest.mark.parametrize("blocks", [(), (block("C/24"),)])
def test_nothing_to_draw_is_no_figure(blocks: Any) -> None:
    result = result_of(*blocks)
    assert result.figure() is None and result.plot() is None
    assert ANALYSES["local-preference"].name == result.question


def test_of_very_many_blocks_those_with_the_highest_rates_are_drawn() -> None:
    many = [block(f"B{n}/24", [], [], [1] * (n + 1)) for n in range(MOST_ROWS + 5)]
    spec = spec_of(result_of(*many))
    assert len(spec["datasets"]["dots_1"]) == MOST_ROWS
    assert f"of {MOST_ROWS + 5} blocks, the {MOST_ROWS} with the highest rates" in spec["title"]["subtitle"]
