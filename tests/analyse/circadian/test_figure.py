"""The figure of a daily pattern: over the range and by the hour of the day, and what is left out where none was found."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import vl_convert
from rich.cells import cell_len

from ims.analyse.circadian.figure import MOST_GROUPS, figure, plot
from ims.analyse.result import Result

from ..daily import Group, circadian, micros
from ..figures import spec_of, without

HOUR_MS = 3_600_000
COUNTRIES = {f"C{number:02}": Group(100 - number, number % 24, number % 24 - 11.0) for number in range(14)}


def first(number: int) -> dict[str, Group]:
    return dict(list(COUNTRIES.items())[:number])


def test_it_says_the_peak_range_bins_filter_size_estimates_and_losses() -> None:
    result = circadian()
    spec = spec_of(replace(result, darknet=replace(result.darknet, frames_lost=1234)))
    assert spec["title"]["text"] == ["Daily pattern: most sources near 05:00 UTC (04:12 to 05:48)"]
    assert spec["title"]["subtitle"] == [
        "2004-03-01 to 2004-03-08 UTC, bins of 1h, tcp dst port 135",
        "256 /24s watched: A/16",
        "amplitude 0.5 of the mean (0.45 to 0.55), period 24 h (23.8 to 24.2), p < 0.001",
        "1,234 packets lost by the capturing programs",
        "band: 95 % interval of each bin; band: by the hour, 95 % interval of the mean of these days; hatched: not watched",
        "dashed: fitted pattern; dotted: peak of the pattern, grey: its interval",
    ]


def test_the_range_stands_above_the_hours_of_the_day_each_with_its_curve() -> None:
    data = spec_of(circadian())["datasets"]
    assert [max(row["until"] for row in data["panel_1_gaps"]) * 1000] == pytest.approx([micros(55)])
    assert len(data["panel_1_curve"]) > 150
    highest = max(data["day_1_curve"], key=lambda row: row["value"])
    assert highest["time"] / HOUR_MS == pytest.approx(5, abs=0.6)
    assert highest["value"] == pytest.approx(330, rel=0.02)
    assert len(spec_of(circadian())["vconcat"]) == 2


def test_the_peak_of_the_day_has_a_mark_with_its_interval_and_the_range_has_none() -> None:
    data = spec_of(circadian(groups={"all": Group(peak=23.5, spread=3)}))["datasets"]
    assert [row["time"] / HOUR_MS for row in data["day_1_marks"]] == [23.5]
    strips = [(row["time"] / HOUR_MS, row["until"] / HOUR_MS) for row in data["day_1_intervals"]]
    assert strips == [(0, 2.5), (20.5, 24)]
    assert "marks" not in data


def test_without_a_pattern_the_series_is_drawn_without_mark_and_curve() -> None:
    spec = spec_of(circadian(groups={"all": Group(peak=None)}))
    assert spec["title"]["text"] == ["Daily pattern: none found"]
    assert {"panel_1_line", "day_1_line"} <= set(spec["datasets"])
    text = json.dumps(spec)
    for word in ("dashed", "dotted", "amplitude", "not known", "curve", "marks"):
        assert word not in text, word
    assert "p = 0.4" in text


def test_groups_stand_below_each_other_each_beside_its_day() -> None:
    spec = spec_of(circadian(groups=first(3)))
    over_time, by_hour = spec["hconcat"]
    assert [len(over_time["concat"]), len(by_hour["concat"])] == [3, 3]
    assert [each["height"] for each in over_time["concat"]] == [each["height"] for each in by_hour["concat"]]
    text = json.dumps(by_hour)
    assert "13:00 (12:12 to 13:48), UTC-11" in text
    assert "hour of the day (local time where it is known, else UTC)" in text


def test_of_many_groups_those_with_the_most_sources_are_drawn_and_a_line_says_so() -> None:
    spec = spec_of(circadian(2, dict(reversed(COUNTRIES.items()))))
    assert len(spec["hconcat"][0]["concat"]) == MOST_GROUPS
    text = json.dumps(spec)
    assert "of 14 groups, the 12 with the most sources" in text
    assert '"C00"' in text
    assert '"C11"' in text
    assert '"C12"' not in text


def test_where_groups_alone_have_patterns_the_title_says_so() -> None:
    result = circadian(groups=first(2))
    peak = replace(result.estimates["peak_hour"], value=None)
    shown = replace(result, estimates={**result.estimates, "peak_hour": peak})
    assert spec_of(shown)["title"]["text"] == ["Daily pattern of each group"]


def test_bins_of_days_have_no_hours() -> None:
    result = circadian(14, each="1d", gaps=())
    assert not any(name.startswith("day") for name in spec_of(result)["datasets"])
    plotted = plot(result, 80, True)
    assert plotted is not None
    assert "hour of the day" not in plotted


def test_the_whole_range_is_drawn_where_nothing_was_watched_too() -> None:
    gaps = spec_of(replace(circadian(2, gaps=()), since=micros(-24), until=micros(72)))["datasets"]["panel_1_gaps"]
    assert min(row["time"] for row in gaps) * 1000 == micros(-24)
    assert max(row["until"] for row in gaps) * 1000 == micros(72)


def test_a_bin_that_was_hardly_watched_is_neither_drawn_nor_in_a_mean() -> None:
    result = circadian(1, gaps=())
    at = result.series.column_names.index("seconds")
    watched = [1000.0, *result.series.column("seconds").to_pylist()[1:]]
    data = spec_of(replace(result, series=result.series.set_column(at, "seconds", [watched])))["datasets"]
    assert [data["day_1_gaps"][0][end] / HOUR_MS for end in ("time", "until")] == pytest.approx([0, 1])
    assert [data["panel_1_gaps"][0][end] * 1000 for end in ("time", "until")] == [micros(0), micros(1)]


def test_what_the_role_is_not_shown_is_not_drawn() -> None:
    result = circadian()
    assert figure(without(result, "sources")) is None
    assert plot(without(result, "sources"), 80, True) is None
    spec = spec_of(without(result, "low", "high"))
    assert spec["datasets"]["panel_1_band"] == []


def test_without_rows_there_is_nothing_to_draw() -> None:
    result = circadian()
    empty = replace(result, series=result.series.slice(0, 0), rows=result.rows.slice(0, 0))
    assert figure(empty) is None
    assert plot(empty, 80, True) is None


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [24, 80, 120])
@pytest.mark.parametrize("groups", [1, 3])
def test_as_text_it_has_the_same_parts(groups: int, width: int, unicode: bool) -> None:
    plotted = plot(circadian(groups=first(groups) if groups > 1 else None), width, unicode)
    assert plotted is not None
    lines = plotted.split("\n")
    assert max(map(cell_len, lines)) <= width
    assert unicode or plotted.isascii()
    if width >= 80:
        shown = "C00: 13:00 (12:12 to 13:48), UTC-11" if groups > 1 else "all sources: 05:00 (04:12 to 05:48)"
        for part in ("sources in each hour", shown, "fitted pattern", "^ peak of the pattern", "its interval",
                     "2004-03-01T00:00:00Z to", "hour of the day", "band: by the hour, 95 % interval of the mean of these days"):  # fmt: skip
            assert part in plotted, part


@pytest.mark.parametrize(
    "result",
    [circadian(0.1, gaps=()), circadian(groups={"all": Group(0.3)}), circadian(1, each="10m", gaps=()), circadian(14, each="6h")],
    ids=["two hours", "few sources", "short bins", "long bins"],
)  # fmt: skip
def test_odd_series_are_drawn(result: Result) -> None:
    svg = vl_convert.vegalite_to_svg(spec_of(result), vl_version="6.4", allowed_base_urls=[])
    assert "NaN" not in svg
    plotted = plot(result, 80, True)
    assert plotted is not None
    assert "nan" not in plotted
