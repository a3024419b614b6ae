"""Room for what sensors answer until it is merged: bounded for all questions together.

Nobody waits for room while he holds some, so that two large questions never wait for each other: what doesn't fit is
refused at once. Small parts always fit, so that large questions of others refuse none.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

SMALL = 2 << 20
"""Octets that a question may hold whatever others hold."""
TOO_LARGE = "sensors' answers to this question are larger than what a portal holds at once: ask for less"
OWN = "answers to other questions of yours leave no room for this one: ask again when they are there"
OTHERS = "answers that others wait for leave no room for this one: ask again, or for less"


class NoRoomError(Exception):
    """There is no room for it."""


class PartShare:
    """What one question holds. For several threads. `refused`: why there was no room for all of it, or nothing."""

    def __init__(self, room: PartRoom, who: str) -> None:
        self._room, self.who = room, who
        self.octets, self.refused, self.over = 0, "", False

    def take(self, octets: int) -> None:
        """Hold so many more. Raises NoRoomError, and whenever the question is over: a sensor may answer too late."""
        self._room.take(self, octets)

    def give_back(self) -> None:
        """Hold nothing of what there was."""
        self._room.give_back(self)


class PartRoom:
    """`most` octets for all questions together, but for SMALL each; an asker of several has half of it."""

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0
        self._of = Counter[str]()
        self._lock = threading.Lock()

    @contextmanager
    def share(self, who: str) -> Iterator[PartShare]:
        """What a question of his holds, until it is over."""
        share = PartShare(self, who)
        try:
            yield share
        finally:
            large = share.octets > SMALL
            self.give_back(share, over=True)
            if large:
                pa.default_memory_pool().release_unused()

    def take(self, share: PartShare, octets: int) -> None:
        """As PartShare's."""
        with self._lock:
            if share.over:
                raise NoRoomError
            if share.octets + octets > SMALL:
                refusal = self._refusal(share, octets)
                if refusal:
                    share.refused = refusal
                    raise NoRoomError
            self._add(share, octets)

    def give_back(self, share: PartShare, over: bool = False) -> None:
        """As PartShare's. `over`: it takes nothing any more."""
        with self._lock:
            share.over = share.over or over
            self._add(share, -share.octets)

    def _refusal(self, share: PartShare, octets: int) -> str:
        others = self._of[share.who] - share.octets
        if share.octets + octets > self.most:
            return TOO_LARGE
        if others and others + share.octets + octets > self.most // 2:
            return OWN
        return OTHERS if self.held + octets > self.most else ""

    def _add(self, share: PartShare, octets: int) -> None:
        share.octets += octets
        self.held += octets
        self._of[share.who] += octets
        if self._of[share.who] <= 0:
            del self._of[share.who]
