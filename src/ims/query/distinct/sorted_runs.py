"""Numbers of 64 bits told apart, and counted, by sorting: runs of ascending numbers, merged two by two as they grow.

Some millions are collected, sorted, and become a run; a run is merged with those before it that are at most twice as
long, so each number is moved a few times. (Measured, 50 million pairs of a bin and a source, 25 million of them
different, ns of processor time a number: sorting 12, merging 2.4 each time. A hash table in parts that fit the caches,
which this replaced: 45, and a half more memory.)
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from ims.query.distinct.radix_sort import sort
from ims.query.distinct.sort_kernels import merge, once

Array = np.ndarray[Any, Any]
AT_ONCE = 1 << 22
"""At most so many are collected before they are sorted: 32 MiB, three times."""
LEAST_AT_ONCE = 1 << 10


class Run(NamedTuple):
    """Ascending numbers (uint64), each once, and how often each came (uint32; empty if that isn't counted)."""

    numbers: Array
    counts: Array


NOTHING = Run(np.zeros(0, np.uint64), np.zeros(0, np.uint32))


class SortedRuns:
    """Tells numbers of 64 bits apart. `most`: how many different ones there may be; `counted`: whether it is counted
    how often each came. While a thread of its own sorts some, another one can add more."""

    def __init__(self, most: int, *, counted: bool = False) -> None:
        self._most, self._counted = most, counted
        self._at_once = min(AT_ONCE, max(most // 8, LEAST_AT_ONCE))
        self._waiting, self._spare = (np.empty(self._at_once, np.uint64) for _ in range(2))
        self._filled = 0
        self._runs: list[Run] = []
        self._thread = ThreadPoolExecutor(1)
        self._sorted: Future[None] = self._thread.submit(lambda: None)

    def add(self, numbers: Array) -> None:
        """Add a batch (uint64), whose memory may be reused. Raises OverflowError beyond `most`, soon after."""
        begin = 0
        while begin < numbers.size:
            room = self.room(numbers.size - begin)
            room[:] = numbers[begin : begin + room.size]
            begin += room.size

    def room(self, most: int) -> Array:
        """Memory of one to `most` numbers (uint64) to be added, which are written there before anything else is asked
        for. Raises OverflowError beyond the most that there may be, soon after."""
        if self._filled == self._at_once:
            self._start_sorting()
        begin, self._filled = self._filled, min(self._filled + most, self._at_once)
        return self._waiting[begin : self._filled]

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    def all(self) -> Run:
        """All of them; ends adding. Raises OverflowError beyond `most`, or where one came more than 2^32 - 1 times."""
        self._start_sorting()
        self._sorted.result()
        self._waiting = self._spare = NOTHING.numbers
        self._merge_all()
        return self._runs.pop() if self._runs else NOTHING

    def _start_sorting(self) -> None:
        self._sorted.result()
        self._sorted = self._thread.submit(self._sort, self._waiting[: self._filled])
        self._waiting, self._spare, self._filled = self._spare, self._waiting, 0

    def _sort(self, numbers: Array) -> None:
        own, counts = np.empty_like(numbers), np.empty(numbers.size if self._counted else 0, np.uint32)
        sort(numbers, own)
        length = int(once(numbers, own, counts))
        run = _without_rest(own, counts, length)
        while self._runs and self._runs[-1].numbers.size <= 2 * run.numbers.size:
            run = _merged(self._runs.pop(), run)
        self._runs.append(run)
        if sum(each.numbers.size for each in self._runs) > self._most:
            self._merge_all()

    def _merge_all(self) -> None:
        """Merge all runs, the shortest first. Raises OverflowError where too many are different."""
        while len(self._runs) > 1:
            last = self._runs.pop()
            self._runs.append(_merged(self._runs.pop(), last))
        if self._runs and self._runs[0].numbers.size > self._most:
            found = self._runs[0].numbers.size
            raise OverflowError(f"{found:,} distinct addresses of groups; at most {self._most:,} are counted")


def _merged(one: Run, other: Run) -> Run:
    """Both. Raises OverflowError where a number came more than 2^32 - 1 times."""
    numbers = np.empty(one.numbers.size + other.numbers.size, np.uint64)
    counts = np.empty(one.counts.size + other.counts.size, np.uint32)
    length = int(merge(one.numbers, one.counts, other.numbers, other.counts, numbers, counts))
    if length < 0:
        raise OverflowError("one number came more than 4,294,967,295 times")
    return _without_rest(numbers, counts, length)


def _without_rest(numbers: Array, counts: Array, length: int) -> Run:
    """The first numbers of some; without the memory of the rest, if that is much."""
    if length < numbers.size // 4 * 3:
        return Run(numbers[:length].copy(), counts[:length].copy())
    return Run(numbers[:length], counts[:length])
