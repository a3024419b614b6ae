"""Where in the world hosts live, and which blocks a population reaches."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace

import numpy as np
import pytest

from ims.simulate.scenario.world import NOBODY_LIVES_IN, first_hosts, reached_by, world_of

from ..captures import number, scenario

BLOCKS = [
    {"name": "C/24", "prefix": "198.51.100.0/24", "answers": False, "activity": 3.0},
    {"name": "A/23", "prefix": "10.7.6.0/23", "network": "10.4.0.0/14"},
]


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


def test_blocks_stand_in_the_order_of_their_addresses_with_what_was_written_of_them():
    world = world_of(scenario(block=BLOCKS))
    assert world.names == ("A/23", "C/24")
    assert world.first.tolist() == [number("10.7.6.0"), number("198.51.100.0")]
    assert world.last.tolist() == [number("10.7.7.255"), number("198.51.100.255")]
    assert (world.answers, world.activity.tolist()) == ((True, False), [1.0, 3.0])


def test_a_block_s_network_is_inhabited_and_without_one_the_16_around_it():
    inhabited = world_of(scenario(block=BLOCKS)).inhabited
    for network, lived_in in (("10.3.0.0", 0), ("10.4.0.0", 1), ("10.7.0.0", 1), ("10.8.0.0", 0), ("198.51.0.0", 1),
                              ("198.50.0.0", 1), ("203.0.0.0", 0), ("8.8.0.0", 1), ("224.0.0.0", 0)):  # fmt: skip
        assert inhabited[number(network) >> 16] == lived_in, network


@pytest.mark.parametrize(("named", "reached"), [((), [0, 1]), (("C/24",), [1]), (("C/24", "A/23"), [0, 1])])
def test_a_population_reaches_the_blocks_that_it_names_or_all(named, reached):
    assert reached_by(SimpleNamespace(blocks=named), world_of(scenario(block=BLOCKS))) == reached


def test_the_first_hosts_are_the_same_for_the_same_keys_and_more_of_them_begin_alike():
    world = world_of(scenario(block=BLOCKS))
    keys = np.arange(5, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    numbers, addresses = first_hosts(keys, world, 100)
    assert (np.diff(numbers) > 0).all()
    more, _ = first_hosts(keys, world, 300)
    assert more[:100].tolist() == numbers.tolist()
    private = [ipaddress.IPv4Address(int(address)).is_multicast for address in addresses]
    assert not any(private)
