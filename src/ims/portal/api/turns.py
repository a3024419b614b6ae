"""Whose turn it is: so many questions at a time, callers in rotation, nobody with more than his share waiting, nor with
more than half of the places where there are several.

Some places are kept for callers whose questions were short of late: however many others ask long ones, they needn't
wait for these. A question that took too long goes on in its thread and keeps its place until it ends: threads can't be
stopped, and their number must not grow.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ims.portal.api.refusals import later
from ims.recent_effort import RecentEffort
from ims.text import quantity

T = TypeVar("T")
SHORT = 0.25
"""Seconds of work (see portal/asker.py, Effort) that a short question takes at most."""
ORDINARY, KEPT = "ordinary", "kept"
"""Kinds of places."""


class Turns:
    """Runs blocking work in `places` threads. `each`: what one caller may have running and waiting; `kept`: places that
    only callers have who ask short questions, one each."""

    def __init__(self, places: int, each: int, waiting: int = 512, kept: int = 0) -> None:
        self.places, self._effort = places, RecentEffort(SHORT)
        self._threads = ThreadPoolExecutor(places, "ims-api")
        self._free = {ORDINARY: places - kept, KEPT: kept}
        self._each, self._most = each, places + waiting
        self._queue: OrderedDict[str, deque[asyncio.Future[str]]] = OrderedDict()
        self._of: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._of_one = max(1, places // 2)

    async def run(
        self, who: str, seconds: float, work: Callable[[], T], effort: Callable[[], float] = lambda: 0.0
    ) -> T:
        """What `work` returns. `effort`: seconds that it has taken by now, but for waiting. Refuses with 429 or 503
        where there is no room, or no answer in time."""
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
        left = (within.when() or 0) - loop.time()
        done = loop.run_in_executor(self._threads, work)
        done.add_done_callback(lambda done: self._ended(who, place, done, effort()))
        finished, _ = await asyncio.wait([done], timeout=max(0.0, left))
        if not finished:
            raise late
        return done.result()

    @property
    def running(self) -> int:
        """How many run."""
        return self.places - sum(self._free.values())

    @property
    def waiting(self) -> int:
        """How many have come and don't run yet."""
        return max(0, sum(dict(self._of).values()) - self.running)

    def close(self) -> None:
        """Begin nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, who: str) -> str:
        """Wait for a place; which kind it is."""
        place = self._place_for(who)
        if place is not None:  # whoever waits while one is free may not have it
            self._begin(who, place)
            return place
        turn: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._queue.setdefault(who, deque()).append(turn)
        try:
            return await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._leave(who, turn.result())
            raise

    def _place_for(self, who: str) -> str | None:
        """The kind of place that this caller may have now."""
        if self._free[ORDINARY] and self._running[who] < self._of_one:
            return ORDINARY
        return KEPT if self._free[KEPT] and not self._running[who] and self._effort.is_short(who) else None

    def _begin(self, who: str, place: str) -> None:
        self._free[place] -= 1
        self._running[who] += 1

    def _leave(self, who: str, place: str) -> None:
        """Give the place on: an ordinary one to the caller who has waited longest since his last turn, of those who may
        have it; a kept one to whoever asks the shortest questions."""
        self._free[place] += 1
        self._running[who] -= 1
        self._running += Counter()  # without those of whom none runs
        while may := {name: kind for name in self._queue if (kind := self._place_for(name)) is not None}:
            ordinary = [name for name, kind in may.items() if kind == ORDINARY]
            next_one = ordinary[0] if ordinary else min(may, key=self._effort.of)
            waiting = self._queue.pop(next_one)
            turn = waiting.popleft()
            while turn.done() and waiting:
                turn = waiting.popleft()
            if waiting:
                self._queue[next_one] = waiting
            if not turn.done():
                self._begin(next_one, may[next_one])
                turn.set_result(may[next_one])

    def _ended(self, who: str, place: str, done: asyncio.Future[T], effort: float) -> None:
        if not done.cancelled():
            done.exception()  # looked at: whoever waited for it may have gone
        self._effort.note(who, effort)
        self._forget(who)
        self._leave(who, place)

    def _forget(self, who: str) -> None:
        self._of[who] -= 1
        if self._of[who] <= 0:
            del self._of[who]
