"""The figure of new payloads: by time, by place, and the share that came on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import vl_convert

from ims.analyse.result import Result

from ..figures import spec_of, without


def titles(part: dict[str, Any]) -> list[str]:
    """What stands above its panels."""
    return [each["layer"][-1]["encoding"]["text"]["value"] for each in part["concat"]]


def test_it_says_the_share_the_range_the_size_and_the_rate(result: Result) -> None:
    spec = spec_of(replace(result, darknet=replace(result.darknet, frames_lost=1234)))
    assert spec["title"]["text"] == ["Payloads never seen before, of which 14.3 % came to a second block"]
    lines = spec["title"]["subtitle"]
    assert lines[0].startswith("2026-03-05 to 2026-03-07 UTC, bins of 1h, udp")
    assert lines[1] == "3 /24s watched: A/24, B/24, C/24" and "payloads/day per /24" in lines[2]
    assert lines[3] == "1,234 packets lost by the capturing programs"


def test_all_stand_above_the_places_and_those_above_the_delays(result: Result) -> None:
    together, places, later = spec_of(result)["vconcat"]
    assert titles(together) == ["All 3 blocks: 179 new payloads"]
    assert titles(places) == ["C/24, first: 65", "A/24, first: 57", "B/24, first: 57"]
    assert titles(later) == [
        "Came to a second block, half of them within 2 h", "Came to a third block, half of them within 9 h",
    ]  # fmt: skip


def test_it_can_be_drawn_and_is_text_too(result: Result) -> None:
    assert vl_convert.vegalite_to_svg(json.dumps(spec_of(result)), "6.4").startswith("<svg")
    for unicode in (True, False):
        text = result.plot(80, unicode)
        assert text is not None and max(map(len, text.splitlines())) <= 80
        assert "All 3 blocks" in text and "Came to a third block" in text and "time since the first block" in text
        assert unicode or text.isascii()


def test_without_delays_or_without_numbers_what_is_known_is_drawn(result: Result) -> None:
    by_time = result.series.filter([row["part"] == "new" for row in result.series.to_pylist()])
    assert len(spec_of(replace(result, series=by_time))["vconcat"]) == 2
    assert without(result, "new").figure() is None and without(result, "new").plot() is None


@pytest.mark.parametrize(("new", "is_log"), [(1, False), (5000, True)])
def test_a_flood_makes_the_axis_logarithmic(result: Result, new: int, is_log: bool) -> None:
    rows = result.series.to_pylist()
    rows[0] |= {"new": new, "high": new * 1.1}
    series = result.series.from_pylist(rows, result.series.schema)
    assert ('"type": "log"' in json.dumps(spec_of(replace(result, series=series)))) == is_log


def test_a_single_place_has_one_panel(result: Result) -> None:
    kept = [row["part"] == "new" and row["place"] in (None, "A/24") for row in result.series.to_pylist()]
    spec = spec_of(replace(result, series=result.series.filter(kept)))
    assert "vconcat" not in spec and titles(spec) == ["A/24: 179 new payloads"]
