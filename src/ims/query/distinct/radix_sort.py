"""Numbers of 64 bits sorted by their octets: first by the highest eight bits in which any differ, into buckets that fit
a core's L2 cache, then each bucket by its other octets, from the lowest on (Knuth, The Art of Computer Programming 3,
section 5.2.5).

No index can leave its array: ranges [begin, end) are those between the sums of how often each value came, which end at
the length of both arrays, and a place of `move` grows from one sum to the next, as each number is counted and moved by
the same eight bits.

numpy's sort needs 5 ns a number with AVX-512, 10 with AVX2, and 58 where it uses neither, as numpy 2.4 on a processor
with AVX-512 of AMD (4 million pairs of an hour or five minutes and an address, one core). This takes 9 to 13 anywhere;
with bounds checks 13 to 18.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.kernels import proven

Array = np.ndarray[Any, Any]
DIGIT = 8
VALUES = 1 << DIGIT
MOST_DIGITS = 8
FEW = 48
"""Numbers that are sorted by insertion: counting 256 values would take longer."""


def sort(numbers: Array, spare: Array) -> None:
    """Sort numbers (uint64) in their place. `spare`: as many, which are overwritten. Raises ValueError of fewer."""
    if spare.size < numbers.size:
        raise ValueError(f"{spare.size} spare places for {numbers.size} numbers")
    if numbers.size:
        sort_by_digits(numbers, spare[: numbers.size], np.empty((1 + MOST_DIGITS, VALUES), np.int64))


@proven
def digit(number, shift):
    """Eight bits of a number."""
    return np.int64(number >> np.uint64(shift) & np.uint64(VALUES - 1))


@proven
def begins_of(counts):
    """Make begins of how often each of VALUES comes."""
    begin = np.int64(0)
    for value in range(VALUES):
        count = counts[value]
        counts[value] = begin
        begin += count


@proven
def move(source, begin, end, target, shift, places):
    """Move numbers [begin, end) to their places in `target` by eight bits. `places` (VALUES): where the next of each
    value goes, less `begin`."""
    for at in range(begin, end):
        value = digit(source[at], shift)
        target[begin + places[value]] = source[at]
        places[value] += 1


@proven
def insert(source, begin, end, target):
    """Sort few numbers [begin, end) into `target`."""
    for at in range(begin, end):
        number, place = source[at], at
        while place > begin and target[place - 1] > number:
            target[place] = target[place - 1]
            place -= 1
        target[place] = number


@proven
def sort_bucket(source, begin, end, target, bits, counts):
    """Sort numbers [begin, end) that differ in their lowest `bits` only into `target`; `source` is overwritten."""
    digits = (bits + DIGIT - 1) // DIGIT
    counts[:digits] = 0
    for at in range(begin, end):
        for place in range(digits):
            counts[place, digit(source[at], place * DIGIT)] += 1
    is_moved = False
    for place in range(digits):
        if counts[place, digit(source[begin], place * DIGIT)] == end - begin:
            continue  # all have the same
        begins_of(counts[place])
        if is_moved:
            move(target, begin, end, source, place * DIGIT, counts[place])
        else:
            move(source, begin, end, target, place * DIGIT, counts[place])
        is_moved = not is_moved
    if not is_moved:
        for at in range(begin, end):
            target[at] = source[at]


@proven
def sort_by_digits(numbers, spare, counts):
    """Sort numbers (uint64, one or more). `spare`: as many; `counts` (1 + MOST_DIGITS, VALUES; int64): memory."""
    differ = np.uint64(0)
    for at in range(numbers.size):
        differ |= numbers[at] ^ numbers[0]
    top = 0
    while differ >> np.uint64(top) >= np.uint64(VALUES):
        top += 1
    ends = counts[0]
    ends[:] = 0
    for at in range(numbers.size):
        ends[digit(numbers[at], top)] += 1
    begins_of(ends)
    move(numbers, 0, numbers.size, spare, top, ends)
    begin = np.int64(0)
    for value in range(VALUES):
        end = ends[value]
        if end - begin > FEW:
            sort_bucket(spare, begin, end, numbers, top, counts[1:])
        else:
            insert(spare, begin, end, numbers)
        begin = end
