"""Counts of a watch are those of a set of (source, bin), and what befalls it is in its times and sizes."""

from __future__ import annotations

import numpy as np
import pytest
from calibration.outbreak.counts import WIDTHS, Counts
from calibration.watch import START_US, Watch

HOUR_US = 3_600_000_000


@pytest.mark.parametrize("visits", [60, 6000], ids=["few", "many"])
def test_sources_of_a_bin_are_counted_once(visits: int) -> None:
    rng, counts = np.random.default_rng(1), Counts(Watch(hours=48))
    source, at = rng.integers(0, 30, visits), rng.random(visits) * 48
    counts.add(rng, source, at)
    for width in WIDTHS:
        pairs = {(int(s), int(t // width)) for s, t in zip(source, at, strict=True)}
        assert counts.sources[width].tolist() == [sum(b == each for _, b in pairs) for each in range(48 // width)]
    assert counts.packets.sum() == visits


def test_lots_have_different_sources() -> None:
    rng, counts = np.random.default_rng(1), Counts(Watch(hours=24))
    for _ in range(2):
        counts.add(rng, np.array([0, 0]), np.array([3.2, 3.4]))
    assert counts.sources[1][3] == counts.sources[24][0] == 2


def recorded(watch: Watch) -> list[int]:
    """Packets by hour, of ten in each hour of two days."""
    rng, counts = np.random.default_rng(1), Counts(watch)
    at = np.repeat(np.arange(watch.hours), 10) + np.tile(np.arange(10) / 10, watch.hours)
    counts.add(rng, np.zeros(len(at), np.int64), at)
    return counts.packets.astype(int).tolist()


def test_a_clock_that_is_set_back_has_an_hour_twice_and_lacks_two() -> None:
    watch = Watch(hours=48, set_back=10)
    assert recorded(watch) == [10] * 9 + [20] + [10] * 23 + [0, 0] + [10] * 13
    assert watch.size()[0].tolist() == [3600] * 33 + [0, 0] + [3600] * 13


def test_what_was_not_watched_has_no_packets_and_no_row() -> None:
    watch = Watch(hours=48, gap=(10, 16), half=20)
    packets = recorded(watch)
    assert packets == [10] * 10 + [0] * 6 + [10] * 4 + [5] + [10] * 27
    counts = Counts(watch)
    time = ((counts.data().time - START_US) // HOUR_US).tolist()
    assert time == [*range(10), *range(16, 48)]
    assert counts.data().seconds.tolist() == [3600] * 14 + [1800] + [3600] * 27


def test_before_a_block_joins_its_share_of_packets_is_missing() -> None:
    watch = Watch(1 << 10, hours=240, joined=(120, 1 << 9))
    packets = recorded(watch)
    assert 500 < sum(packets[:120]) < 700
    assert packets[120:] == [10] * 120
    assert set(watch.size()[1].tolist()) == {512.0, 1024.0}


def test_a_lost_half_hour_is_in_the_packets_and_not_in_the_watch() -> None:
    watch = Watch(hours=48, lost=20)
    assert 0 < recorded(watch)[20] < 10
    assert set(watch.size()[0].tolist()) == {3600.0}
