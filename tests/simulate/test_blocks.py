"""Table 1 of the paper as a preset, and where in the world hosts live."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ims.simulate.blocks import ACTIVITY, TABLE_1, table_1
from ims.simulate.world import NOBODY_LIVES_IN, first_hosts, world_of

from .captures import number, scenario

PAPER = Path(__file__).parents[3] / "shared" / "paper" / "internet-motion-sensor-ndss05.txt"


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text isn't part of the repository")
def test_the_preset_is_the_paper_s_table():
    text = PAPER.read_text()
    rows = text[text.index("Organization\tSize") : text.index("**Table 1. IMS Deployments**")].strip().splitlines()[1:]
    printed = [
        (name, tuple(int(size.strip(" /")) for size in sizes.split(",")))
        for name, sizes in (row.split("\t") for row in rows)
    ]
    assert list(TABLE_1) == printed


def test_blocks_are_apart_and_in_their_networks():
    blocks = [(ipaddress.IPv4Network(prefix), ipaddress.IPv4Network(network)) for _, prefix, network, _ in table_1()]
    assert len(blocks) == 30
    assert all(prefix.subnet_of(network) for prefix, network in blocks)
    ordered = sorted(prefix for prefix, _ in blocks)
    assert all(int(a[-1]) < int(b[0]) for a, b in pairwise(ordered))
    assert all(prefix.is_private or prefix.subnet_of(ipaddress.IPv4Network("100.64.0.0/10")) for prefix, _ in blocks)
    assert len({name for name, *_ in table_1()}) == 30
    assert max(ACTIVITY) > 100 * min(ACTIVITY)


def test_hosts_live_on_public_addresses_and_around_blocks_but_not_in_them():
    made = scenario(block=[{"name": "A/24", "prefix": "10.7.7.0/24"}])
    world = world_of(made)
    keys = np.random.default_rng(1).integers(0, 1 << 64, 5, np.uint64)
    _, addresses = first_hosts(keys, world, 20_000)
    assert len(set(addresses.tolist())) == 20_000
    unused = [ipaddress.IPv4Network(prefix) for prefix in NOBODY_LIVES_IN]
    around = number("10.7.0.0") >> 16
    for network in unused:
        inside = (addresses >= int(network[0])) & (addresses <= int(network[-1]))
        assert ((addresses[inside] >> 16) == around).all()
    assert not ((addresses >> 8) == number("10.7.7.0") >> 8).any()
    assert world.inhabited[around] == 1
    assert world.inhabited[around + 1] == 0


def test_reach_counts_the_named_blocks_only():
    made = scenario(block=[{"name": "A/24", "prefix": "10.7.7.0/24"}, {"name": "B/25", "prefix": "10.8.0.0/25"}])
    world = world_of(made)
    assert world.reach([0, 1]).tolist() == [256, 384]
    assert world.reach([1]).tolist() == [0, 128]
