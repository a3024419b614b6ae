"""Kernels over ascending numbers of 64 bits, and pairs as such numbers (sorted_runs.py, pair_set.py)."""

from __future__ import annotations

import numpy as np

from ims.kernels import MASK32, kernel


@kernel
def once(numbers, found, counts):
    """Write each of ascending numbers (uint64) once to `found` (as long). `counts` (uint32, as long; or empty): how
    often each came. Returns how many there are."""
    length = 0
    for at in range(numbers.size):
        if length > 0 and found[length - 1] == numbers[at]:
            if counts.size > 0:
                counts[length - 1] += np.uint32(1)
            continue
        found[length] = numbers[at]
        if counts.size > 0:
            counts[length] = np.uint32(1)
        length += 1
    return np.int64(length)


@kernel
def merge(one, of_one, other, of_other, numbers, counts):
    """Merge two runs, each with numbers (uint64) and counts (uint32, or empty), into `numbers` and `counts`, as long as
    both together. Returns how many there are; -1 where a count has more than 32 bits."""
    first = second = length = 0
    while first < one.size or second < other.size:
        mine = second == other.size or (first < one.size and one[first] <= other[second])
        both = mine and second < other.size and one[first] == other[second]
        numbers[length] = one[first] if mine else other[second]
        if counts.size > 0:
            count = np.int64(of_one[first]) if mine else np.int64(of_other[second])
            if both:
                count += np.int64(of_other[second])
            if count > MASK32:
                return np.int64(-1)
            counts[length] = np.uint32(count)
        length += 1
        first += 1 if mine else 0
        second += 0 if mine and not both else 1
    return np.int64(length)


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
