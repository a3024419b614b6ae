"""Addresses distinguished by marks: a bit for each of a /8's 2^24 addresses, 2 MiB that stay in a core's L2 cache.

A sensor's darknet is mostly in one /8; other addresses are first sorted by their /8, then each /8 uses the same 2 MiB.
(Measured, 18 M addresses on one core: in one /8, 11 M of them different, 0.04 s to mark and 0.02 s to read, where flags
of an octet took 0.5 s; all over IPv4, 3 M different, 0.2 s, where sorting took 0.54 s and a roaring bitmap 11 s.)
"""

from __future__ import annotations

import numpy as np

from ims.kernels import MASK32, kernel

MARKS = 1 << 18
"""Words of 64 bits: one bit for each address of a /8."""
RECENT = 1 << 20
"""So many recent numbers are recognised: 4 MiB."""
_SHIFT = 32 - 20
PLACES = np.full(67, -1, np.int64)
"""Bit number of a power of two, by its remainder modulo 67: 2 is a primitive root of 67, so all differ."""
PLACES[[(1 << bit) % 67 for bit in range(64)]] = range(64)


@kernel
def mark(marks, numbers):
    """Set the bits of addresses of one /8. `marks`: MARKS words (uint64)."""
    for at in range(numbers.size):
        number = np.int64(numbers[at]) & 0xFFFFFF
        marks[number >> 6] |= np.uint64(1) << np.uint64(number & 63)


@kernel
def marked(marks, eight, places, found, begin):
    """Write the marked addresses to `found` from `begin` on, ascending, and clear the marks. `eight`: the first octet.
    `places`: PLACES. Returns the end; -1 where `found` is too short."""
    at = begin
    for word in range(marks.size):
        bits = marks[word]
        if bits != np.uint64(0):
            first = (eight << 24) + (word << 6)
            while bits != np.uint64(0):
                if at >= found.size:
                    return np.int64(-1)
                lowest = bits & (~bits + np.uint64(1))
                found[at] = np.uint32(first + places[np.int64(lowest % np.uint64(67))])
                at += 1
                bits &= bits - np.uint64(1)
            marks[word] = np.uint64(0)
    return np.int64(at)


@kernel
def unlike_before(numbers, recent, found):
    """Leave out most repeated numbers: those in `recent` (RECENT numbers, uint32, each in a place by its value;
    `no_recent()` at first). Writes the others to `found` (as long as `numbers`) and returns their number."""
    count = 0
    for at in range(numbers.size):
        number = np.int64(numbers[at])
        place = (number * 0x4F1B_BCDD & MASK32) >> _SHIFT
        if recent[place] != numbers[at]:
            recent[place] = numbers[at]
            found[count] = numbers[at]
            count += 1
    return np.int64(count)


def no_recent():
    """Initial state of `unlike_before`: no number is in its place. RECENT numbers (uint32)."""
    recent = np.zeros(RECENT, np.uint32)
    recent[0] = 1
    return recent


@kernel
def by_eight(numbers, ends, ordered):
    """Sort addresses by their /8 into `ordered`. `ends` (256, int64): becomes the end of each /8 there."""
    ends[:] = 0
    for at in range(numbers.size):
        ends[np.int64(numbers[at]) >> 24] += 1
    begin = np.int64(0)
    for eight in range(256):
        count = ends[eight]
        ends[eight] = begin
        begin += count
    for at in range(numbers.size):
        eight = np.int64(numbers[at]) >> 24
        ordered[ends[eight]] = numbers[at]
        ends[eight] += 1
