"""Twenty seeds of the page's two hundred."""

from __future__ import annotations

import pytest
from calibration.new_payloads.delays import CASES, ESTIMATES, run

FEW = "2 campaigns of 100 payloads each, half come on"


@pytest.mark.parametrize("name", [name for name in CASES if name != FEW])
@pytest.mark.parametrize("estimate", ESTIMATES)
def test_intervals_hold_the_truth(name: str, estimate: str) -> None:
    found = [run(name, seed)[estimate] for seed in range(1, 21)]
    made = [each[0] for each in found if each is not None]
    assert len(made) >= (5 if CASES[name].together > 1 else 20)
    assert sum(made) >= 0.8 * len(made)


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_of_two_campaigns_nothing_is_told(estimate: str) -> None:
    assert not any(run(FEW, seed)[estimate] for seed in range(1, 11))
