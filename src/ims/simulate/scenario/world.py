"""The world of a scenario: its darknet, and where hosts live."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any, NamedTuple

import numpy as np

from ims.simulate.kernels.hosts import address_of, is_inhabited
from ims.simulate.scenario.scenario import Scenario

Array = np.ndarray[Any, Any]
NOBODY_LIVES_IN = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/16",
    "192.88.0.0/16", "192.168.0.0/16", "198.18.0.0/15", "198.51.0.0/16", "203.0.0.0/16", "224.0.0.0/3",
)  # fmt: skip
"""RFC 6890, by /16s; the networks of a scenario's blocks are inhabited all the same."""


class World(NamedTuple):
    """The darknet, and where hosts live."""

    first: Array  # int64: first and last addresses of the blocks, sorted
    last: Array
    names: tuple[str, ...]
    answers: tuple[bool, ...]
    activity: Array
    inhabited: Array  # uint8 (65536,)

    def reach(self, reached: list[int]) -> Array:
        """float64: cumulative number of addresses of these blocks; the others count as none."""
        sizes = np.zeros(self.first.size)
        sizes[reached] = (self.last - self.first + 1.0)[reached]
        return np.cumsum(sizes)


def world_of(scenario: Scenario) -> World:
    """The scenario's blocks and networks."""
    blocks = scenario.blocks()
    inhabited = np.ones(1 << 16, np.uint8)
    for prefix in NOBODY_LIVES_IN:
        inhabited[_sixteens(ipaddress.IPv4Network(prefix))] = 0
    for block in blocks:
        inhabited[_sixteens(ipaddress.IPv4Network(block.network or block.prefix))] = 1
    prefixes = [ipaddress.IPv4Network(block.prefix) for block in blocks]
    return World(
        np.array([int(prefix[0]) for prefix in prefixes], np.int64),
        np.array([int(prefix[-1]) for prefix in prefixes], np.int64),
        tuple(block.name for block in blocks), tuple(block.answers for block in blocks),
        np.array([block.activity for block in blocks]), inhabited,
    )  # fmt: skip


def _sixteens(network: ipaddress.IPv4Network) -> slice:
    return slice(int(network[0]) >> 16, (int(network[-1]) >> 16) + 1)


def reached_by(model: Any, world: World) -> list[int]:
    """Which blocks a population reaches: those that it names, or all."""
    return [index for index, name in enumerate(world.names) if not model.blocks or name in model.blocks]


def first_hosts(keys: Array, world: World, count: int) -> tuple[Array, Array]:
    """Numbers and addresses of the first `count` hosts that live somewhere."""
    all_hosts = ((number, address_of(keys, number)) for number in itertools.count())
    hosts = (host for host in all_hosts if is_inhabited(host[1], world.inhabited, world.first, world.last))
    numbers, addresses = np.array(list(itertools.islice(hosts, count)), np.int64).T
    return numbers, addresses
