"""Distinct pairs of a group's number and an address, as `series` and `top` count sources by group (hash_kernels.py)."""

from __future__ import annotations

import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ims.query.distinct.hash_kernels import LATELY, PARTS, by_part, move, pack, put, unlike_lately, unpack

Numbers = np.ndarray[Any, Any]
Pairs = np.ndarray[Any, np.dtype[np.uint64]]
AT_ONCE = 1 << 24
"""At most so many are collected, 128 MiB, and distinguished: each time, the table is loaded into the caches once."""
FIRST = 1 << 20
"""So many at first, then twice as many each time: few are left at the end."""
SMALLEST = 1 << 8
"""Initial places of a part of the table."""


class DistinctPairs:
    """Distinct numbers of 64 bits of a column's batches. `most`: how many there may be. While a separate thread
    distinguishes some, one other thread can add more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._odd = np.uint64(secrets.randbits(64) | 1), np.uint64(secrets.randbits(64) | 1)
        self._lately = np.zeros(LATELY, np.uint64)
        room = min(AT_ONCE, max(most // 8, 1 << 10))
        self._waiting, self._spare, self._ordered = (np.empty(room, np.uint64) for _ in range(3))
        self._at_once = min(FIRST, room)
        self._filled, self._zero = 0, False
        self._table = np.zeros(PARTS * SMALLEST, np.uint64)
        self._counts = np.zeros(PARTS, np.int64)
        self._thread = ThreadPoolExecutor(1)
        self._count: Future[int] = self._thread.submit(int)  # how many there are

    def add(self, pairs: Pairs) -> None:
        """Add a batch, whose memory may be reused. Raises OverflowError beyond `most`, soon after."""
        self._zero = self._zero or not bool(pairs.all())
        step = self._at_once // 4
        for begin in range(0, pairs.size, step):
            some = pairs[begin : begin + step]
            if self._filled + some.size > self._at_once:
                self._start_flush()
            self._filled = unlike_lately(some, *self._odd, self._lately, self._waiting, self._filled)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    def _start_flush(self) -> None:
        self._await()
        self._count = self._thread.submit(self._flush, self._waiting[: self._filled])
        self._waiting, self._spare, self._filled = self._spare, self._waiting, 0
        self._at_once = min(self._at_once * 2, self._waiting.size)

    def all(self) -> tuple[Numbers, Numbers]:
        """Groups' numbers (int64), addresses (uint32), unordered; ends adding. Raises OverflowError beyond `most`."""
        self._start_flush()
        count = self._await() + self._zero
        groups, members = np.zeros(count, np.int64), np.zeros(count, np.uint32)
        unpack(self._table, groups, members, int(self._zero))
        return groups, members

    def _await(self) -> int:
        if (found := self._count.result()) > self._most:
            raise OverflowError(f"{found:,} distinct addresses of groups; at most {self._most:,} are counted")
        return found

    def _flush(self, waiting: Pairs) -> int:
        by_part(waiting, *self._odd, np.empty(PARTS, np.int64), self._ordered)
        pairs = self._ordered[: waiting.size]
        at = put(pairs, 0, *self._odd, self._table, self._counts)
        while at < pairs.size:
            larger = np.zeros(self._table.size * 2, np.uint64)
            move(self._table, *self._odd, larger)
            self._table = larger
            at = put(pairs, at, *self._odd, larger, self._counts)
        return int(self._counts.sum())


def as_pairs(groups: Numbers, members: Numbers, width: int) -> Pairs:
    """Pairs of groups' numbers (int64) by `width`, and addresses (uint32). Raises OverflowError beyond 32 bits."""
    pairs = np.empty(groups.size, np.uint64)
    if pack(groups, members, width, pairs) < groups.size:
        raise OverflowError("a group's number has more than 32 bits")
    return pairs
