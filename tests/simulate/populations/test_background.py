"""The background: its hit rate as a real cache counts it, small payloads, ports by weight, blocks of all activities."""

from __future__ import annotations

import hashlib
import ipaddress

import numpy as np
import pytest

import ims
from ims.simulate.output.capture import write_scenario

from ...stores import ingest
from ..captures import ICMP, TCP, UDP, capture_of, scenario, simulated
from ..laws import ALPHA, chi_square, within

PORTS = {"tcp/445": 30, "tcp/80": 10, "udp/1434": 15, "udp/137": 5, "icmp": 5}


def background(**keys):
    return {"name": "b", "sources": 20_000, "packets_per_24": 40_000, "ports": PORTS, "tail": 20} | keys


@pytest.mark.parametrize(("rate", "daily"), [(0.96, 40_000), (0.9, 40_000), (0.99, 40_000), (0.96, 10_000)])
def test_the_hit_rate_is_what_a_real_cache_finds(tmp_path, rate, daily):
    """Two days, ingested; some 9,000 to 38,000 payloads a day, so 0.004 is more than three standard errors."""
    made = scenario(duration="2d", background=[background(hit_rate=rate, packets_per_24=daily)])
    with (tmp_path / "b.pcap").open("wb") as file:
        truth = write_scenario(made, file)
    store = ingest(tmp_path / "STORE", tmp_path / "b.pcap")
    with ims.open(store) as telescope:
        days = telescope.cache(bin="1d").rows()
    assert [day["payloads"] for day in days] == [day["payloads"] for day in truth["one_cache_for_all_blocks"]]
    for found, told in zip(days, truth["one_cache_for_all_blocks"], strict=True):
        assert found["hit_rate"] == pytest.approx(told["hit_rate"], abs=1e-6)
        assert found["hit_rate"] == pytest.approx(rate, abs=0.004)


def test_payloads_are_mostly_small_or_none():
    """ "heavily skewed to packets with little or no payload" (section 2.3)."""
    capture, _ = simulated(background=[background()])
    assert (capture.speaks == 0).mean() > 0.5
    said = capture.speaks[capture.speaks > 0]
    assert np.median(said) < 150
    assert (said <= 400).mean() > 0.9
    assert said.max() <= 1460


def test_ports_come_by_their_weight():
    """Chi-square over the ports and the tail of some 40,000 conversations."""
    capture, _ = simulated(background=[background()])
    begun = capture.syn | (capture.protocol != TCP)
    port = capture.destination_port
    found = [
        (begun & (capture.protocol == TCP) & (port == 445)).sum(),
        (begun & (capture.protocol == TCP) & (port == 80)).sum(),
        (begun & (capture.protocol == UDP) & (port == 1434)).sum(),
        (begun & (capture.protocol == UDP) & (port == 137)).sum(),
        (begun & (capture.protocol == ICMP)).sum(),
    ]
    assert abs(begun.sum() - 40_000) < 4 * 40_000**0.5
    assert chi_square([*found, begun.sum() - sum(found)], [30, 10, 15, 5, 5, 20]) > ALPHA


def test_the_tail_is_long_and_falls_off_as_one_over_the_rank():
    capture, _ = simulated(
        background=[background(packets_per_24=100_000, tail=1e6, ports={"icmp": 1}, tail_ports=1000)]
    )
    begun = capture.syn | (capture.protocol != TCP)
    _, counts = np.unique(capture.destination_port[begun & (capture.destination_port > 0)], return_counts=True)
    counts = np.sort(counts)[::-1]
    harmonic = (1 / np.arange(1, 1001)).sum()
    assert counts.size > 950
    assert within(counts[0], begun.sum() / harmonic)
    assert within(counts[9], begun.sum() / harmonic / 10)
    assert within(counts[:100].sum(), begun.sum() * (1 / np.arange(1, 101)).sum() / harmonic)


def test_a_few_sources_send_most():
    capture, truth = simulated(background=[background()])
    begun = capture.syn | (capture.protocol != TCP)
    _, counts = np.unique(capture.source[begun], return_counts=True)
    counts = np.sort(counts)[::-1]
    assert counts[: counts.size // 10].sum() > 0.35 * counts.sum()
    assert truth["events"][0]["sources"] == counts.size <= 20_100


def test_blocks_differ_by_orders_of_magnitude():
    """Figure 2, on the blocks of Table 1 but the /8: packets for each /24, within four standard deviations of what
    their activity promises, and more than two orders of magnitude apart."""
    made = scenario(preset="table-1", block=[])
    small = [block.name for block in made.blocks() if block.name != "O/8"]
    pings = background(packets_per_24=20, ports={"icmp": 1}, tail=0, blocks=small)
    capture, truth = simulated(preset="table-1", block=[], background=[pings])
    rates = {}
    for block, told in zip(made.blocks(), truth["darknet"]["blocks"], strict=True):
        if block.name == "O/8":
            assert told["packets"] == 0
            continue
        network = ipaddress.IPv4Network(block.prefix)
        first, last = int(network[0]), int(network[-1])
        found = ((capture.destination >= first) & (capture.destination <= last)).sum()
        assert told["packets"] == found
        wanted = 20 * block.activity * (last - first + 1) / 256
        assert abs(found - wanted) < 4.5 * wanted**0.5, block.name
        rates[block.name] = found / (last - first + 1) * 256
    assert max(rates.values()) > 100 * min(rates.values())


def test_what_comes_again_is_counted_under_its_signature(tmp_path):
    made = scenario(background=[background()])
    with (tmp_path / "b.pcap").open("wb") as file:
        truth = write_scenario(made, file)
    capture = capture_of(tmp_path / "b.pcap")
    found = {}
    for payload in capture.payloads(capture.speaks > 0):
        found[hashlib.md5(payload).hexdigest()] = found.get(hashlib.md5(payload).hexdigest(), 0) + 1
    told = {row["signature"]: row["packets"] for row in truth["events"][0]["signatures"]}
    assert {signature: found[signature] for signature in told} == told
    assert sum(found.values()) == sum(told.values()) + truth["events"][0]["unique_payloads"]
