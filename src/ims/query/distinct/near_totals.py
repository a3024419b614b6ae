"""Packets of each source at each block by how near it is, added up from ascending numbers of 64 bits (`local`).

A number is a source's address (32 bits), a sensor (15), a block (15), and how near the source is to what it sent to: 0
in the same /16, else 1 in the same /8, else 2. So what belongs to one source at a sensor comes one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.kernels import inlined, kernel

Array = np.ndarray[Any, Any]
MOST_PLACES = 1 << 15
"""Sensors, and blocks."""
NEARNESS = 3
ALL = 3
"""Place of a source's packets of any nearness."""


def near_keys(sensors: Array, blocks: Array, sources: Array, destinations: Array) -> Array:
    """The numbers (uint64) of packets. `sensors`, `blocks`: from 1 on (int32). Raises OverflowError beyond
    MOST_PLACES."""
    keys = np.empty(sources.size, np.uint64)
    if pack(sensors, blocks, sources, destinations, keys) < keys.size:
        raise OverflowError(f"more than {MOST_PLACES:,} blocks or sensors")
    return keys


def near_totals(keys: Array, counts: Array, blocks: int) -> tuple[Array, Array]:
    """Totals of each block and, last, of all together: packets, sources, and the most of one source (blocks + 1, 4, 3;
    int64), and the sum of squares (blocks + 1, 4; float64)."""
    totals, squares = np.zeros((blocks + 1, ALL + 1, 3), np.int64), np.zeros((blocks + 1, ALL + 1), np.float64)
    add_up(keys, counts, totals, squares, np.zeros((2, ALL + 1), np.int64))
    return totals, squares


@kernel
def pack(sensors, blocks, sources, destinations, keys):
    """Make the numbers of packets. Returns how many were made; it stops at a sensor or block beyond MOST_PLACES."""
    for at in range(sources.size):
        sensor, block = np.int64(sensors[at]) - 1, np.int64(blocks[at]) - 1
        if sensor < 0 or sensor >= MOST_PLACES or block < 0 or block >= MOST_PLACES:
            return np.int64(at)
        apart = np.int64(sources[at]) ^ np.int64(destinations[at])
        near = 0 if apart < 1 << 16 else 1 if apart < 1 << 24 else 2
        keys[at] = np.uint64(sources[at]) << np.uint64(32) | np.uint64(sensor << 17 | block << 2 | near)
    return np.int64(sources.size)


@inlined
def note(sent, totals, squares, place):
    """Add what one source sent (4 numbers) to the totals of a place."""
    for near in range(ALL + 1):
        if sent[near] > 0:
            totals[place, near, 0] += sent[near]
            totals[place, near, 1] += 1
            totals[place, near, 2] = max(totals[place, near, 2], sent[near])
            squares[place, near] += np.float64(sent[near]) * np.float64(sent[near])


@kernel
def add_up(keys, counts, totals, squares, sent):
    """Add up ascending numbers (uint64), each of which came so often (uint32). `totals`, `squares`: of the blocks and
    of all, see `near_totals`; `sent` (2, 4; int64): memory for one source."""
    at, last = 0, totals.shape[0] - 1
    while at < keys.size:
        owner = keys[at] >> np.uint64(17)
        sent[1, :] = 0
        while at < keys.size and keys[at] >> np.uint64(17) == owner:
            place = keys[at] >> np.uint64(2)
            sent[0, :] = 0
            while at < keys.size and keys[at] >> np.uint64(2) == place:
                near = min(np.int64(keys[at] & np.uint64(3)), NEARNESS - 1)
                sent[0, near] += np.int64(counts[at])
                sent[0, ALL] += np.int64(counts[at])
                at += 1
            for near in range(ALL + 1):
                sent[1, near] += sent[0, near]
            note(sent[0], totals, squares, min(np.int64(place & np.uint64(MOST_PLACES - 1)), last))
        note(sent[1], totals, squares, last)
