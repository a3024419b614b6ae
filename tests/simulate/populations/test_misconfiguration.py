"""Misconfigured hosts send to one address, as their clocks tell them."""

from __future__ import annotations

import math

import numpy as np

from ..captures import HOUR_NS, START_NS, number, simulated
from ..laws import ALPHA, kolmogorov, uniform


def drip(jitter, interval="3m", sources=20, duration="1d", **keys):
    table = {"name": "m", "block": "C/24", "destination": 53, "interval": interval, "jitter": jitter,
             "sources": sources, "service": {"port": "udp/53", "says": ["dns-any"], "salted": 2}} | keys  # fmt: skip
    return simulated(duration=duration, misconfiguration=[table])


def test_one_destination_and_one_service():
    capture, truth = drip(0.1)
    assert set(capture.destination.tolist()) == {number("198.51.100.53")}
    assert set(capture.destination_port.tolist()) == {53}
    assert len(np.unique(capture.source)) == 20 == truth["events"][0]["sources"]
    assert len(capture) == 20 * 480


def test_without_jitter_the_clock_is_exact():
    capture, _ = drip(0)
    for source in np.unique(capture.source):
        gaps = np.diff(capture.time[capture.source == source])
        assert np.abs(gaps - 180 * 10**9).max() < 2000  # the pcap has microseconds


def test_lateness_is_uniform_up_to_the_jitter():
    """Kolmogorov-Smirnov: the difference of two uniform latenesses is triangular. Every second gap, so that they are
    independent: 20 x 240."""
    capture, _ = drip(0.1)
    gaps = np.concatenate([np.diff(capture.time[capture.source == s])[::2] for s in np.unique(capture.source)])
    x = (gaps - 180e9) / 18e9
    assert np.abs(x).max() <= 1

    def triangular(x):
        return np.where(x < 0, (1 + x) ** 2 / 2, 1 - (1 - x) ** 2 / 2)

    assert kolmogorov(x, triangular) > ALPHA
    assert math.isclose(x.std(), math.sqrt(1 / 6), rel_tol=0.05)


def test_clocks_begin_at_any_time_of_the_interval():
    capture, _ = drip(0, interval="1h", sources=2000, duration="1h")
    assert len(capture) == 2000
    assert kolmogorov((capture.time - START_NS) / HOUR_NS, uniform(0, 1)) > ALPHA


def test_salted_messages_differ_in_their_first_octets_only():
    capture, _ = drip(0.1)
    payloads = capture.payloads(capture.speaks > 0)
    assert len({payload[2:] for payload in payloads}) == 1
    heads = np.array([int.from_bytes(payload[:2], "big") for payload in payloads])
    assert kolmogorov(heads + np.random.default_rng(1).random(heads.size), uniform(0, 65_536)) > ALPHA


def test_a_window_is_kept():
    capture, _ = drip(0, since="+6h", until="+7h")
    hours = (capture.time - START_NS) / HOUR_NS
    assert hours.min() >= 6
    assert hours.max() < 7
    assert len(capture) == 400
