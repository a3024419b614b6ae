"""Distinct pairs of an answer: a group's number and an address, as `series` and `top` count sources by group.

Exact; see hash_kernels.py for how they are distinguished.
"""

from __future__ import annotations

import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ims.query.distinct.hash_kernels import LATELY, PARTS, by_part, move, pack, put, unlike_lately, unpack

Numbers = np.ndarray[Any, Any]
Pairs = np.ndarray[Any, np.dtype[np.uint64]]
AT_ONCE = 1 << 24
"""At most so many wait to be distinguished together, 128 MiB: each time, the table comes through the caches once."""
FIRST = 1 << 20
"""So many at first, then twice as many each time: few wait when the last have come."""
SMALLEST = 1 << 8
"""Places of a part of the table at first."""


class DistinctPairs:
    """Distinct numbers of 64 bits of a column that comes batch by batch. `most`: how many there may be.

    While some are distinguished, in a thread of their own, others can be added: from one thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._odd = np.uint64(secrets.randbits(64) | 1), np.uint64(secrets.randbits(64) | 1)
        self._lately = np.zeros(LATELY, np.uint64)
        room = min(AT_ONCE, max(most // 8, 1 << 10))
        self._waiting, self._before, self._ordered = (np.empty(room, np.uint64) for _ in range(3))
        self._at_once = min(FIRST, room)
        self._filled = 0
        self._zero = False
        self._table = np.zeros(PARTS * SMALLEST, np.uint64)
        self._counts = np.zeros(PARTS, np.int64)
        self._beside = ThreadPoolExecutor(1)
        self._told: Future[int] = self._beside.submit(int)  # how many there are

    def add(self, pairs: Pairs) -> None:
        """Pairs as they come; their memory may be used again. Raises OverflowError beyond `most`, soon after."""
        self._zero = self._zero or not bool(pairs.all())
        step = self._at_once // 4
        for begin in range(0, pairs.size, step):
            some = pairs[begin : begin + step]
            if self._filled + some.size > self._at_once:
                self._go_on_beside()
            self._filled = unlike_lately(some, *self._odd, self._lately, self._waiting, self._filled)

    def close(self) -> None:
        """Let go of the thread."""
        self._beside.shutdown()

    def _go_on_beside(self) -> None:
        self._await()
        self._told = self._beside.submit(self._tell_apart, self._waiting[: self._filled])
        self._waiting, self._before, self._filled = self._before, self._waiting, 0
        self._at_once = min(self._at_once * 2, self._waiting.size)

    def all(self) -> tuple[Numbers, Numbers]:
        """Each once, in no order: groups' numbers (int64) and addresses (uint32). Nothing can be added any more. Raises
        OverflowError beyond `most`."""
        self._go_on_beside()
        count = self._await() + self._zero
        groups, members = np.zeros(count, np.int64), np.zeros(count, np.uint32)
        unpack(self._table, groups, members, int(self._zero))
        return groups, members

    def _await(self) -> int:
        if (found := self._told.result()) > self._most:
            raise OverflowError(f"{found:,} distinct addresses of groups; at most {self._most:,} are counted")
        return found

    def _tell_apart(self, waiting: Pairs) -> int:
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
    """Groups' numbers (int64) in units of `width`, and addresses (uint32). Raises OverflowError where a number has more
    than 32 bits."""
    pairs = np.empty(groups.size, np.uint64)
    if pack(groups, members, width, pairs) < groups.size:
        raise OverflowError("a group's number has more than 32 bits")
    return pairs
