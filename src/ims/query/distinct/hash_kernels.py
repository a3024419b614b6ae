"""Pairs of two numbers distinguished by hashing, one part of a table after another.

Pairs are collected by the million, sorted by their part of the table, then looked up: each part, 8 KiB with half a
million places, is loaded into the caches once for all of its pairs, where each lookup in a large table would miss them.
Senders choose addresses but don't know the multipliers, so they can't aim at one place (multiply-shift hashing of
vectors: Dietzfelbinger, "Universal hashing via integer arithmetic without primes, revisited", 2018).
"""

from __future__ import annotations

import numpy as np

from ims.kernels import MASK32, add64, inlined, kernel, mul64

PART_BITS = 9
PARTS = 1 << PART_BITS
"""Of a table, each with an equal share of its places."""
LATELY_BITS = 18
LATELY = 1 << LATELY_BITS
"""So many recent pairs are recognised: 2 MiB."""


@inlined
def spread(pair, upper, lower):
    """32 bits of a pair (uint64). `upper`, `lower`: odd numbers (uint64)."""
    high, low = pair >> np.uint64(32), pair & np.uint64(MASK32)
    return np.int64(add64(mul64(high, upper), mul64(low, lower)) >> np.uint64(32))


@kernel
def pack(groups, members, width, pairs):
    """Make pairs: a group's number (int64) in units of `width`, above an address (uint32). Returns how many were made;
    it stops at a number with more than 32 bits."""
    for at in range(groups.size):
        code = groups[at] // width
        if code < 0 or code > MASK32:
            return np.int64(at)
        pairs[at] = np.uint64(code) << np.uint64(32) | np.uint64(members[at])
    return np.int64(groups.size)


@kernel
def unlike_lately(pairs, upper, lower, lately, waiting, begin):
    """Add pairs to `waiting` from `begin` on, without pair 0 and most recent ones: those in `lately` (LATELY numbers,
    uint64). Returns the end; -1 where there is too little room for all."""
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
    """Sort pairs by their part of a table into `ordered`. `ends` (PARTS, int64): becomes the end of each part there."""
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
    """The pair's place in its part of the table (parts: powers of two), or the empty place for it: one must exist."""
    places = table.size // PARTS
    hashed = spread(pair, upper, lower)
    begin = (hashed >> (32 - PART_BITS)) * places
    within = (hashed & (1 << (32 - PART_BITS)) - 1) * places >> (32 - PART_BITS)
    while table[begin + within] != np.uint64(0) and table[begin + within] != pair:
        within = within + 1 & places - 1
    return begin + within


@kernel
def put(pairs, begin, upper, lower, table, counts):
    """Add pairs, from `begin` on, that aren't in the table yet. `table`: PARTS times a power of two places (uint64), 0
    if empty; `counts` (PARTS, int64): pairs in each part. Returns the end: before a pair whose part is 3/4 full."""
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
    """Copy a table's pairs into an empty, larger one."""
    for at in range(table.size):
        if table[at] != np.uint64(0):
            larger[place_of(table[at], upper, lower, larger)] = table[at]


@kernel
def unpack(table, groups, members, begin):
    """Write a table's pairs to `groups` (int64), `members` (uint32) from `begin` on. Returns the end; -1: too short."""
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
