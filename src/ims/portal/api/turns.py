"""Whose turn it is: so many questions at a time, callers in rotation, nobody with more than his share waiting, nor with
all places where there are several.

A question that took too long goes on in its thread and keeps its place until it ends: threads can't be stopped, and
their number must not grow.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ims.portal.api.refusals import later
from ims.quantity import quantity

T = TypeVar("T")


class Turns:
    """Runs blocking work in `places` threads. `each`: what one caller may have running and waiting."""

    def __init__(self, places: int, each: int, waiting: int = 512) -> None:
        self.places = places
        self._threads = ThreadPoolExecutor(places, "ims-api")
        self._free, self._each, self._most = places, each, places + waiting
        self._queue: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._of: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._of_one = max(1, places - 1)

    async def run(self, who: str, seconds: float, work: Callable[[], T]) -> T:
        """What `work` returns. Refuses with 429 or 503 where there is no room, or no answer in time."""
        if self._of[who] >= self._each:
            one, several = "question of yours is answered or waits", "questions of yours are answered or wait"
            raise later(1, f"{quantity(self._each, one, several)}; ask again when one is done")
        if self._of.total() >= self._most:
            raise later(5, "too many questions wait for an answer", 503)
        self._of[who] += 1
        late = later(seconds, f"no answer within {seconds:g} s: ask for a shorter time or a narrower filter", 503)
        try:
            async with asyncio.timeout(seconds) as within:
                await self._turn(who)
        except BaseException as error:
            self._forget(who)
            if isinstance(error, TimeoutError) and within.expired():
                raise late from None
            raise
        loop = asyncio.get_running_loop()
        left = (within.when() or 0) - loop.time()
        done = loop.run_in_executor(self._threads, work)
        done.add_done_callback(lambda done: self._ended(who, done))
        finished, _ = await asyncio.wait([done], timeout=max(0.0, left))
        if not finished:
            raise late
        return done.result()

    @property
    def running(self) -> int:
        """How many run."""
        return self.places - self._free

    @property
    def waiting(self) -> int:
        """How many have come and don't run yet."""
        return max(0, sum(dict(self._of).values()) - self.running)

    def close(self) -> None:
        """Begin nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, who: str) -> None:
        if self._free and self._running[who] < self._of_one:  # whoever waits while a place is free has his share
            self._begin(who)
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.setdefault(who, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._leave(who)
            raise

    def _begin(self, who: str) -> None:
        self._free -= 1
        self._running[who] += 1

    def _leave(self, who: str) -> None:
        """Give the place to the caller who has waited longest since his last turn, of those who haven't their share."""
        self._free += 1
        self._running[who] -= 1
        self._running += Counter()  # without those of whom none runs
        for next_one in list(self._queue):
            if self._running[next_one] >= self._of_one:
                continue
            waiting = self._queue.pop(next_one)
            turn = waiting.popleft()
            while turn.done() and waiting:
                turn = waiting.popleft()
            if waiting:
                self._queue[next_one] = waiting
            if not turn.done():
                self._begin(next_one)
                turn.set_result(None)
                return

    def _ended(self, who: str, done: asyncio.Future[T]) -> None:
        if not done.cancelled():
            done.exception()  # looked at: whoever waited for it may have gone
        self._forget(who)
        self._leave(who)

    def _forget(self, who: str) -> None:
        self._of[who] -= 1
        if self._of[who] <= 0:
            del self._of[who]
