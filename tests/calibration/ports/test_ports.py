"""Ten seeds of what `make calibration` does with two hundred."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from calibration.ports import captures, disturbances, estimates, quiet
from ims.analyse.ports.services import services

from ...effort import every

SEEDS = range(1, 11)


@cache
def outcomes(name: str) -> list[estimates.Outcome]:
    return [estimates.run(name, seed) for seed in SEEDS]


@pytest.mark.parametrize("name", every(2, estimates.CASES))
def test_of_ten_ports_that_begin_and_end_eight_intervals_hold_the_truth(name: str) -> None:
    for estimate in estimates.ESTIMATES:
        if estimate == "ratio" and " beside " not in name:
            continue
        made = [held for each in outcomes(name) if (held := each[estimate]) is not None]
        assert len(made) == 10, estimate
        assert sum(each.is_right for each in made) >= 8, estimate


def test_dates_are_known_to_an_hour_at_a_24_and_to_minutes_at_a_16() -> None:
    for name, hours in (("/24, 3,720 hosts", 1.0), ("/16, 3,720 hosts", 0.1)):
        widths = sorted(held.width for each in outcomes(name) if (held := each["begins"]) is not None)
        assert widths[len(widths) // 2] <= hours


@pytest.mark.parametrize("name", quiet.CASES)
def test_quiet_ports_are_not_named(name: str) -> None:
    assert not any(quiet.run(name, seed) for seed in (1, 2))


@pytest.mark.parametrize("name", disturbances.CASES)
def test_what_only_looks_like_a_level_is_not_named(name: str) -> None:
    assert disturbances.run(name, 1) == 0


def test_a_level_beside_a_gap_is_named() -> None:
    """The tests above can't pass because nothing is ever named."""
    days, packets, sources = disturbances.gap(np.random.default_rng(1))
    packets[3, 80:] += 300
    sources[3, 80:] += 100
    assert [each.suspect.port for each in disturbances.named(days, packets, sources)] == [1024 + 3]


TEXT = """
[[worm]]
name = "one"
since = 2004-01-20T12:00:00Z
service = [{ port = "tcp/2745" }]
[[worm]]
name = "all the time"
service = [{ port = "tcp/4000" }]
"""


def test_an_answer_is_compared_with_the_planted_ports() -> None:
    truth = captures.planted(TEXT)
    assert [(port, len(dates)) for port, dates in truth.items()] == [(2745, 1)]
    assert not truth.keys() & services().well_known
    row = {"port": 2745, "changed_at": "2004-01-20T12:10:00Z", "changed_at_low": "2004-01-20T11:00:00Z",
           "changed_at_high": None}  # fmt: skip
    found = captures.compared({"rows": [row, row | {"port": 5000}]}, truth)
    assert [each.is_right for each in found["held"]] == [True]
    assert (found["changes"], found["missing"], found["others"]) == (1, 0, 1)
    missed = captures.compared({"rows": [row, row]}, truth)
    assert missed["held"] == [] and missed["missing"] == 0
    assert captures.compared({"rows": []}, truth)["missing"] == 1
    cells = captures.text({"x": [found, missed]}).splitlines()[-1]
    assert cells == "| of all ports | 1 | 1 | 1 | 0 | 1 |"
