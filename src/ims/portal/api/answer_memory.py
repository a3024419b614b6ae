"""Memory that answers take, from the question until the last octet is sent: bounded for all answers together.

A large answer waits for room, without a place in the queue. Small ones have room of their own, so that they never wait
for a large one or for a slow reader.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from ims.portal.api.errors import later

SMALL = 4 << 20  # bytes of a small answer; all of those together have a quarter of what large ones have
ROW = 640  # bytes of a row of packets at most, from the sensors until it is sent; measured: 560
ROWS = {"packets": ROW, "payloads": 8 << 10}
OTHERS = 1 << 20  # bytes of an answer to another verb, until it is there and its size is known
EACH = 16  # answers of one caller that wait for room


def room_for(verb: str, rows: int) -> int:
    """Bytes that an answer to this verb of at most so many rows will need."""
    return rows * ROWS[verb] if verb in ROWS else OTHERS


class Share:
    """What one answer holds. For the event loop, except `working`."""

    def __init__(self, holding: AnswerMemory, who: str, octets: int) -> None:
        self._holding, self.who, self.octets = holding, who, octets
        self._works, self._released = 0, False
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def working(self) -> Iterator[None]:
        """While a thread makes the answer; it goes on even if nobody waits for it any more."""
        self._loop.call_soon_threadsafe(self._count, 1)
        try:
            yield
        finally:
            if self.octets > SMALL:
                pa.default_memory_pool().release_unused()
            self._loop.call_soon_threadsafe(self._count, -1)

    def resize(self, octets: int) -> None:
        """Hold so many bytes instead."""
        self._holding.change(self, octets)

    def release(self) -> None:
        """Hold nothing, as soon as no thread works for it."""
        self._released = True
        self._count(0)

    def _count(self, more: int) -> None:
        self._works += more
        if self._released and not self._works:
            self._holding.change(self, 0)


class AnswerMemory:
    """The room for answers: `most` bytes for large ones, of which one caller has half unless he holds nothing yet."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = Counter[bool]()  # bytes of small (True) and of large answers
        self._of = Counter[str]()
        self._waiting: list[tuple[Share, asyncio.Future[None]]] = []

    async def take(self, who: str, octets: int, seconds: float) -> Share:
        """Room for so many bytes; what could never fit gets all there is. Refuses with 503 where none comes in time."""
        if sum(share.who == who for share, _ in self._waiting) >= EACH:
            raise later(5, f"{EACH} answers of yours wait for room; ask again when one is there")
        share, came = Share(self, who, min(octets, self.most)), asyncio.get_running_loop().create_future()
        entry = share, came
        self._waiting.append(entry)
        self._admit()
        try:
            async with asyncio.timeout(seconds):
                await came
        except BaseException as error:
            if entry in self._waiting:
                self._waiting.remove(entry)
            else:
                self.change(share, 0)
            self._admit()
            if isinstance(error, TimeoutError):
                raise later(10, "answers being sent take all the memory; ask again, or for fewer rows", 503) from None
            raise
        return share

    def change(self, share: Share, octets: int) -> None:
        """A share that was let in holds another number of bytes."""
        self.held[share.octets <= SMALL] -= share.octets
        self.held[octets <= SMALL] += octets
        self._of += Counter({share.who: octets - share.octets})  # without those who hold nothing
        share.octets = octets
        self._admit()

    def _fits(self, who: str, octets: int) -> bool:
        if octets <= SMALL:
            return self.held[True] + octets <= self.most // 4
        return self.held[False] + octets <= self.most and self._own(who, octets)

    def _own(self, who: str, octets: int) -> bool:
        return not self._of[who] or self._of[who] + octets <= self.most // 2

    def _admit(self) -> None:
        """Let in what fits, in the order it came; a large answer that waits for others' makes later large ones wait."""
        blocked = False
        for entry in list(self._waiting):
            share, came = entry
            small = share.octets <= SMALL
            if came.done() or (blocked and not small):
                continue
            if self._fits(share.who, share.octets):
                self._waiting.remove(entry)
                self.held[small] += share.octets
                self._of[share.who] += share.octets
                came.set_result(None)
            elif not small and self._own(share.who, share.octets):
                blocked = True
