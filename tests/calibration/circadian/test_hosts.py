"""Hosts that are switched on and off: those of the simulator's law, and their counts."""

from __future__ import annotations

import numpy as np
import pytest
from calibration.circadian.counts import NETWORKS, PART, Counts
from calibration.circadian.estimates import held
from calibration.circadian.hosts import GRID, counts_of, draw, truth, zones
from calibration.watch import START_US, Watch

from ims.simulate.kernels.hosts import Law, address_of, is_switched_on


def test_the_truth_is_that_of_the_simulators_law() -> None:
    """Of 60,000 hosts of its kernel, in all networks alike."""
    weights = np.zeros(24)
    for ahead, weight in zip(*zones(), strict=True):
        weights[int(ahead) + 11] = weight
    keys = np.array([3, 5, 7, 11, 13], np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    law = Law(
        keys, np.array([1.0, 1.0, 1.0]), np.zeros(2), np.zeros(3), np.array([0.0, 0.15, 9.0]), np.array([2]),
        weights.cumsum(), np.ones(1 << 16, np.uint8), np.ones(1), np.ones(1),
    )  # fmt: skip
    hours = np.arange(0, 24, 0.5)
    on = np.zeros(len(hours))
    for number in range(4_000):
        address = address_of(keys, number)
        on += [is_switched_on(law, number, address, hour * 3600) for hour in hours]
    assert abs(hours[np.argmax(on)] - truth()["peak_hour"]) < 2
    assert np.ptp(on) / 2 / on.mean() == pytest.approx(truth()["amplitude"], abs=0.12)


def test_drawn_hosts_follow_the_truth() -> None:
    rng, counts = np.random.default_rng(1), Counts(Watch(1 << 24, hours=24))
    draw(rng, counts, 60_000)
    curve = counts.narrow.sum(0)
    assert len(curve) == 24 * PART
    assert np.ptp(curve) / 2 / curve.mean() == pytest.approx(truth()["amplitude"], abs=0.05)
    assert GRID[-1] < 24 and 0 <= truth()["peak_hour"] < 24


@pytest.mark.parametrize("addresses", [1 << 8, 1 << 20])
def test_sources_by_network_and_by_hour_are_the_same_ones(addresses: int) -> None:
    counts = counts_of(1, Watch(addresses))
    data = counts.data()
    assert data.networks is not None and data.networks.prefix.size == NETWORKS
    together = np.bincount(data.networks.narrow.bin, data.networks.narrow.count, 168 * PART).reshape(-1, PART)
    assert (together.max(1) <= data.sources.value).all() and (together.sum(1) >= data.sources.value).all()


def test_hours_that_were_not_watched_have_no_row() -> None:
    data = counts_of(1, Watch(1 << 12, gap=(10, 16), half=20)).data()
    assert ((data.drawn.time - START_US) // 3_600_000_000).tolist() == [*range(10), *range(16, 168)]
    assert len(data.narrow.time) == 162 * PART - PART // 2


def test_an_hour_of_the_day_is_compared_with_the_nearest() -> None:
    true = truth()["peak_hour"]
    assert held(
        "peak_hour",
        23.9,
        23.0,
        29.5,
    ).truth == pytest.approx(true + 24)
    assert held("peak_hour", 4.0, 3.0, 5.0).is_right
