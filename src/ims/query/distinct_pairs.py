"""Distinct pairs of an answer: a group's number and an address, as `series` and `top` count sources by group.

Exact; see hashed.py for how they are told apart.
"""

from __future__ import annotations

import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ims.query.hashed import LATELY, PARTS, by_part, move, pack, put, unlike_lately, unpack

Numbers = np.ndarray[Any, Any]
Pairs = np.ndarray[Any, np.dtype[np.uint64]]
AT_ONCE = 1 << 24
"""At most so many wait to be told apart together, 128 MiB: each time, all tables come through the caches once."""
SMALLEST = 1 << 8
"""Places of a part's table at first."""


class DistinctPairs:
    """Distinct numbers of 64 bits of a column that comes batch by batch. `most`: how many there may be.

    While some are told apart, in a thread of their own, others can be added: from one thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._odd: tuple[int, int] = (secrets.randbits(31) | 1, secrets.randbits(31) | 1)
        self._lately = np.zeros(LATELY, np.uint64)
        self._at_once = min(AT_ONCE, max(most // 8, 1 << 10))
        self._waiting, self._before, self._ordered = (np.empty(self._at_once, np.uint64) for _ in range(3))
        self._filled = 0
        self._zero = False
        self._tables = [np.zeros(SMALLEST, np.uint64) for _ in range(PARTS)]
        self._counts = [0] * PARTS
        self._beside = ThreadPoolExecutor(1)
        self._told: Future[None] | None = None

    def add(self, pairs: Pairs) -> None:
        """Pairs as they come; their memory may be used again. Raises OverflowError beyond `most`."""
        self._zero = self._zero or not bool(pairs.all())
        for begin in range(0, pairs.size, self._at_once // 4):
            some = pairs[begin : begin + self._at_once // 4]
            if self._filled + some.size > self._at_once:
                self._go_on_beside()
            self._filled = unlike_lately(some, *self._odd, self._lately, self._waiting, self._filled)

    def close(self) -> None:
        """Let go of the thread."""
        self._beside.shutdown()

    def _go_on_beside(self) -> None:
        if self._told is not None:
            self._told.result()
        self._told = self._beside.submit(self._tell_apart, self._waiting[: self._filled])
        self._waiting, self._before, self._filled = self._before, self._waiting, 0

    def all(self) -> tuple[Numbers, Numbers]:
        """Each once, in no order: groups' numbers (int64) and addresses (uint32). Nothing can be added any more."""
        self._go_on_beside()
        self._go_on_beside()
        count = self._found() + self._zero
        groups, members = np.zeros(count, np.int64), np.zeros(count, np.uint32)
        at = int(self._zero)
        while self._tables:  # and no table longer than it is needed
            at = unpack(self._tables.pop(), groups, members, at)
        return groups, members

    def _found(self) -> int:
        return sum(self._counts)

    def _tell_apart(self, waiting: Pairs) -> None:
        ends = np.empty(PARTS, np.int64)
        by_part(waiting, *self._odd, ends, self._ordered)
        begin = 0
        for part, end in enumerate(ends.tolist()):
            self._put(part, self._ordered[begin:end])
            begin = end
        if self._found() > self._most:
            raise OverflowError(
                f"{self._found():,} different addresses of groups; at most {self._most:,} are told apart"
            )

    def _put(self, part: int, pairs: Pairs) -> None:
        at, self._counts[part] = put(pairs, 0, *self._odd, self._tables[part], self._counts[part])
        while at < pairs.size:
            larger = np.zeros(self._tables[part].size * 2, np.uint64)
            move(self._tables[part], *self._odd, larger)
            self._tables[part] = larger
            at, self._counts[part] = put(pairs, at, *self._odd, larger, self._counts[part])


def as_pairs(groups: Numbers, members: Numbers, width: int) -> Pairs:
    """Groups' numbers (int64) in units of `width`, and addresses (uint32). Raises OverflowError where a number has more
    than 32 bits."""
    pairs = np.empty(groups.size, np.uint64)
    if pack(groups, members, width, pairs) < groups.size:
        raise OverflowError("a group's number has more than 32 bits")
    return pairs
