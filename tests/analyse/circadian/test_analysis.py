"""The daily pattern: what is found, what isn't, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ims
from ims.analyse.circadian.analysis import FOUND, model
from ims.analyse.circadian.data import Data
from ims.analyse.execution import Finding

from ...stores import CAPTURES, ingest, needs_captures
from ..day_counts import HOUR_US, bins, totals, wave, weeks, without

WEEK = np.arange(168) + 0.5
NETWORKS = 40


def pattern(rate: float = 3.0, peak: float = 5.0, height: float = 0.5, hours: Any = WEEK, **words: Any) -> Data:
    """Networks that all have the same hour."""
    return weeks(rate * wave(hours, peak, height) * np.ones((NETWORKS, 1)), **words)


def of(finding: Finding, name: str) -> Any:
    estimate = finding.estimates[name]
    assert estimate.value is not None and estimate.low <= estimate.value <= estimate.high
    return estimate


def seconds(data: Data) -> Data:
    """The same of a few seconds of each bin."""
    watched = replace(data.drawn, seconds=np.full(len(data.drawn.time), 5.0))
    return replace(data, drawn=watched, narrow=watched)


def nulls(finding: Finding) -> set[str]:
    return {"peak_hour", "amplitude", "period"} - finding.estimates.keys()


def test_the_peak_the_amplitude_and_the_period_are_found() -> None:
    found = model(pattern())
    assert of(found, "peak_hour").low < 5 < of(found, "peak_hour").high
    assert of(found, "amplitude").low < np.sinh(0.5) / np.i0(0.5) < of(found, "amplitude").high
    assert of(found, "period").low < 24 < of(found, "period").high
    p = found.estimates["p_value"]
    assert p.value is not None and p.value < FOUND and p.low is None and p.high is None
    [row] = found.rows.to_pylist()
    assert row["group"] == "all" and row["peak_hour"] == found.estimates["peak_hour"].value
    assert row["utc_offset"] is None and row["local_peak"] is None
    assert row["sources"] == pytest.approx(3 * NETWORKS * np.i0(0.5), rel=0.05)


def test_the_series_has_the_curve() -> None:
    found = model(pattern())
    fitted = np.array(found.series.column("fitted").to_pylist())
    assert fitted == pytest.approx(3 * NETWORKS * wave(WEEK), rel=0.1)
    sources, low, high = (np.array(found.series.column(name).to_pylist()) for name in ("sources", "low", "high"))
    assert ((low < sources) & (sources < high)).all()


@pytest.mark.parametrize("peak", [0.2, 23.7])
def test_an_interval_around_midnight_goes_beyond_it(peak: float) -> None:
    estimate = of(model(pattern(peak=peak, rate=0.5)), "peak_hour")
    assert 0 <= estimate.value < 24
    assert estimate.low < 0 or estimate.high > 24


@pytest.mark.parametrize("seed", range(5))
def test_where_there_is_no_pattern_none_is_told(seed: int) -> None:
    found = model(pattern(height=0, seed=seed))
    assert nulls(found) == {"peak_hour", "amplitude", "period"}
    assert found.estimates["p_value"].value is not None
    assert any("no daily pattern is told" in note for note in found.notes)
    assert found.series.column("fitted").null_count == 168


def test_a_rhythm_of_31_hours_is_not_a_days() -> None:
    rates = 3 * np.exp(0.5 * np.cos(2 * np.pi * WEEK / 31)) * np.ones((NETWORKS, 1))
    assert nulls(model(weeks(rates))) == {"peak_hour", "amplitude", "period"}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (lambda: pattern(hours=WEEK[:40]), "too short"),
        (lambda: seconds(pattern(hours=WEEK[:1])), "too short"),
        (lambda: pattern(rate=0.002), "too few sources"),
        (lambda: pattern(rate=0), "no packets matched"),
        (lambda: without(pattern(), WEEK % 24 > 10), "too few hours of the day"),
        (lambda: weeks(np.where((WEEK > 60) & (WEEK < 90), 90.0, 1.0) * np.ones((40, 1))), "as in an outbreak"),
    ],
    ids=["short", "seconds", "few", "none", "mornings", "outbreak"],
)
def test_what_is_missing_is_said(data: Any, why: str) -> None:
    found = model(data())
    assert found.estimates == {}
    assert why in found.notes[0] and len(found.series)
    assert found.rows.column("p_value").to_pylist() == [None]


def test_wide_bins_tell_no_hours() -> None:
    wide = replace(bins(28), width=6 * HOUR_US, time=bins(28).time * 6)
    data = replace(totals(weeks(np.full((4, 28), 30.0))), drawn=wide, narrow=wide, asked=6 * HOUR_US)
    assert "too wide" in model(data).notes[0]


def test_two_days_have_a_peak_and_no_period() -> None:
    found = model(pattern(rate=20, hours=WEEK[:48]))
    assert of(found, "peak_hour").low < 5 < of(found, "peak_hour").high
    assert nulls(found) == {"period"}
    assert any("period" in note for note in found.notes)


@pytest.mark.parametrize("hidden", [(30, 40), (0, 7), (100, 130)])
def test_a_gap_is_no_night(hidden: tuple[int, int]) -> None:
    gap = (hidden[0] < WEEK) & (hidden[1] > WEEK)
    assert of(model(without(pattern(), gap)), "peak_hour").value == pytest.approx(5, abs=0.6)
    assert nulls(model(without(pattern(height=0), gap))) == {"peak_hour", "amplitude", "period"}


def test_networks_that_each_have_an_hour_of_their_own_make_intervals_wide() -> None:
    peaks = np.random.default_rng(1).normal(5, 4, NETWORKS)
    alike = of(model(pattern(rate=30)), "peak_hour")
    apart = of(model(weeks(30 * np.stack([wave(WEEK, peak) for peak in peaks]))), "peak_hour")
    width = [each.high - each.low for each in (alike, apart)]
    assert width[1] > 5 * width[0]


def test_totals_have_an_interval_of_other_days_and_say_so() -> None:
    found = model(totals(pattern()))
    assert of(found, "peak_hour").low < 5 < of(found, "peak_hour").high
    assert any("aren't shown to your role" in note for note in found.notes)
    assert "networks" not in of(found, "peak_hour").method


def test_noise_that_a_role_is_shown_is_in_the_interval() -> None:
    data = totals(pattern(), 20.0)
    data.sources.value[:] += np.random.default_rng(1).normal(0, 20, 168)
    noisy, plain = (of(model(each), "peak_hour") for each in (data, totals(pattern())))
    assert noisy.high - noisy.low > 1.3 * (plain.high - plain.low)
    low = np.array(model(data).series.column("low").to_pylist())
    assert (low < np.array(data.sources.low)).all()


def test_bins_that_are_not_shown_are_unknown_not_empty() -> None:
    data = totals(pattern())
    for each in (data.sources.value, data.sources.low, data.sources.high):
        each[60:75] = np.nan
    found = model(data)
    assert of(found, "peak_hour").value == pytest.approx(5, abs=0.6)
    assert found.series.column("sources").null_count == 15
    data.sources.value[:] = np.nan
    assert "shown to your role" in model(data).notes[0]


def test_another_width_that_a_role_is_shown_is_said() -> None:
    assert model(replace(totals(pattern()), asked=HOUR_US // 6)).options == {"bin": "1h"}
    assert model(pattern()).options == {}


def test_all_have_the_same_local_hour_in_different_zones() -> None:
    """At 14:00 by their own clocks: in UTC at 5:00 and at 19:00."""
    ahead = np.repeat([9.0, -5.0], NETWORKS // 2)
    rates = 3 * np.stack([wave(WEEK + each, 14) for each in ahead])
    [row] = model(weeks(rates, ahead=ahead)).rows.to_pylist()
    assert row["utc_offset"] == pytest.approx(2, abs=0.3)
    assert row["local_peak_low"] < 14 < row["local_peak_high"]
    assert row["local_peak_high"] - row["local_peak_low"] < 1.5


def test_countries_have_rows_and_all_together_the_estimates() -> None:
    ahead = np.repeat([9.0, -5.0], NETWORKS // 2)
    names = ("JP",) * (NETWORKS // 2) + ("PE",) * (NETWORKS // 2)
    rates = np.stack([(40 if each > 0 else 15) * wave(WEEK + each, 14) for each in ahead])
    found = model(weeks(rates, ahead=ahead, names=names))
    rows = {row["group"]: row for row in found.rows.to_pylist()}
    assert list(rows) == ["JP", "PE"]
    assert rows["JP"]["peak_hour"] == pytest.approx(5, abs=0.5) and rows["PE"]["peak_hour"] == pytest.approx(
        19, abs=0.7
    )
    for row in rows.values():
        assert row["local_peak"] == pytest.approx(14, abs=0.7) and row["p_value"] < FOUND
    assert rows["JP"]["utc_offset"] == 9 and rows["PE"]["utc_offset"] == -5
    assert of(found, "peak_hour").value == pytest.approx(5, abs=1)
    assert found.series.column("group").to_pylist() == ["JP"] * 168 + ["PE"] * 168


@needs_captures
@pytest.mark.parametrize(
    ("capture", "bin", "about"),
    [
        ("honeypot-glastopf-20170307-24h", "1h", "a web honeypot, March 2017"),
        ("ndpi-source_engine", "1h", "probes for game servers"),
        ("stopddos-pkt.TCP.synflood.spoofed", "1s", "a flood of forged SYNs"),
    ],
)
def test_real_captures_are_too_short_and_the_page_says_how_short(
    capture: str, bin: str, about: str, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "analyses.md").read_text().partition("## `circadian`")[2]
    [line] = [line for line in page.splitlines() if line.startswith(f"| {about}")]
    with ims.open(ingest(tmp_path / "STORE", CAPTURES / f"{capture}.pcap", blocks=["all/0=0.0.0.0/0"])) as telescope:
        result = telescope.analyse.circadian(bin=bin)
    assert all(each.value is None for each in result.estimates.values())
    days = line.strip("|").split("|")[1].strip()
    assert result.notes[0] == f"too short to tell what repeats each day: {days} days were watched, where it takes 2"


def test_addresses_of_which_a_few_are_silent_each_night_make_no_pattern() -> None:
    """Of hosts that are seen anyway, however many these addresses are."""
    addresses = np.where(WEEK % 24 < 6, 247.0, 256.0)
    data = pattern(rate=500, height=0.0)
    watched = replace(data.drawn, addresses=addresses)
    found = model(replace(data, drawn=watched, narrow=watched))
    assert found.estimates["p_value"].value > FOUND  # type: ignore[operator]
    assert "peak_hour" not in found.estimates


def test_hours_without_an_address_are_not_watched() -> None:
    data = pattern()
    watched = replace(data.drawn, addresses=np.where((WEEK > 10) & (WEEK < 20), 0.0, 256.0))
    assert of(model(replace(data, drawn=watched, narrow=watched)), "peak_hour").low < 5
