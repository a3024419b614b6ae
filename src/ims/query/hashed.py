"""Pairs of two numbers told apart by hashing, in parts whose tables stay in a core's second cache.

Pairs first wait by the million, then are put in the order of their part, then each part's are looked up in its own
table: a look costs the same with a hundred thousand different pairs and with a hundred million, where one large table
would miss every cache. Who sends packets chooses addresses but knows no multiplier, so none can aim at one place
(multiply-shift hashing: Dietzfelbinger et al., J. Algorithms 25, 1997).
"""

from __future__ import annotations

import numpy as np

from ims.kernels import MASK32, inlined, kernel

PART_BITS = 9
PARTS = 1 << PART_BITS
LATELY_BITS = 18
LATELY = 1 << LATELY_BITS
"""So many pairs that came lately are known again: 2 MiB."""


@inlined
def spread(pair, upper, lower):
    """32 bits of a pair (uint64), the first of them the best. `upper`, `lower`: odd numbers below 2^31."""
    high, low = np.int64(pair >> np.uint64(32)), np.int64(pair & np.uint64(MASK32))
    return ((high * upper & MASK32) + (low * lower & MASK32)) & MASK32


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
    """Put pairs in the order of their part. `ends` (PARTS, int64): gets where each part ends in `ordered`."""
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
def shift_of(table):
    """How far a pair's 32 bits go down to be a place of a part's table: a part's own bits, then a place's. `table`: a
    power of two places."""
    shift, places = 32 - PART_BITS, table.size
    while places > 1 and shift > 0:
        shift, places = shift - 1, places >> 1
    return shift


@inlined
def place_of(pair, upper, lower, table, shift):
    """Where a pair is in its part's table, or the empty place where it belongs: one must be empty at least."""
    mask = table.size - 1
    place = spread(pair, upper, lower) >> shift & mask
    while table[place] != np.uint64(0) and table[place] != pair:
        place = place + 1 & mask
    return place


@kernel
def put(pairs, begin, upper, lower, table, count):
    """Look pairs of one part up in its table, from `begin` on, and add those that aren't there. `table`: a power of two
    places (uint64), 0 is none; `count`: how many are in it. Returns where it ended, which is before the last where the
    table is three quarters full and wants to be larger, and how many are in it now."""
    at, shift = begin, shift_of(table)
    while at < pairs.size and count * 4 < table.size * 3:
        place = place_of(pairs[at], upper, lower, table, shift)
        if table[place] == np.uint64(0):
            table[place] = pairs[at]
            count += 1
        at += 1
    return np.int64(at), np.int64(count)


@kernel
def move(table, upper, lower, larger):
    """Put all of a table into another one, empty and larger."""
    shift = shift_of(larger)
    for at in range(table.size):
        if table[at] != np.uint64(0):
            larger[place_of(table[at], upper, lower, larger, shift)] = table[at]


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
