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
    both together. Returns how many there are; -1 where a count has more than 32 bits. (Without a branch by which number
    is less, which nothing predicts: 2.4 ns a number instead of 5.4.)"""
    first = second = length = 0
    while first < one.size and second < other.size:
        number, beside = one[first], other[second]
        here, there = np.int64(number <= beside), np.int64(beside <= number)
        numbers[length] = min(number, beside)
        if counts.size > 0:
            count = here * np.int64(of_one[first]) + there * np.int64(of_other[second])
            if count > MASK32:
                return np.int64(-1)
            counts[length] = np.uint32(count)
        length += 1
        first += here
        second += there
    length = append(one, of_one, first, numbers, counts, length)
    return append(other, of_other, second, numbers, counts, length)


@kernel
def append(run, of_run, begin, numbers, counts, length):
    """Append what a run has from `begin` on to numbers and counts of this length. Returns the new length."""
    for at in range(begin, run.size):
        numbers[length] = run[at]
        if counts.size > 0:
            counts[length] = of_run[at]
        length += 1
    return np.int64(length)


@kernel
def pack(groups, members, width, pairs):
    """Make pairs: a group's number (int64) in units of `width`, above an address (uint32). Returns how many were made;
    it stops at a number with more than 32 bits. (Most groups are like the one before: divided each time, a pair took
    1.9 ns instead of 0.8.)"""
    last, high = np.int64(0), np.uint64(0)
    for at in range(groups.size):
        if groups[at] != last:
            code = groups[at] // width
            if code < 0 or code > MASK32:
                return np.int64(at)
            last, high = groups[at], np.uint64(code) << np.uint64(32)
        pairs[at] = high | np.uint64(members[at])
    return np.int64(groups.size)
