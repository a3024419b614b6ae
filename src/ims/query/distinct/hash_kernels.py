"""Pairs of two numbers distinguished by hashing, part by part of a table.

Pairs first wait by the million, then are put in the order of the part of the table where they belong, then looked up:
each part, 8 KiB with half a million places, comes through the caches once for all of its pairs, where each look into a
large table would miss them. Who sends packets chooses addresses but knows no multiplier, so none can aim at one place
(multiply-shift hashing of vectors: Dietzfelbinger, "Universal hashing via integer arithmetic without primes,
revisited", 2018).
"""

from __future__ import annotations

import numpy as np

from ims.kernels import MASK32, add64, inlined, kernel, mul64

PART_BITS = 9
PARTS = 1 << PART_BITS
"""Of a table, each with an equal share of its places."""
LATELY_BITS = 18
LATELY = 1 << LATELY_BITS
"""So many pairs that came lately are known again: 2 MiB."""


@inlined
def spread(pair, upper, lower):
    """32 bits of a pair (uint64). `upper`, `lower`: odd numbers (uint64)."""
    high, low = pair >> np.uint64(32), pair & np.uint64(MASK32)
    return np.int64(add64(mul64(high, upper), mul64(low, lower)) >> np.uint64(32))


@kernel
def pack(groups, members, width, pairs):
    """Make pairs: a group's number (int64) in units of `width`, above an address (uint32). Returns how many were made:
    fewer than there are where a number has more than 32 bits."""
    for at in range(groups.size):
        code = groups[at] // width
        if code < 0 or code > MASK32:
            return np.int64(at)
        pairs[at] = np.uint64(code) << np.uint64(32) | np.uint64(members[at])
    return np.int64(groups.size)


@kernel
def unlike_lately(pairs, upper, lower, lately, waiting, begin):
    """Add pairs to those that wait, but for most of those that came a short while ago: they stand in `lately` (LATELY
    numbers, uint64). Pair 0 is left out. Writes to `waiting` from `begin` on and returns where it ended; -1 where there
    is too little room for all."""
    at = begin
    if begin < 0 or waiting.size - begin < pairs.size:
        return np.int64(-1)
    for row in range(pairs.size):
        pair = pairs[row]
        place = spread(pair, upper, lower) >> (32 - LATELY_BITS)
        if lately[place] != pair:
            lately[place] = pair
            if pair != np.uint64(0):
                waiting[at] = pair
                at += 1
    return np.int64(at)


@kernel
def by_part(pairs, upper, lower, ends, ordered):
    """Put pairs in the order of their part of a table. `ends` (PARTS, int64): gets where each ends in `ordered`."""
    ends[:] = 0
    for at in range(pairs.size):
        ends[spread(pairs[at], upper, lower) >> (32 - PART_BITS)] += 1
    begin = np.int64(0)
    for part in range(PARTS):
        count = ends[part]
        ends[part] = begin
        begin += count
    for at in range(pairs.size):
        part = spread(pairs[at], upper, lower) >> (32 - PART_BITS)
        ordered[ends[part]] = pairs[at]
        ends[part] += 1


@inlined
def place_of(pair, upper, lower, table):
    """Where a pair is in its part of the table, or the empty place where it belongs: one must be empty at least. Parts
    are of the same size, a power of two."""
    places = table.size // PARTS
    hashed = spread(pair, upper, lower)
    begin = (hashed >> (32 - PART_BITS)) * places
    within = (hashed & (1 << (32 - PART_BITS)) - 1) * places >> (32 - PART_BITS)
    while table[begin + within] != np.uint64(0) and table[begin + within] != pair:
        within = within + 1 & places - 1
    return begin + within


@kernel
def put(pairs, begin, upper, lower, table, counts):
    """Look pairs up in the table, from `begin` on, and add those that aren't there. `table`: PARTS times a power of two
    places (uint64), 0 is none; `counts` (PARTS, int64): how many are in each part. Returns where it ended: before the
    last where that one's part is three quarters full and the table wants to be larger."""
    at, most = begin, table.size // PARTS * 3
    while at < pairs.size:
        part = spread(pairs[at], upper, lower) >> (32 - PART_BITS)
        if counts[part] * 4 >= most:
            break
        place = place_of(pairs[at], upper, lower, table)
        if table[place] == np.uint64(0):
            table[place] = pairs[at]
            counts[part] += 1
        at += 1
    return np.int64(at)


@kernel
def move(table, upper, lower, larger):
    """Put all of a table into another one, empty and larger."""
    for at in range(table.size):
        if table[at] != np.uint64(0):
            larger[place_of(table[at], upper, lower, larger)] = table[at]


@kernel
def unpack(table, groups, members, begin):
    """Write the pairs of a table to `groups` (int64) and `members` (uint32), from `begin` on. Returns where it ended;
    -1 where they are too short."""
    at = begin
    for place in range(table.size):
        pair = table[place]
        if pair != np.uint64(0):
            if at < 0 or at >= min(groups.size, members.size):
                return np.int64(-1)
            groups[at] = np.int64(pair >> np.uint64(32))
            members[at] = np.uint32(pair & np.uint64(MASK32))
            at += 1
    return np.int64(at)
