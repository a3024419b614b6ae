"""Tasks that wait for their turn (fair_queue.py) and then run in threads: a bounded number of each caller, which never
takes more than half of several places.

A question that took too long keeps its thread and its place until it ends: threads can't be stopped, and their number
must not grow.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ims.fair_queue import FairQueue, Place
from ims.portal.api.errors import later
from ims.recent_effort import RecentEffort
from ims.text import quantity

T = TypeVar("T")
SHORT = 0.25  # seconds of work (see portal/federation/asker.py, Effort) that a short question takes at most


class TaskQueue:
    """Runs blocking work in `places` threads. `each`: what one caller may have running and waiting; `kept`: places only
    for callers who ask short questions, one each."""

    def __init__(self, places: int, each: int, waiting: int = 512, kept: int = 0) -> None:
        self.places = places
        self._queue = FairQueue(places - kept, max(1, places // 2), kept, RecentEffort(SHORT))
        self._threads = ThreadPoolExecutor(places, "ims-api")
        self._each, self._most = each, places + waiting
        self._of: Counter[str] = Counter()

    async def run(
        self, who: str, seconds: float, work: Callable[[], T], effort: Callable[[], float] = lambda: 0.0
    ) -> T:
        """What `work` returns. `effort`: seconds it has worked by now, without waiting. Refuses with 429 or 503 where
        there is no room, or no answer in time."""
        if self._of[who] >= self._each:
            one, several = "question of yours is answered or waits", "questions of yours are answered or wait"
            raise later(1, f"{quantity(self._each, one, several)}; ask again when one is done")
        if self._of.total() >= self._most:
            raise later(5, "too many questions wait for an answer", 503)
        self._of[who] += 1
        late = later(seconds, f"no answer within {seconds:g} s: ask for a shorter time or a narrower filter", 503)
        try:
            async with asyncio.timeout(seconds) as within:
                place = await self._turn(who)
        except BaseException as error:
            self._forget(who)
            if isinstance(error, TimeoutError) and within.expired():
                raise late from None
            raise
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._threads, work)
        done.add_done_callback(lambda done: self._ended(place, done, effort()))
        finished, _ = await asyncio.wait([done], timeout=max(0.0, (within.when() or 0) - loop.time()))
        if not finished:
            raise late
        return done.result()

    @property
    def running(self) -> int:
        """How many run."""
        return self._queue.running

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return max(0, sum(dict(self._of).values()) - self.running)

    def close(self) -> None:
        """Begin nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, who: str) -> Place:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def call() -> None:
            if not turn.done():  # else who waited has gone, and leaves at once
                turn.set_result(None)

        place = Place(who, call)
        self._queue.enter(place)
        try:
            await turn
        except BaseException:
            self._queue.leave(place)
            raise
        return place

    def _ended(self, place: Place, done: asyncio.Future[T], effort: float) -> None:
        if not done.cancelled():
            done.exception()  # else asyncio logs it where nobody waits any more
        self._queue.effort.note(place.caller, effort)
        self._forget(place.caller)
        self._queue.leave(place)

    def _forget(self, who: str) -> None:
        self._of -= Counter([who])  # without those who have none
