"""Means by the hour of the day: of which bins they are, and how often their intervals hold the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ims.analyse.circadian.day_means import DayMeans, day_means, part_of_day

HOUR_US = 3_600_000_000


def means(values: Any, *, width: float = 1, begin: float = 0, curve: Any = None, part: int = 1) -> DayMeans:
    """Of bins that follow each other; widths and parts in hours."""
    at = np.round((begin + np.arange(len(values)) * width) * HOUR_US).astype(np.int64)
    fitted = np.full(len(values), np.nan) if curve is None else np.array(curve, float)
    return day_means(at, round(width * HOUR_US), np.array(values, float), fitted, part * HOUR_US)


def test_a_mean_is_over_the_same_hours_of_all_days() -> None:
    found = means(np.r_[np.arange(24), np.arange(24) + 10], curve=np.arange(48))
    assert found.hour.tolist() == list(range(24))
    assert found.mean.tolist() == [hour + 5 for hour in range(24)]
    assert found.curve.tolist() == [hour + 12 for hour in range(24)]


def test_bins_that_are_not_known_count_nowhere() -> None:
    values = np.r_[np.full(24, 1.0), np.full(24, 3.0)]
    values[[5, 6, 30]] = np.nan
    found = means(values)
    assert 6 not in found.hour
    assert found.mean[found.hour == 5].tolist() == [3]
    assert found.mean[found.hour == 7].tolist() == [2]


def test_short_bins_of_an_hour_are_one_value_of_its_day() -> None:
    found = means(np.r_[np.full(144, 2.0), np.full(144, 4.0)] + np.tile([-1, 1], 144), width=1 / 6)
    assert len(found.hour) == 24
    assert found.mean == pytest.approx(np.full(24, 3.0))


def test_a_bin_belongs_to_the_part_that_holds_its_middle() -> None:
    assert means([7.0], width=1, begin=23).hour.tolist() == [23]
    assert means([7.0], width=5, begin=22, part=6).hour.tolist() == [0]
    assert means([1.0, 2, 3, 4], width=6, part=6).hour.tolist() == [0, 6, 12, 18]


@pytest.mark.parametrize(
    ("hours", "part"), [(1 / 6, 1), (1, 1), (1.5, 2), (5, 6), (7, 8), (12, 12), (13, None), (24, None)]
)
def test_parts_of_a_day_hold_a_bin(hours: float, part: int | None) -> None:
    assert part_of_day(round(hours * HOUR_US)) == (None if part is None else part * HOUR_US)


def test_of_one_day_there_are_no_intervals() -> None:
    found = means(np.arange(24))
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()


def test_no_source_in_some_days_is_not_known_to_be_none() -> None:
    draw = np.random.default_rng(3)
    found = means(np.concatenate([np.r_[np.zeros(12), draw.poisson(5, 12)] for _ in range(5)]))
    assert (found.low[:12] == 0).all()
    assert (found.high[:12] > 0).all()


@pytest.mark.parametrize("days", [2, 3, 7])
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_intervals_hold_the_truth_in_about_95_of_100(days: int, noise: float) -> None:
    """Also where counts vary more than Poisson's do: `noise`, of each bin, is beside it."""
    draw, held, number = np.random.default_rng(1), 0, 200
    truth = 100 * (1 + 0.5 * np.cos(2 * np.pi * np.arange(24) / 24))
    for _ in range(number):
        values = draw.poisson(np.tile(truth, days) * draw.lognormal(-(noise**2) / 2, noise, 24 * days))
        found = means(values)
        held += int(((found.low <= truth) & (truth <= found.high)).sum())
    assert 0.92 <= held / (24 * number) <= 0.97
