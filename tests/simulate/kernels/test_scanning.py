"""Runs of consecutive addresses, of which a block sees exactly its share, at its edges too."""

from __future__ import annotations

import numpy as np
import pytest

from ..captures import BLOCK, number, simulated
from ..laws import ALPHA, chi_square

FIRST, RUN = number("198.51.100.0"), 8
HOSTS, RUNS_PER_HOUR = 50_000, 20_000
SERVICE = {"port": "udp/1"}


def scanned(block=BLOCK, **keys):
    worm = {"name": "w", "hosts": HOSTS, "runs_per_hour": RUNS_PER_HOUR, "service": [SERVICE]} | keys
    return simulated(duration="10h", worm=[worm], block=[block])[0]


@pytest.fixture(scope="module")
def runs():
    return scanned(run_length=RUN, run_gap="2s")


def test_a_block_sees_its_share_of_all_runs(runs):
    """Poisson in runs, each of which is up to 8 packets: so within four deviations of 8 times their variance."""
    mean = HOSTS * RUNS_PER_HOUR * 10 * RUN * 256 / 2**32
    assert abs(len(runs) - mean) < 4 * (mean * RUN) ** 0.5


def test_a_run_goes_from_address_to_address_at_its_gap(runs):
    steps, gaps = [], []
    for source in np.unique(runs.source):
        mine = np.flatnonzero(runs.source == source)
        steps += np.diff(runs.destination[mine]).tolist()
        gaps += np.diff(runs.time[mine]).tolist()
    together = np.array(steps) == 1
    assert together.mean() > 0.95  # the others are of two runs of one host
    of_runs = np.array(gaps)[together & (np.array(gaps) < 60 * 10**9)]
    assert of_runs.mean() / 1e9 == pytest.approx(2, rel=0.05)
    assert of_runs.min() > 0


def test_runs_that_begin_before_the_block_or_end_behind_it_are_seen_in_part(runs):
    """Every address is hit alike, the first and the last too: chi-square over 16ths of the block, by runs that touch them."""
    places = runs.destination - FIRST
    counts = np.bincount(places // 16, minlength=16)
    assert chi_square(counts / RUN, np.ones(16)) > ALPHA
    assert min(counts[0], counts[-1]) > counts.mean() / 2
    begins = {source: int(places[runs.source == source][0]) for source in np.unique(runs.source).tolist()}
    lengths = {source: int((runs.source == source).sum()) for source in begins}
    assert any(begins[source] == 0 and lengths[source] < RUN for source in begins)


def test_no_host_that_scans_lives_in_the_block_or_where_nobody_does(runs):
    assert not ((runs.source >> 8) == FIRST >> 8).any()
    assert not np.isin(runs.source >> 24, [0, 10, 127, *range(224, 256)]).any()


@pytest.mark.parametrize("near", ["/8", "/16"])
def test_who_prefers_his_own_network_comes_from_it(near):
    # One host in 256 or 65,536 is of this network, and meets the block so much more often.
    capture = scanned(hosts=1_000_000, runs_per_hour={"/8": 500, "/16": 1000}[near], targets={near: 1})
    bits = {"/8": 24, "/16": 16}[near]
    assert len(capture) > 100
    assert set((capture.source >> bits).tolist()) == {FIRST >> bits}
