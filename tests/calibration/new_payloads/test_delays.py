"""Ten seeds of the page's two hundred."""

from __future__ import annotations

import pytest
from calibration.new_payloads.delays import CASES, ESTIMATES, run


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.together == 1])
@pytest.mark.parametrize("estimate", ESTIMATES)
def test_intervals_hold_the_truth(name: str, estimate: str) -> None:
    found = [run(name, seed)[estimate] for seed in range(1, 11)]
    assert sum(bool(each and each[0]) for each in found) >= 8
