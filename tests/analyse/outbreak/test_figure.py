"""The figure of an outbreak: sources with their fit, packets, phases; and what is left out where it isn't known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import vl_convert

from ims.analyse.outbreak.figure import figure, plot

from ..figures import spec_of, without
from ..outbreaks import DECAY, GROWTH, PERSISTENCE, PHASES, micros, outbreak


def test_it_says_range_bins_filter_size_estimates_and_losses() -> None:
    text = json.dumps(spec_of(outbreak(lost=1234)))
    for part in (
        "2003-08-11 to 2003-08-18 UTC, bins of 1h, tcp dst port 135", "256 /24s watched: A/16",
        "steepest growth, sources an hour 40,000 (35,000 to 44,000), sources 300,000 (280,000 to 320,000)",
        "1,234 packets lost", "Packets in each hour", "dashed: fitted curve; dotted: begin of a phase, grey: its interval",
        "Sources in each hour: doubling time 2.31 h (2.2 to 2.45), half-life 10.4 h (9.9 to 11)",
    ):  # fmt: skip
        assert part in text, part


def test_sources_stand_above_packets_on_one_logarithmic_axis_with_a_curve_for_sources_alone() -> None:
    spec = spec_of(outbreak())
    tops = [max(row["value"] or 0 for row in spec["datasets"][f"panel_{panel}_line"]) for panel in (1, 2)]
    assert 10 < tops[1] / tops[0] < 12
    assert '"type": "log"' in json.dumps(spec)
    assert len(spec["datasets"]["panel_1_curve"]) > 160
    assert spec["datasets"]["panel_2_curve"] == []
    assert max(row["value"] or 0 for row in spec["datasets"]["panel_1_curve"]) == pytest.approx(tops[0], rel=0.02)


def test_each_phase_but_the_first_has_a_mark_and_the_decline_its_interval() -> None:
    data = spec_of(outbreak())["datasets"]
    assert [row["time"] * 1000 for row in data["marks"]] == [micros(hour) for hour in (GROWTH, DECAY, PERSISTENCE)]
    assert [row["text"] for row in data["mark_texts"]] == ["growth", "decay", "persistence"]
    [strip] = data["intervals"]
    assert [strip["time"] * 1000, strip["until"] * 1000] == [micros(DECAY - 2), micros(DECAY + 3)]


def test_a_decline_with_one_known_end_reaches_to_the_end_of_the_range() -> None:
    result = outbreak()
    began = replace(result.estimates["decline_began"], high=None)
    [strip] = spec_of(replace(result, estimates={**result.estimates, "decline_began": began}))["datasets"]["intervals"]
    assert [strip["time"] * 1000, strip["until"] * 1000] == [micros(DECAY - 2), micros(168)]


def test_without_a_fit_the_series_alone_is_drawn() -> None:
    spec = spec_of(outbreak(is_fitted=False, phases=PHASES[:1]))
    assert {"panel_1_line", "panel_2_line"} <= set(spec["datasets"])
    assert not {"marks", "intervals", "panel_1_curve"} & set(spec["datasets"])
    text = json.dumps(spec)
    for word in ("dashed", "dotted", "doubling", "steepest growth", "not known"):
        assert word not in text, word


def test_the_whole_range_is_drawn_where_nothing_was_watched_too() -> None:
    result = replace(outbreak(48), since=micros(-24), until=micros(72))
    gaps = spec_of(result)["datasets"]["panel_1_gaps"]
    assert min(row["time"] for row in gaps) * 1000 == micros(-24)
    assert max(row["until"] for row in gaps) * 1000 == micros(72)


def test_a_bin_that_was_hardly_watched_is_not_drawn() -> None:
    result = outbreak(24)
    at = result.series.column_names.index("seconds")
    watched = [1000.0, *result.series.column("seconds").to_pylist()[1:]]
    short = replace(result, series=result.series.set_column(at, "seconds", [watched]))
    gap = spec_of(short)["datasets"]["panel_1_gaps"][0]
    assert [gap["time"] * 1000, gap["until"] * 1000] == pytest.approx([micros(0), micros(1)])


def test_what_the_role_is_not_shown_has_no_panel() -> None:
    sources, packets = ("sources", "low", "high", "fitted"), ("packets", "packets_low", "packets_high")
    for columns, shown, hidden in ((sources, "Packets", "Sources"), (packets, "Sources", "Packets")):
        result = without(outbreak(), *columns)
        plotted = plot(result, 80, True)
        assert plotted is not None
        for text in (json.dumps(spec_of(result)["concat"]), plotted):
            assert shown in text
            assert hidden not in text
    assert figure(without(outbreak(), *sources, *packets)) is None


def test_without_rows_there_is_nothing_to_draw() -> None:
    result = outbreak()
    empty = replace(result, series=result.series.slice(0, 0))
    assert figure(empty) is None
    assert plot(empty, 80, True) is None


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [24, 80, 120])
def test_as_text_it_has_the_same_parts(width: int, unicode: bool) -> None:
    plotted = plot(outbreak(), width, unicode)
    assert plotted is not None
    lines = plotted.split("\n")
    assert max(map(len, lines)) <= width
    assert lines[0] == "in each hour"
    assert unicode or plotted.isascii()
    if width >= 80:
        for part in ("doubling time 2.31 h (2.2 to 2.45), half-life 10.4 h (9.9 to 11)", "Packets", "fitted curve", "growth",
                     "decay", "persistence", "^ begin of a phase", "its interval"):  # fmt: skip
            assert part in plotted, part


@pytest.mark.parametrize(("each", "title"), [("1h", "in each hour"), ("1d", "in each day"), ("10m", "in each 10m")])
def test_titles_name_the_bin(each: str, title: str) -> None:
    assert f"Packets {title}" in json.dumps(spec_of(outbreak(96, each=each, gap=None)))


def test_marks_close_together_are_drawn() -> None:
    phases = [("before", 0.0), ("growth", 40.0), ("decay", 40.5), ("persistence", 41.0)]
    svg = vl_convert.vegalite_to_svg(spec_of(outbreak(phases=phases)), vl_version="6.4", allowed_base_urls=[])
    for name, _ in phases[1:]:
        assert f">{name}<" in svg
