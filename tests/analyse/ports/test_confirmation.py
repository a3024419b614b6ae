"""Sources have to tell a change, too."""

from __future__ import annotations

import numpy as np

from ims.analyse.level_changes import judged
from ims.analyse.ports.confirmation import confirmed
from ims.analyse.ports.counts import Suspect

from .months import bins


def suspect(packets: np.ndarray, sources: np.ndarray, begins: list[int]) -> Suspect:
    return Suspect("tcp", 2745, packets, sources, judged(packets, bins(len(packets)).exposure, begins))


def noise(seed: int, rate: float) -> np.ndarray:
    return np.random.default_rng(seed).poisson(rate, 60).astype(float)


def test_one_busy_host_changes_no_level() -> None:
    packets = noise(1, 20)
    packets[20:40] += 2000
    assert confirmed(suspect(packets, noise(2, 8) + (packets > 1000), [20, 40]), bins(60)).changes.begins == ()


def test_many_sources_confirm_both_changes() -> None:
    packets, sources = noise(1, 20), noise(2, 8)
    packets[20:40] += 400
    sources[20:40] += 150
    found = confirmed(suspect(packets, sources, [20, 40]), bins(60))
    assert found.changes.begins == (20, 40)
    assert found.changes.p < 1e-12
    assert found.name == ("tcp", 2745)


def test_only_the_change_that_sources_tell_is_left() -> None:
    packets, sources = noise(1, 20), noise(2, 8)
    packets[20:] += 400
    packets[40:] += 3000
    sources[20:] += 150
    assert confirmed(suspect(packets, sources, [20, 40]), bins(60)).changes.begins == (20,)


def test_a_flood_over_midnight_is_no_level() -> None:
    packets, sources = noise(1, 300), noise(2, 100)
    packets[20:22] += 25_000
    sources[20:22] += 25_000
    assert confirmed(suspect(packets, sources, [20, 23]), bins(60)).changes.begins == ()


def test_a_bin_of_two_levels_confirms_no_change_before_it() -> None:
    """Of a change within the day before the 40th, the first half of it is like a change of the level before."""
    packets, sources = noise(1, 9000), np.full(60, 960.0)
    packets[40:] += 13_000
    sources[40:] += 1_400
    packets[39], sources[39] = 14_000, 2_000
    assert confirmed(suspect(packets, sources, [22, 40]), bins(60)).changes.begins == (40,)
