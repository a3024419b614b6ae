"""Table 1 of the paper as a preset."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from pathlib import Path

import pytest

from ims.simulate.scenario.blocks import ACTIVITY, TABLE_1, table_1

PAPER = Path(__file__).parents[4] / "shared" / "paper" / "internet-motion-sensor-ndss05.txt"


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
