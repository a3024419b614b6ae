"""Hosts without a table: number and address of a host are a keyed permutation of each other, and its traits (system,
distance, hours) are hashes of its number. So a worm may have millions of hosts, each the same every time.

* The permutation is a Feistel network of four rounds over 2 x 16 bits (Luby and Rackoff, 1988).
* Hosts are infected in the order of their numbers, by a logistic law: N(t) = K / (1 + (K / N0 - 1) exp(-r t))
  (Staniford, Paxson and Weaver, USENIX Security 2002, section 2).
* From `decline` on hosts are cleaned at a constant rate, which halves their number every half-life, except for a rest
  that stays (paper, section 3.2).
* The rest, or all, are switched on by day and off by night (paper, Figure 10), in the time zone of their network.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ims.kernels import add64, inlined, kernel, mul64
from ims.membership import insertion_point
from ims.simulate.kernels.prng import share, trait

Array = np.ndarray[Any, Any]

NEVER, REST, ALL = range(3)
"""Which hosts are off at night: none, those that stay after the decline, all."""
ZONE, RISE, SPAN, ALWAYS, LIFE, KIND, DISTANCE, PORT, CLOCK = range(9)
"""Salts of the traits."""
HOUR = 3600.0


class Law(NamedTuple):
    """How many hosts there are, and when. Times are seconds since the scenario's start."""

    keys: Array  # uint64 (5,): of the permutation's rounds, of the traits
    counts: Array  # float64 (3,): hosts at first (N0), the limit (K), hosts that are ever infected
    rates: Array  # float64 (2,): growth r, cleaning, a second
    times: Array  # float64 (3,): outbreak, decline, second of the UTC day at the start
    rest: Array  # float64 (3,): share that stays, share that is always on, mean hours a day
    hours: Array  # int64 (1,): NEVER, REST, ALL
    zones: Array  # float64 (24,): cumulative weights of the time zones UTC-11 to UTC+12
    inhabited: Array  # uint8 (65536,): /16s that hosts live in
    share: Array  # float64 (1,): share of all numbers whose address is inhabited
    skew: Array  # float64 (1,): 1 where all hosts are alike; 3: a few send most


@kernel
def address_of(keys, number):
    """The address (int64) of host `number` (0 to 2**32 - 1)."""
    left, right = np.uint64(number >> 16), np.uint64(number & 0xFFFF)
    for k in range(4):
        word = mul64(add64(right ^ (keys[k] >> np.uint64(48)), keys[k]), np.uint64(0x9E3779B97F4A7C15))
        left, right = right, left ^ ((word ^ word >> np.uint64(29)) >> np.uint64(13) & np.uint64(0xFFFF))
    return np.int64(left << np.uint64(16) | right)


@kernel
def number_of(keys, address):
    """The number of the host that has `address`."""
    left, right = np.uint64(address >> 16), np.uint64(address & 0xFFFF)
    for k in range(3, -1, -1):
        word = mul64(add64(left ^ (keys[k] >> np.uint64(48)), keys[k]), np.uint64(0x9E3779B97F4A7C15))
        left, right = right ^ ((word ^ word >> np.uint64(29)) >> np.uint64(13) & np.uint64(0xFFFF)), left
    return np.int64(left << np.uint64(16) | right)


@kernel
def is_inhabited(address, inhabited, first, last):
    """Whether a host may have this address: its /16 is inhabited, and it isn't dark. `first`, `last`: of the blocks,
    sorted."""
    return inhabited[address >> 16] != 0 and block_at(address, first, last) < 0


@kernel
def block_at(address, first, last):
    """Which block this address is in; -1 for none. `first`, `last`: of the blocks, sorted."""
    block = insertion_point(first, 0, first.size, address) - 1
    return block if block >= 0 and last[block] >= address else -1


@kernel
def infected(law, at):
    """How many hosts (a float) have been infected by `at`."""
    if at < law.times[0]:
        return 0.0
    if law.rates[0] <= 0.0:
        return law.counts[2]
    grown = min(at, law.times[1]) - law.times[0]
    fraction = law.counts[1] / law.counts[0] - 1.0
    return min(law.counts[2], law.counts[1] / (1.0 + fraction * math.exp(-law.rates[0] * grown)))


@kernel
def zone_of(law, address):
    """Hours that the clocks of this address's /8 are ahead of UTC."""
    return insertion_point(law.zones, 0, 23, share(trait(law.keys[4], address >> 24, ZONE)) * law.zones[23]) - 11


@kernel
def is_switched_on(law, number, address, at):
    """Whether a host that keeps hours is on: from about ten in the morning, each its own time."""
    key = law.keys[4]
    if share(trait(key, number, ALWAYS)) < law.rest[1]:
        return True
    rise = trait(key, number, RISE)
    begin = 10.0 + 4.0 * (share(rise) + share(rise << np.uint64(32)) - 1.0)
    span = law.rest[2] * (0.5 + share(trait(key, number, SPAN)))
    since = (law.times[2] + at) / HOUR + zone_of(law, address) - begin
    since -= 24.0 * math.floor(since / 24.0)
    return since < span


@inlined
def is_active(law, number, address, at):
    """Whether an infected host scans at this time: not cleaned, and switched on."""
    rest = law.rest[0]
    life = share(trait(law.keys[4], number, LIFE))
    stays = life >= 1.0 - rest
    if not stays and at > law.times[1] and law.rates[1] > 0.0:
        cleaned = (1.0 - rest) * (1.0 - math.exp(-law.rates[1] * (at - law.times[1])))
        if life < cleaned:
            return False
    if law.hours[0] == ALL or (law.hours[0] == REST and stays and at > law.times[1]):
        return is_switched_on(law, number, address, at)
    return True


@kernel
def numbers_in(law, limit, lowest, highest, first, last, found):
    """Write the numbers below `limit` of the hosts at addresses `lowest` to `highest` into `found`, as far as it has
    room; returns how many there are. Goes through addresses or numbers, whichever are fewer."""
    by_number = limit < highest - lowest
    count = 0
    for index in range(limit if by_number else highest - lowest + 1):
        if by_number:
            number, address = index, address_of(law.keys, index)
        else:
            number, address = number_of(law.keys, lowest + index), lowest + index
        if lowest <= address <= highest and number < limit and is_inhabited(address, law.inhabited, first, last):
            if count < found.size:
                found[count] = number
            count += 1
    return count


@kernel
def hops_to(source, block):
    """How many routers are between a source and a block: 6 to 24, around 14, the same for all of a /16 (Faloutsos,
    Faloutsos and Faloutsos, SIGCOMM 1999, found such a spread of distances)."""
    word = trait(np.uint64(0x1D8AF066), (source >> 16) * 65_536 + block, DISTANCE)
    hops = 6
    for _ in range(6):
        hops += np.int64(word & np.uint64(3))
        word >>= np.uint64(8)
    return hops
