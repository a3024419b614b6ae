"""What answers take in memory, from when they are asked for until their last octet is sent: bounded for all together.

A large question waits until what others hold leaves room, and takes no place of those that run while it waits. Small
ones have room of their own, so that they never wait for a large one or for somebody who reads slowly.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pyarrow as pa
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ims.portal.api.errors import later

T = TypeVar("T")
SMALL = 4 << 20
"""Bytes of a small answer; all of those together have a quarter of what large ones have."""
ROW = 640
"""Bytes that a row of packets takes at most, on its way from the sensors until it is sent; measured: 560."""
ROWS = {"packets": ROW, "payloads": 8 << 10}
"""Bytes of a row, by verb, where the question says how many there are at most."""
OTHERS = 1 << 20
"""Bytes of an answer that doesn't say; once it is there it holds what it does."""
EACH = 16
"""Answers of one caller that wait for room."""


def room_for(verb: str, rows: int) -> int:
    """Bytes that an answer to this verb of at most so many rows will need."""
    return rows * ROWS[verb] if verb in ROWS else OTHERS


class Share:
    """What one answer holds. For the event loop, but `working`."""

    def __init__(self, holding: AnswerMemory, who: str, octets: int) -> None:
        self._holding, self.who, self.octets = holding, who, octets
        self._works, self._released = 0, False
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def working(self) -> Iterator[None]:
        """While a thread makes the answer, which goes on where nobody waits for it any more."""
        self._loop.call_soon_threadsafe(self._count, 1)
        try:
            yield
        finally:
            if self.octets > SMALL:
                pa.default_memory_pool().release_unused()
            self._loop.call_soon_threadsafe(self._count, -1)

    def resize(self, octets: int) -> None:
        """What it is known to hold by now."""
        self._holding.change(self, octets)

    def release(self) -> None:
        """Nobody wants it any more."""
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
        self.held = Counter[bool]()
        """Bytes, of small (True) and large ones."""
        self._of = Counter[str]()
        self._waiting: list[tuple[Share, asyncio.Future[None]]] = []

    async def take(self, who: str, octets: int, seconds: float) -> Share:
        """Room for so many bytes; what could never fit has all there is. Refuses with 503 where none comes in time."""
        share = Share(self, who, min(octets, self.most))
        wanted, share.octets = share.octets, 0
        if not self._waiting and self._fits(who, wanted):
            self.change(share, wanted)
            return share
        if sum(share.who == who for share, _ in self._waiting) >= EACH:
            raise later(5, f"{EACH} answers of yours wait for room; ask again when one is there")
        came = asyncio.get_running_loop().create_future()
        share.octets, entry = wanted, (share, came)
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
                raise later(
                    10, "answers that others are reading take all the memory; ask for fewer rows", 503
                ) from None
            raise
        return share

    def change(self, share: Share, octets: int) -> None:
        """A share that was let in holds another number of bytes."""
        self.held[share.octets <= SMALL] -= share.octets
        self.held[octets <= SMALL] += octets
        self._of[share.who] += octets - share.octets
        if not self._of[share.who]:
            del self._of[share.who]
        share.octets = octets
        self._admit()

    def _fits(self, who: str, octets: int) -> bool:
        small = octets <= SMALL
        if self.held[small] + octets > (self.most // 4 if small else self.most):
            return False
        return small or self._own(who, octets)

    def _own(self, who: str, octets: int) -> bool:
        return not self._of[who] or self._of[who] + octets <= self.most // 2

    def _admit(self) -> None:
        """Let in who fits, in the order they came; a large one that waits for others has later large ones wait."""
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


class Lent(Response):
    """A response whose share is released when it is sent, or isn't sent any more."""

    def __init__(self, inner: Response, share: Share) -> None:
        super().__init__(status_code=inner.status_code)
        self._inner, self._share = inner, share

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await self._inner(scope, receive, send)
        finally:
            self._share.release()


async def lent(share: Share, answer: Callable[[], Awaitable[Response]]) -> Response:
    """The response that `answer` makes, which lets go of its share when it is sent; where there is none, at once."""
    try:
        return Lent(await answer(), share)
    except BaseException:
        share.release()
        raise
