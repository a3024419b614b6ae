"""What may have changed its level, told fast."""

from __future__ import annotations

import numpy as np

from ims.analyse.level_screen import suspicion, without_bursts


def test_a_burst_of_two_bins_is_cut_and_a_level_of_three_is_kept() -> None:
    counts = np.full((1, 20), 10.0)
    counts[0, 5:7] = 1000
    counts[0, 12:15] = 1000
    kept = without_bursts(counts, np.ones(20))[0]
    assert kept[5:7].tolist() == [33, 33]
    assert kept[12:15].tolist() == [1000] * 3
    assert kept[[0, 1, 4, 19]].tolist() == [10] * 4


def test_rows_that_changed_are_suspect_the_clearer_the_more_and_few_others() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(20.0, (1000, 100)).astype(float)
    counts[3, 40:] += 10
    counts[5, 40:] += 40
    counts[7, 40:60] += 100
    counts[9] = 0
    found = suspicion(counts, np.ones(100))
    assert found[[3, 5, 7]].min() >= 1 and found[5] > found[3]
    assert np.count_nonzero(found >= 1) < 15
    assert found[9] == 0


def test_a_row_of_few_bins_or_few_packets_is_not_suspect() -> None:
    assert not suspicion(np.full((3, 5), 100), np.ones(5)).any()
    few = np.zeros((1, 100))
    few[0, :7] = 1
    assert not suspicion(few, np.ones(100)).any()
