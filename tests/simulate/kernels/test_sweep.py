"""Scanners go through the addresses in their order, and are in the darknet when their order takes them there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.kernels.sweep import shuffled

from ..captures import HOUR_NS, START_NS, number, simulated
from ..laws import ALPHA, chi_square, kolmogorov, uniform

FIRST = number("198.51.100.0")
PASS_AN_HOUR = (1 << 32) / 3600
"""Probes a second that go through IPv4 in an hour."""


def scanned(order, rate, duration="5h", sources=1, seed=1, **keys):
    scanner = {"name": "s", "order": order, "rate": rate, "sources": sources, "tool": {"zmap": 1},
               "service": [{"port": "tcp/443"}]} | keys  # fmt: skip
    return simulated(seed=seed, duration=duration, scanner=[scanner])[0]


@given(key=st.integers(0, (1 << 64) - 1), size=st.integers(1, 3000))
def test_shuffling_is_a_permutation(key, size):
    places = [shuffled(np.uint64(key), index, size) for index in range(size)]
    assert sorted(places) == list(range(size))


def test_shuffling_depends_on_the_key_and_prefers_no_place():
    """Chi-square of where index 0 and index 77 come to, over 20,000 keys."""
    for index in (0, 77):
        places = [shuffled(np.uint64(key * 0x9E3779B97F4A7C15 % (1 << 64)), index, 100) for key in range(20_000)]
        assert chi_square(np.bincount(places, minlength=100), np.ones(100)) > ALPHA


def test_a_permutation_visits_each_address_once_a_pass():
    capture = scanned("permutation", PASS_AN_HOUR, sources=3)
    syn = capture.syn
    hour = ((capture.time - START_NS) // HOUR_NS)[syn]
    for source in np.unique(capture.source):
        orders = []
        for turn in range(5):
            chosen = (capture.source[syn] == source) & (hour == turn)
            visited = capture.destination[syn][chosen] - FIRST
            assert sorted(visited.tolist()) == list(range(256))
            orders.append(visited.tolist())
        assert orders[0] != orders[1] != orders[2]


def test_a_permutation_comes_by_at_any_time():
    """Kolmogorov-Smirnov on 256 addresses x 20 scanners, each at a time of its own within the pass."""
    capture = scanned("permutation", PASS_AN_HOUR, duration="1h", sources=20)
    times = capture.time[capture.syn] - START_NS
    assert times.size == 5120
    assert kolmogorov(times / HOUR_NS, uniform(0, 1)) > ALPHA


def test_a_slow_permutation_sees_its_share():
    capture = scanned("permutation", PASS_AN_HOUR / 48, duration="1d", sources=50)
    found = capture.syn.sum()
    assert abs(found - 50 * 128) < 4 * (50 * 64) ** 0.5  # binomial
    _, counts = np.unique(np.stack([capture.source, capture.destination], 1)[capture.syn], axis=0, return_counts=True)
    assert counts.max() == 1


def test_random_order_is_poisson_and_uniform():
    """256 addresses x 5 hours x 10 scanners; chi-square over the addresses, Kolmogorov-Smirnov over the gaps."""
    capture = scanned("random", PASS_AN_HOUR, sources=10)
    syn = capture.syn
    assert abs(syn.sum() - 12_800) < 4 * 12_800**0.5
    assert chi_square(np.bincount(capture.destination[syn] - FIRST, minlength=256), np.ones(256)) > ALPHA
    gaps = np.diff(capture.time[syn])
    assert kolmogorov(gaps, lambda x: 1 - np.exp(-x / gaps.mean())) > ALPHA


def test_sequential_order_is_one_address_after_the_other_at_the_rate():
    capture = scanned("sequential", 0.5, range="198.51.100.0/23", start="first", duration="2h")
    syn = capture.syn
    place, time = capture.destination[syn] - FIRST, capture.time[syn] - START_NS
    assert place.min() == 0
    assert place.max() == 255
    # Each lap takes 1,024 s, of which the block is the first half.
    laps = time // (1024 * 10**9)
    assert (np.abs(time - (laps * 512 + place) * 2 * 10**9) < 2000).all()
    assert syn.sum() == 7 * 256 + min(256, 7200 // 2 - 7 * 512)


def test_sequential_scanners_begin_anywhere_unless_told():
    capture = scanned("sequential", 50, range="198.51.100.0/24", duration="1s", sources=40, start="anywhere")
    _, first = np.unique(capture.source, return_index=True)
    assert kolmogorov_of_few(capture.destination[first] - FIRST)


def kolmogorov_of_few(places):
    return len(set(places.tolist())) > 20 and places.min() < 64 and places.max() > 192


def test_a_shared_permutation_is_one_circle_for_all():
    """Each scanner goes through the same circle of addresses, from a place of its own on."""
    capture = scanned("shared-permutation", PASS_AN_HOUR, duration="2h", sources=4)
    syn = capture.syn
    circles, offsets = set(), set()
    for source in np.unique(capture.source):
        visited = capture.destination[syn & (capture.source == source)].tolist()
        assert len(visited) == 512
        assert visited[:256] == visited[256:]
        assert len(set(visited)) == 256
        offsets.add(visited[0])
        at = visited.index(FIRST)
        circles.add(tuple((visited[at:256] + visited[:at])[:256]))
    assert len(circles) == 1
    assert len(offsets) > 1


def test_the_shared_permutation_is_the_seed_s():
    one, other = (scanned("shared-permutation", PASS_AN_HOUR, duration="1h", start="first", seed=s) for s in (1, 2))
    assert one.destination[one.syn].tolist() != other.destination[other.syn].tolist()


@pytest.mark.parametrize("order", ["random", "permutation", "shared-permutation"])
def test_only_the_named_blocks_are_reached(order):
    blocks = [{"name": "A/25", "prefix": "198.51.100.0/25"}, {"name": "B/25", "prefix": "198.51.100.128/25"},
              {"name": "C/26", "prefix": "203.0.113.0/26"}]  # fmt: skip
    scanner = {"name": "s", "order": order, "rate": PASS_AN_HOUR, "blocks": ["A/25", "C/26"],
               "service": [{"port": "udp/53"}]}  # fmt: skip
    capture, truth = simulated(duration="3h", block=blocks, scanner=[scanner])
    assert {(int(d) >> 7) for d in capture.destination} == {number("198.51.100.0") >> 7, number("203.0.113.0") >> 7}
    assert set(truth["events"][0]["blocks"]) == {"A/25", "C/26"}
    assert truth["events"][0]["blocks"]["A/25"]["packets"] == (capture.destination >> 7 == FIRST >> 7).sum()


def test_a_pass_longer_than_any_scenario_does_no_harm():
    assert len(scanned("permutation", 1e-9, duration="1d")) == 0
