"""Blaster in August 2003 and in July 2004: Figures 9 and 10 of the paper, and the numbers of its section 3.2.

In a commit, July 2004's and what a query shows of a fortieth of August's hosts; in `make test-all`, all five million packets.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import ims

from ..effort import exhaustive
from ..stores import ingest
from .scenarios import Played

OUTBREAK, DECLINE = 40, 40 + 22 + 35 / 60
"""Hours from 10 August, 00:00: the 11th, 16:00; the 12th, 14:35."""


@pytest.fixture(scope="module")
def of_2003():
    """At its default scale, a quarter."""
    return Played("blaster-2003")


@pytest.fixture(scope="module")
def syns(of_2003):
    """SYNs to 135/TCP, of each hour."""
    chosen = of_2003.capture.syn & (of_2003.capture.destination_port == 135)
    return of_2003.hourly(chosen)


@exhaustive
def test_a_default_run_has_at_most_five_million_packets(of_2003):
    assert len(of_2003.capture) == of_2003.truth["packets"] <= 5_000_000


@exhaustive
def test_there_are_286_000_sources_at_full_scale(of_2003):
    """A quarter of them, within 2 %."""
    assert of_2003.scenario.scale == 0.25
    assert of_2003.events["blaster"]["sources"] * 4 == pytest.approx(286_000, rel=0.02)


@exhaustive
def test_three_phases(syns):
    """Before: less than 1 % of the peak. Growth to hundreds of thousands an hour (at full scale); decay; and a rest of
    less than 10 % of the peak that stays."""
    peak = int(syns.argmax())
    assert OUTBREAK + 18 < peak < DECLINE + 2
    assert 100_000 < syns[peak] * 4 < 1_000_000
    assert syns[: OUTBREAK - 1].mean() < 0.01 * syns[peak]
    rest = syns[-24:]
    assert 0.005 * syns[peak] < rest.mean() < 0.1 * syns[peak]
    assert rest.mean() > 1.3 * syns[: OUTBREAK - 1].mean()
    six = syns[: 28 * 6].reshape(28, 6).sum(axis=1)
    top = six.argmax()
    assert (np.diff(six[6 : top + 1]) > 0).all()
    assert (np.diff(six[top : top + 10]) < 0).all()


@exhaustive
def test_growth_doubles_in_2_3_hours_at_first(of_2003):
    """By the maximum of the likelihood over the first 13 hours, whose standard error is below 2 %; by then the logistic
    law is slower than its first rate by a few per cent."""
    capture = of_2003.capture
    chosen = capture.syn & (capture.destination_port == 135) & (capture.window > 6000)
    baseline = ((of_2003.hour < OUTBREAK) & chosen).sum() / OUTBREAK
    edges = np.arange(0, 13.01, 0.5)
    counts = np.histogram(of_2003.hour[chosen] - OUTBREAK, edges)[0]
    middle = (edges[1:] + edges[:-1]) / 2

    def likelihood(doubling, first):
        rate = baseline * 0.5 + first * np.exp2(middle / doubling)
        return (counts * np.log(rate) - rate).sum()

    best = max(
        (likelihood(d, f), d) for d in np.arange(2.0, 2.8, 0.01) for f in counts[:8].mean() * np.geomspace(0.05, 3, 80)
    )
    assert best[1] == pytest.approx(2.3, rel=0.06)


@exhaustive
def test_activity_halves_in_10_4_hours_afterwards(of_2003):
    """Unique hosts an hour on 135, without the rest and the earlier scans: a straight line on a logarithmic axis."""
    chosen = of_2003.capture.syn & (of_2003.capture.destination_port == 135)
    syns = of_2003.hourly(chosen).astype(float)
    left = syns[-24:].mean()
    begin = math.ceil(DECLINE) + 1
    hours = np.arange(36)
    slope = np.polyfit(hours, np.log2(syns[begin : begin + 36] - left), 1)[0]
    assert -1 / slope == pytest.approx(10.4, rel=0.1)


@exhaustive
def test_the_rest_keeps_hours(syns):
    """The last three days: hosts are switched off by night."""
    days = syns[-72:].reshape(3, 24).mean(axis=0)
    smooth = np.convolve(np.concatenate([days, days[:3]]), np.ones(4) / 4, "valid")
    assert smooth.max() > 1.15 * smooth.min()


def test_a_plain_query_shows_the_three_phases(tmp_path):
    """`ims query series` over the store of an ingest. A fortieth of the hosts, so that it is quick."""
    small = Played("blaster-2003", 0.025)
    path = tmp_path / "b.pcap"
    path.write_bytes(small.capture.data)
    store = ingest(tmp_path / "STORE", path, blocks=["O/8=10.0.0.0/8"])
    with ims.open(store) as telescope:
        rows = telescope.series("tcp dst port 135", bin="6h").rows()
    values = [row["value"] for row in rows]
    chosen = small.capture.syn & (small.capture.destination_port == 135)
    assert values == np.bincount((small.hour[chosen] // 6).astype(int), minlength=28).tolist()
    peak = int(np.argmax(values))
    assert 9 <= peak <= 11
    assert max(values[:6]) < 0.02 * values[peak] < values[-1] < 0.1 * values[peak] < values[peak - 1]


@pytest.fixture(scope="module")
def of_2004():
    """Its first three days; the others are like them."""
    return Played("blaster-2004", days=3)


def test_between_100_and_350_hosts_in_five_minutes(of_2004):
    """Hosts that send the command on 4444, for which they are counted (Figure 10)."""
    capture = of_2004.capture
    command = (capture.destination_port == 4444) & (capture.speaks == 42)
    hosts = of_2004.unique_sources(command, 1 / 12)
    assert hosts.size == 3 * 288
    low, high = np.quantile(hosts, [0.005, 0.995])
    assert 100 <= low < high <= 350
    assert hosts.min() > 80
    assert hosts.max() < 370
    by_hour = hosts.reshape(3, 24, 12).mean(axis=(0, 2))
    assert 3 <= by_hour.argmax() <= 7  # "near 05:00 GMT"
    for day in hosts.reshape(3, 288):
        assert day.reshape(24, 12).mean(axis=1).max() > 1.8 * day.reshape(24, 12).mean(axis=1).min()


def test_the_command_comes_after_the_request_of_the_same_host(of_2004):
    capture = of_2004.capture
    request = (capture.destination_port == 135) & (capture.speaks > 0)
    command = (capture.destination_port == 4444) & (capture.speaks > 0)
    asked = np.unique(capture.source[request])
    assert np.isin(np.unique(capture.source[command]), asked).all()
