"""The figure of hosts that did steps in order: all, each variant, and how many were identified so far."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import vl_convert

from ims.analyse.chain.figure import MOST_VARIANTS, figure, plot
from ims.analyse.result import Result

from ..chains import MSBLAST, VARIANTS, chain
from ..figures import spec_of, without
from ..outbreaks import micros

MANY = {f"{number:08x}" * 4: 100 - 10 * number for number in range(8)}


def titles(part: dict[str, Any]) -> list[str]:
    """What stands above its panels."""
    return [each["layer"][-1]["encoding"]["text"]["value"] for each in part["concat"]]


def lines(spec: dict[str, Any], name: str) -> list[float]:
    return [row["value"] for row in spec["datasets"][name] if row["value"] is not None]


def test_it_says_hosts_steps_range_bins_filter_size_and_losses() -> None:
    result = chain()
    spec = spec_of(replace(result, darknet=replace(result.darknet, frames_lost=1234)))
    assert spec["title"]["text"] == ["Hosts that did the steps in order: 2,050"]
    assert spec["title"]["subtitle"] == [
        "tcp dst port 135 and payload, then tcp dst port 4444 and payload; at most 10m between steps, at one address",
        "2003-08-11 to 2003-08-18 UTC, bins of 1h, not src net 10.0.0.0/8",
        "256 /24s watched: A/16",
        "with those not seen: 2,110 (2,060 to 2,190); 4 variants",
        "1,234 packets lost by the capturing programs",
        "hatched: not watched",
        "logarithmic scale: zeros are drawn at the lower edge",
    ]


@pytest.mark.parametrize(
    ("at", "where"), [("address", "at one address"), ("sensor", "at one sensor"), ("anywhere", "anywhere")]
)
def test_each_step_and_where_they_are_is_said(at: str, where: str) -> None:
    options = {"bin": "1h", "first": "a", "then": ["b", "c"], "within": "5m", "at": at}
    shown = spec_of(replace(chain(), options=options))["title"]["subtitle"][0]
    assert shown == f"a, then b, then c; at most 5m between steps, {where}"


def test_all_hosts_stand_above_the_variants_and_those_above_all_so_far() -> None:
    together, variants, total = spec_of(chain())["vconcat"]
    assert titles(together) == ["All hosts"]
    assert titles(variants) == [
        "payload 5ae700c1: 1,200 hosts",
        "payload 0badcafe: 500 hosts",
        "no payload: 250 hosts",
        "payload 1e2a3f4c: 100 hosts",
    ]
    assert titles(total) == ["Identified so far"]


def test_parts_are_equally_wide() -> None:
    together, variants, total = spec_of(chain())["vconcat"]
    pair = variants["concat"][0]["width"] * 2 + variants["spacing"]["column"]
    assert together["concat"][0]["width"] == total["concat"][0]["width"] == pair


def test_the_most_frequent_variants_have_panels_and_a_line_says_so() -> None:
    spec = spec_of(chain(variants=dict(reversed(MANY.items()))))
    shown = titles(spec["vconcat"][1])
    assert len(shown) == MOST_VARIANTS
    assert shown[0].startswith("payload 00000000: ")
    assert shown[-1].startswith("payload 00000005: ")
    assert any(line.endswith("8 variants, the 6 most frequent ones are shown") for line in spec["title"]["subtitle"])


def test_one_variant_needs_no_panel_of_its_own() -> None:
    spec = spec_of(chain(variants={MSBLAST: 200}))
    assert [titles(part) for part in spec["vconcat"]] == [["All hosts: payload 5ae700c1"], ["Identified so far"]]
    assert titles(spec_of(chain(variants={None: 200}))["vconcat"][0]) == ["All hosts: no payload"]


def test_all_so_far_grows_to_the_number_of_hosts_that_were_seen() -> None:
    result = chain()
    so_far = lines(spec_of(result), "total_1_line")
    assert so_far == sorted(so_far)
    assert so_far[-1] == len(result.rows)


def test_hosts_of_a_bin_that_was_hardly_watched_count_though_it_is_not_drawn() -> None:
    result = chain(gaps=())
    busiest = max((row for row in result.series.to_pylist() if row["variant"] == "all"), key=lambda row: row["new"])[
        "time"
    ]
    at = result.series.column_names.index("seconds")
    watched = [100.0 if time == busiest else 3600.0 for time in result.series.column("time").to_pylist()]
    spec = spec_of(replace(result, series=result.series.set_column(at, "seconds", [watched])))
    assert len(spec["datasets"]["panel_1_gaps"]) == len(spec["datasets"]["total_1_gaps"]) == 1
    assert lines(spec, "total_1_line")[-1] == len(result.rows)


def test_many_hosts_in_a_bin_have_a_logarithmic_axis_and_few_a_linear_one() -> None:
    def axes(result: Result) -> list[str]:
        parts = spec_of(result)["vconcat"]
        found = [next(each for each in part["concat"][0]["layer"] if each["mark"]["type"] == "line") for part in parts]
        return [each["encoding"]["y"]["scale"]["type"] for each in found]

    assert axes(chain()) == ["log", "log", "linear"]
    assert axes(chain(variants={None: 3, MSBLAST: 4})) == ["linear", "linear", "linear"]


def test_where_the_number_of_those_not_seen_is_not_known_it_is_said() -> None:
    spec = spec_of(chain(variants={MSBLAST: 7}, estimate=(None, None, None)))
    assert spec["title"]["text"] == ["Hosts that did the steps in order: 7"]
    assert "with those not seen: how many isn't known; 1 variant" in spec["title"]["subtitle"]


def test_a_host_with_two_variants_is_one() -> None:
    result = chain(variants={MSBLAST: 7})
    twice = result.rows.set_column(3, "variant", pa.array(["ab" * 16] * len(result.rows)))
    both = replace(result, rows=pa.concat_tables([result.rows, twice]))
    assert spec_of(both)["title"]["text"] == ["Hosts that did the steps in order: 7"]


def test_the_whole_range_is_drawn_where_nothing_was_watched_too() -> None:
    data = spec_of(replace(chain(2, gaps=()), since=micros(-24), until=micros(72)))["datasets"]
    for part in ("panel_1_gaps", "variant_1_gaps", "total_1_gaps"):
        assert min(row["time"] for row in data[part]) * 1000 == micros(-24)
        assert max(row["until"] for row in data[part]) * 1000 == micros(72)


def test_what_the_role_is_not_shown_is_not_drawn() -> None:
    result = chain()
    assert figure(without(result, "sources")) is None
    assert plot(without(result, "sources"), 80, True) is None
    assert "Identified" not in json.dumps(spec_of(without(result, "new")))


def test_without_rows_there_is_nothing_to_draw() -> None:
    result = chain()
    empty = replace(result, series=result.series.slice(0, 0), rows=result.rows.slice(0, 0))
    assert figure(empty) is None
    assert plot(empty, 80, True) is None


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [24, 80, 120])
def test_as_text_it_has_the_same_parts(width: int, unicode: bool) -> None:
    plotted = plot(chain(), width, unicode)
    assert plotted is not None
    shown = plotted.split("\n")
    assert max(map(len, shown)) <= width
    assert unicode or plotted.isascii()
    assert shown[0] == "hosts in each hour"
    if width >= 80:
        for part in ("All hosts", "payload 5ae700c1: 1,200 hosts", "no payload: 250 hosts", "Identified so far"):
            assert part in shown, part


@pytest.mark.parametrize(
    "result",
    [chain(0.1, {None: 0}, gaps=()), chain(2, {MSBLAST: 1}), chain(each="10m"), chain(variants={**VARIANTS, **MANY})],
    ids=["no host", "one host", "short bins", "many variants"],
)
def test_odd_series_are_drawn(result: Result) -> None:
    svg = vl_convert.vegalite_to_svg(spec_of(result), vl_version="6.4", allowed_base_urls=[])
    assert "NaN" not in svg
    plotted = plot(result, 80, True)
    assert plotted is not None
    assert "nan" not in plotted
