"""Scanners are as many hosts as their table says, each of them the same for the same name, and estimate what they send."""

from __future__ import annotations

import pytest

from ims.simulate.kernels.prng import stream
from ims.simulate.populations.scanners import ORDERS, scanner_of
from ims.simulate.scenario.tables import Cast
from ims.simulate.scenario.world import world_of

from ..captures import number, scenario, simulated
from ..laws import within

SCANNER = {"name": "s", "rate": 20_000, "sources": 7, "service": [{"port": "udp/22"}]}
HOUR = 3600 * 10**9


def made(seed=1, **keys):
    usual = {"duration": "10h"} | {key: keys.pop(key) for key in ("scale", "block") if key in keys}
    given, cast = scenario(**usual, scanner=[SCANNER | keys]), Cast(seed)
    return scanner_of(given, given.scanner[0], cast, world_of(given), stream(1, 1)), cast


def test_hosts_are_as_many_as_written_and_the_same_for_the_same_name_and_seed():
    sources = made()[0].columns[0]["source"].tolist()
    assert len(set(sources)) == 7
    assert made(rate=5, order="permutation")[0].columns[0]["source"].tolist() == sources
    assert set(made(name="t")[0].columns[0]["source"].tolist()).isdisjoint(sources)
    assert set(made(seed=2)[0].columns[0]["source"].tolist()).isdisjoint(sources)


def test_rates_are_scaled_and_times_are_those_of_the_window():
    rows = made(scale=0.5, since="+2h", until="+5h")[0].columns[0]
    assert set(rows["rate"].tolist()) == {10_000.0}
    assert (set(rows["since"].tolist()), set(rows["until"].tolist())) == ({2 * HOUR}, {5 * HOUR})


@pytest.mark.parametrize("order", ORDERS)
def test_only_a_sequential_scanner_has_a_range_and_begins_inside_it(order):
    keys = {"range": "198.51.0.0/16"} if order == "sequential" else {}
    rows = made(order=order, sources=50, **keys)[0].columns[0]
    size = 1 << 16 if keys else 1 << 32
    assert set(rows["size"].tolist()) == {size}
    assert set(rows["first"].tolist()) == {number("198.51.0.0") if keys else 0}
    assert 0 <= rows["start"].min() <= rows["start"].max() < size
    assert (len(set(rows["start"].tolist())) > 40) == (order in ("sequential", "shared-permutation"))
    assert not made(order=order, start="first", **keys)[0].columns[0]["start"].any()


def test_random_scanners_are_expected_in_the_darknet_by_its_share_and_while_they_scan():
    scanners, _ = made(since="+1h", until="+4h", sources=100)
    mean = 100 * 20_000 * 3 * 3600 * 256 / 2**32
    assert scanners.expected(0, 10 * HOUR)[0] == pytest.approx(mean)
    assert scanners.expected(0, HOUR) == (0, 0)
    halves = [scanners.expected(since, since + 5 * HOUR // 2)[0] for since in (0, 5 * HOUR // 2)]
    assert sum(halves) == pytest.approx(mean)
    capture, _ = simulated(duration="10h", scanner=[SCANNER | {"since": "+1h", "until": "+4h", "sources": 100}])
    assert within(len(capture), mean)
    assert capture.hour.min() >= 1 and capture.hour.max() < 4


def test_a_sequential_scanner_may_be_in_the_darknet_all_the_while():
    scanners, _ = made(order="sequential", sources=1, rate=10)
    assert scanners.expected(0, HOUR)[0] == pytest.approx(36_000)


def test_the_event_tells_what_was_planted():
    _, cast = made(scale=2, service=[{"port": "tcp/22"}, {"port": "icmp"}], tool={"zmap": 1})
    [event] = cast.events
    assert (event.name, event.kind) == ("s", "scanner")
    told = {"sources": 7, "order": "random", "tool": {"zmap": 1}, "range": None, "probes_a_second_each": 40_000}
    assert event.parameters == told | {"ports": ["tcp/22", "icmp"]}
