"""Telescopes of the calibration: what is drawn has the mean that is taken for the truth."""

from __future__ import annotations

import numpy as np
import pytest
from calibration.local_preference.estimates import CASES, ESTIMATES, run
from calibration.local_preference.telescopes import expected, populations, shares, telescope

from calibration.local_preference import quiet
from ims.analyse.local_preference.data import ALL, DISJOINT, SAME_8, SAME_16


@pytest.mark.parametrize("length", [24, 20])
def test_the_mean_of_many_days_is_the_truth(length: int) -> None:
    days = [telescope(np.random.default_rng(seed), (length,)).blocks[0] for seed in range(150)]
    for near, true in expected(length).items():
        found = [day.of(near).packets for day in days]
        assert np.mean(found) == pytest.approx(true, abs=4 * np.std(found) / np.sqrt(len(days))), near


def test_nobody_lives_where_it_is_dark() -> None:
    assert expected(16)[SAME_16] == 0 and expected(8)[SAME_8] == 0
    assert shares(expected(8)) == {"same_16": 0, "same_8": 0}


def test_worms_prefer_and_the_background_does_not() -> None:
    assert [each.own_16 > 0 for each in populations()] == [True, True, True, True, False, False, False, False]


def test_a_host_from_elsewhere_is_one_source_of_all_blocks_together() -> None:
    data = telescope(np.random.default_rng(1), (24, 24, 24))
    assert data.together[ALL].packets == sum(block.of(ALL).packets for block in data.blocks)
    assert max(block.of(ALL).sources for block in data.blocks) < data.together[ALL].sources
    assert data.together[ALL].sources < sum(block.of(ALL).sources for block in data.blocks)
    assert sum(data.together[near].packets for near in DISJOINT) == data.together[ALL].packets


@pytest.mark.parametrize("name", ["/24", "/20"])
def test_of_ten_intervals_eight_hold_the_truth(name: str) -> None:
    found = [run(name, seed) for seed in range(1, 11)]
    for estimate in ESTIMATES:
        held = [each[estimate] for each in found]
        assert None not in held
        assert sum(each.is_right for each in held if each is not None) >= 8, estimate
    assert name in CASES


@pytest.mark.parametrize("name", [each for each in quiet.CASES if "flood" not in each])
def test_hosts_that_prefer_nothing_give_no_alarm(name: str) -> None:
    assert not any(quiet.run(name, seed) for seed in (1, 2))
