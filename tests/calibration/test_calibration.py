"""Ten seeds of what `make calibration` does with two hundred, and its page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from calibration.outbreak.worm import Worm, counts_of
from calibration.runs import PARTS
from calibration.watch import Watch

from calibration import circadian, local_preference, new_payloads, ports
from calibration.outbreak import disturbances, estimates, quiet
from ims.analyse.outbreak.analysis import model

PAGE = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text()
SEEDS = range(1, 11)
FAST, SCENARIO = "at Blaster's own speed, /16", "the scenario's, /8"


@cache
def outcomes(name: str) -> list[estimates.Outcome]:
    return [estimates.run(name, seed) for seed in SEEDS]


@pytest.mark.parametrize("name", [FAST, SCENARIO])
@pytest.mark.parametrize("estimate", estimates.ESTIMATES)
def test_of_ten_intervals_eight_hold_the_truth_and_none_is_missing(name: str, estimate: str) -> None:
    held = [each[estimate] for each in outcomes(name)]
    assert None not in held
    assert sum(each.is_right for each in held if each is not None) >= 8


@pytest.mark.parametrize("estimate", ["doubling_time", "half_life", "max_growth"])
def test_intervals_of_a_16_are_useful(estimate: str) -> None:
    widths = sorted(each.width / each.value for found in outcomes(FAST) if (each := found[estimate]) is not None)
    assert widths[len(widths) // 2] <= 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_24_to_which_no_source_comes_again_tells_no_number_of_hosts_and_says_so(seed: int) -> None:
    finding = model(counts_of(seed, Worm(fast=True), Watch(1 << 8)).data())
    assert {"max_growth", "sources"} & finding.estimates.keys() == set()
    assert any("came a second time" in note for note in finding.notes)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_24_that_a_few_sources_visit_tells_nothing_and_says_so(seed: int) -> None:
    finding = model(counts_of(seed, Worm(), Watch(1 << 8)).data())
    assert finding.estimates == {}
    assert finding.notes


@pytest.mark.parametrize("name", quiet.CASES)
def test_quiet_days_give_no_alarm(name: str) -> None:
    assert not any(quiet.run(name, seed) for seed in (1, 2))


@pytest.mark.parametrize("name", disturbances.QUIET)
def test_what_only_looks_like_an_outbreak_gives_no_alarm(name: str) -> None:
    assert disturbances.run(name, 1) is False


@cache
def patterns(size: str) -> list[estimates.Outcome]:
    return [circadian.estimates.run(size, seed) for seed in SEEDS]


@pytest.mark.parametrize("size", circadian.estimates.CASES)
@pytest.mark.parametrize("estimate", circadian.estimates.ESTIMATES)
def test_of_ten_weeks_with_a_daily_pattern_eight_intervals_hold_the_truth(size: str, estimate: str) -> None:
    """By chance, one of the weeks of a /24, with some 2,300 sightings, is as uneven at other hours."""
    made = [held for each in patterns(size) if (held := each[estimate]) is not None]
    assert len(made) >= (9 if size == "/24" else 10)
    assert sum(each.is_right for each in made) >= 8


def test_the_peak_of_a_16_is_known_to_two_hours() -> None:
    widths = sorted(each.width for found in patterns("/16") if (each := found["peak_hour"]) is not None)
    assert widths[len(widths) // 2] <= 2


@pytest.mark.parametrize("name", circadian.quiet.CASES)
def test_quiet_days_have_no_daily_pattern(name: str) -> None:
    assert not any(circadian.quiet.run(name, seed) for seed in (1, 2))


@pytest.mark.parametrize("name", circadian.disturbances.QUIET)
def test_what_only_looks_like_a_daily_pattern_gives_no_alarm(name: str) -> None:
    assert circadian.disturbances.run(name, 1) is False


@pytest.mark.parametrize("part", PARTS)
def test_the_page_has_the_rows_of_the_code(part: str) -> None:
    """Of a part's table, each case's; with as many runs as the code has seeds."""
    begin = PAGE.index(f"<!-- {part}: written by make calibration -->")
    section = PAGE[begin : PAGE.index("<!-- end -->", begin)]
    rows = [line.removeprefix("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    names = (circadian.estimates if part.startswith("circadian") else estimates).ESTIMATES
    if part.startswith("local-preference"):
        names = (
            local_preference.estimates.OF_BLOCK if part.endswith("captures") else local_preference.estimates.ESTIMATES
        )
    if part == "outbreak-estimates":
        expected = [[c.worm, f"/{c.prefix}", f"`{e}`"] for c in estimates.CASES.values() for e in names]
        assert [row[:3] for row in rows[1:]] == expected
    elif part in ("circadian-estimates", "local-preference-estimates"):
        assert [row[:2] for row in rows[1:]] == [[size, f"`{e}`"] for size in PARTS[part].CASES for e in names]
    elif part == "ports-estimates":
        expected = [
            [name, e] for name in PARTS[part].CASES for e in ports.estimates.ESTIMATES
            if e != "ratio" or " beside " in name
        ]  # fmt: skip
        assert [row[:2] for row in rows[1:]] == expected
    elif part == "ports-captures":
        assert [row[0] for row in rows[1:]] == ["of all ports"]
    elif part == "signature-estimates":
        assert [row[:2] for row in rows[1:]] == [[name, str(PARTS[part].SEEDS)] for name in PARTS[part].CASES]
    elif part == "signature-captures":
        assert [row[:2] for row in rows[1:]] == [[f"`{name}`", str(PARTS[part].SEEDS)] for name in PARTS[part].CASES]
    elif part == "new-payloads-captures":
        assert [row[0] for row in rows[1:]] == list(new_payloads.captures.CLAIMS)
    elif part == "new-payloads-delays":
        expected = [[name, f"`{e}`"] for name in PARTS[part].CASES for e in new_payloads.delays.ESTIMATES]
        assert [row[:2] for row in rows[1:]] == expected
    elif part.endswith("-captures"):
        assert [row[0] for row in rows[1:]] == [f"`{name}`" for name in names]
    else:
        suffix = getattr(PARTS[part], "SUFFIX", "")
        expected = [[name.removesuffix(suffix), str(PARTS[part].SEEDS)] for name in PARTS[part].CASES]
        assert [row[:2] for row in rows if row[1] != "runs"] == expected
