"""The worm that is drawn: another outbreak of the same law each time."""

from __future__ import annotations

import numpy as np
import pytest
from calibration.outbreak.worm import Worm, counts_of
from calibration.watch import Watch

ALL = Watch(1 << 24)
"""A /8, which nearly all hosts of the fast worm visit in each hour."""


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """Sources of each hour, of 40 outbreaks of a hundredth of the hosts, float64 (40, 168)."""
    worm = Worm(fast=True, scale=0.0025)
    return np.array([counts_of(seed, worm, ALL).sources[1] for seed in range(40)])


def test_the_truth_is_the_law_s_and_hosts_are_in_poisson_numbers_about_it(drawn: np.ndarray) -> None:
    """In the hour before the decline, in which all hosts but the latest are seen, beside some of the scanners."""
    worm, hour = Worm(fast=True, scale=0.0025), 61
    others, probes = worm.scanners
    scanners = others * -np.expm1(-probes * ALL.addresses / 2**32)
    number = drawn[:, hour] - scanners
    assert 0.75 * worm.law.sources < number.mean() < worm.law.sources
    dispersion = drawn[:, hour].var(ddof=1) / drawn[:, hour].mean()
    assert 0.5 < dispersion < 1.7


def test_hosts_that_are_infected_stay_so_errors_of_hours_follow_each_other(drawn: np.ndarray) -> None:
    away = drawn - drawn.mean(0)
    assert np.corrcoef(away[:, 60], away[:, 61])[0, 1] > 0.8
    assert abs(np.corrcoef(away[:, 20], away[:, 61])[0, 1]) < 0.5


def test_the_same_seed_draws_the_same_outbreak() -> None:
    worm = Worm(scale=0.01)
    first, again, other = (counts_of(seed, worm, Watch()) for seed in (1, 1, 2))
    assert (first.packets == again.packets).all() and (first.packets != other.packets).any()
