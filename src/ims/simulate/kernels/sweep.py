"""Scanners that go through a range in an order: one address after the other, in a permutation of their own as ZMap and
Masscan do, or all in one permutation that they share (Staniford, Paxson and Weaver, USENIX Security 2002, section 4.2).

Probes outside the darknet aren't simulated: the times at which a scanner is in the darknet are computed.
"""

from __future__ import annotations

import math

import numpy as np

from ims.kernels import kernel
from ims.membership import insertion_point
from ims.simulate.kernels.conversation import converse
from ims.simulate.kernels.hosts import address_of, number_of
from ims.simulate.kernels.prng import below, binomial, chosen, mix, poisson, trait

NS = 1_000_000_000
RANDOM, SEQUENTIAL, PERMUTATION, SHARED = range(4)
LATER = float(1 << 62)
"""ns, longer than any scenario: a slow scanner's pass may take more than 63 bits hold."""

SWEEP = np.dtype(
    [
        ("order", "i8"),
        ("number", "i8"), ("source", "i8"),  # of the host
        ("since", "i8"), ("until", "i8"),  # ns
        ("rate", "f8"),  # probes a second, wherever they go
        ("first", "i8"),  # of the range; RANDOM, PERMUTATION, SHARED: 0
        ("size", "i8"),  # of the range
        ("start", "i8"),  # place in the range, or in the permutation, of the first probe
        ("service", "i8"), ("services", "i8"),  # the first, how many
        ("visited", "i8"),  # PERMUTATION: dark addresses so far in this pass
        ("passes", "i8"),  # PERMUTATION: which pass this is
    ]
)  # fmt: skip


@kernel
def shuffled(key, index, size):
    """`index` (0 to size - 1) in a permutation of these numbers that belongs to `key`: a Feistel network over the next
    even power of two, walked until it comes out below `size` (Black and Rogaway, CT-RSA 2002)."""
    half = 1
    while 1 << 2 * half < size:
        half += 1
    mask = np.uint64((1 << half) - 1)
    while True:
        left, right = np.uint64(index) >> np.uint64(half), np.uint64(index) & mask
        for k in range(6):
            left, right = right, left ^ (mix(key ^ (right | np.uint64(k << 32))) & mask)
        index = np.int64(left << np.uint64(half) | right)
        if index < size:
            return index


@kernel
def sweep(draft, packet, tables, sweeps, population, reach, first, positions, permutation, state, since, until):
    """Write what begins in [since, until) ns; False where the draft has no room.

    `reach`: float64, cumulative number of addresses of the blocks; `first`: their first addresses. `positions`: where
    the dark addresses stand in the shared permutation, sorted uint32; `permutation`: its keys.
    """
    for index in range(sweeps.size):
        row = sweeps[index]
        begin, end = max(since, row["since"]), min(until, row["until"])
        if begin >= end:
            continue
        order = row["order"]
        if order == RANDOM:
            room = _at_random(draft, packet, tables, row, reach, first, state, begin, end)
        elif order == SEQUENTIAL:
            room = _in_sequence(draft, packet, tables, row, reach, first, state, begin, end)
        elif order == PERMUTATION:
            room = _permuted(draft, packet, tables, row, population, reach, first, state, begin, end)
        else:
            room = _shared(draft, packet, tables, row, reach, first, positions, permutation, state, begin, end)
        if not room:
            return False
    return True


@kernel
def _probe(draft, packet, tables, row, block, target, state, time):
    service = row["service"]
    if row["services"] > 1:
        service = chosen(state, tables.service_weight, service, row["services"])
    return converse(draft, packet, tables, state, service, row["number"], row["source"], block, target, time)


@kernel
def _at_place(draft, packet, tables, row, reach, first, place, state, time):
    """Probe the dark address of this place (0: the first address of the first block)."""
    block = insertion_point(reach, 0, reach.size - 1, place)
    before = np.int64(reach[block - 1]) if block > 0 else 0
    return _probe(draft, packet, tables, row, block, first[block] + place - before, state, time)


@kernel
def _at_random(draft, packet, tables, row, reach, first, state, begin, end):
    dark = reach[reach.size - 1]
    for _ in range(poisson(state, row["rate"] * dark / 4294967296.0 * ((end - begin) / NS))):
        place = below(state, dark)
        if not _at_place(draft, packet, tables, row, reach, first, place, state, begin + below(state, end - begin)):
            return False
    return True


@kernel
def _in_sequence(draft, packet, tables, row, reach, first, state, begin, end):
    rate, size, start = row["rate"], row["size"], row["start"]
    low = start + np.int64(math.ceil((begin - row["since"]) / NS * rate))
    high = start + np.int64(math.ceil((end - row["since"]) / NS * rate))
    for lap in range(low // size, (high - 1) // size + 1):
        for block in range(reach.size):
            count = np.int64(reach[block] - (reach[block - 1] if block > 0 else 0.0))
            offset = lap * size + first[block] - row["first"]
            for place in range(max(low, offset, lap * size), min(high, offset + count, (lap + 1) * size)):
                time = row["since"] + np.int64((place - start) / rate * NS)
                target = row["first"] + place - lap * size
                if not _probe(draft, packet, tables, row, block, target, state, time):
                    return False
    return True


@kernel
def _permuted(draft, packet, tables, row, population, reach, first, state, begin, end):
    """Each dark address once a pass, at a uniform time in it: how many of those left fall in this while is binomial."""
    length = 4294967296.0 / row["rate"] * NS
    dark = np.int64(reach[reach.size - 1])
    while begin < end:
        over = row["since"] + np.int64(min((row["passes"] + 1) * length, LATER))
        stop = min(end, over)
        if stop > begin:
            chance = min(1.0, (stop - begin) / (over - begin))
            key = trait(tables.keys[population, 4], row["number"], 1000 + row["passes"])
            for _ in range(binomial(state, dark - row["visited"], chance)):
                place = shuffled(key, row["visited"], dark)
                row["visited"] += 1
                time = begin + below(state, stop - begin)
                if not _at_place(draft, packet, tables, row, reach, first, place, state, time):
                    return False
        begin = stop
        if stop >= over:
            row["passes"] += 1
            row["visited"] = 0
    return True


@kernel
def _shared(draft, packet, tables, row, reach, first, positions, permutation, state, begin, end):
    rate, start, size = row["rate"], row["start"], 1 << 32
    low = start + np.int64(math.ceil((begin - row["since"]) / NS * rate))
    high = start + np.int64(math.ceil((end - row["since"]) / NS * rate))
    for lap in range(low // size, (high - 1) // size + 1):
        at = insertion_point(positions, 0, positions.size, low - lap * size - 1)
        while at < positions.size and np.int64(positions[at]) + lap * size < high:
            place = np.int64(positions[at]) + lap * size
            target = address_of(permutation, np.int64(positions[at]))
            block = 0
            while not 0 <= target - first[block] < reach[block] - (reach[block - 1] if block > 0 else 0.0):
                block += 1
            time = row["since"] + np.int64((place - start) / rate * NS)
            if not _probe(draft, packet, tables, row, block, target, state, time):
                return False
            at += 1
    return True


@kernel
def dark_positions(permutation, first, last, positions):
    """Fill `positions` (uint32) with where each dark address stands in the permutation: unsorted."""
    count = 0
    for block in range(first.size):
        for address in range(first[block], last[block] + 1):
            positions[count] = number_of(permutation, address)
            count += 1
