"""Whose turn it is: a few questions run at once, callers get turns in turn, and nobody waits without end."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ims.recent_effort import RecentEffort

SHORT = 0.1
"""Seconds of processor time of the thread that answers: with as many that help it, twice that and more."""
LOOK_SECONDS = 0.2
"""How often who waits looks whether its caller is still there."""


class BusyError(Exception):
    """There are too many questions waiting."""


class GivenUpError(Exception):
    """The caller went, or its deadline passed, while it waited."""


@dataclass(eq=False)
class _Waiting:
    caller: str
    ready: threading.Event = field(default_factory=threading.Event)
    kept: bool = False


class Turns:
    """`running` at once in all, and `kept` besides; `each` and `waiting`: how many of one caller, and of all, may wait.

    A free place goes to the caller with the fewest running; among those, to the one served longest ago. Of two places
    and more, one caller has all but one: who comes now and then needn't wait until another's long question ends. Kept
    places are for callers whose questions were short of late, one each; first for whoever's were shortest.
    """

    def __init__(
        self, running: int, each: int, waiting: int, kept: int = 0, effort: RecentEffort | None = None
    ) -> None:
        self._each, self._most = each, waiting
        self._free = {False: running, True: kept}
        """By whether they are kept."""
        self._effort = effort or RecentEffort(SHORT)
        self._of_one = max(1, running - 1)
        self._lock = threading.Lock()
        self._queues: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._running: Counter[str] = Counter()

    @property
    def running(self) -> int:
        """How many run."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._lock:
            return sum(map(len, self._queues.values()))

    @contextmanager
    def turn(self, caller: str, until: float, gone: Callable[[], bool]) -> Iterator[None]:
        """Wait for a turn, have it, and pass it on. `until`: by time.monotonic(). Raises BusyError, GivenUpError."""
        place = self._stand(caller)
        try:
            while not place.ready.wait(min(LOOK_SECONDS, max(0.0, until - time.monotonic()))):
                if gone() or time.monotonic() >= until:
                    raise GivenUpError(caller)
            began = time.thread_time()
            try:
                yield
            finally:
                with self._lock:
                    self._effort.note(caller, time.thread_time() - began)
        finally:
            self._leave(place)

    def _stand(self, caller: str) -> _Waiting:
        place = _Waiting(caller)
        with self._lock:
            queue = self._queues.get(caller, ())
            full = len(queue) >= self._each or sum(map(len, self._queues.values())) >= self._most
            if full and self._place_for(caller) is None:  # else he doesn't wait
                raise BusyError(caller)
            self._queues.setdefault(caller, deque()).append(place)
            self._call()
        return place

    def _leave(self, place: _Waiting) -> None:
        with self._lock:
            if place.ready.is_set():
                self._free[place.kept] += 1
                self._running[place.caller] -= 1
                self._running += Counter()  # without those of whom none runs
            else:
                self._drop(place)
            self._call()

    def _call(self) -> None:
        while may := {name: kept for name in self._queues if (kept := self._place_for(name)) is not None}:
            ordinary = [name for name, kept in may.items() if not kept]  # the first of equals: served longest ago
            caller = min(ordinary, key=self._running.__getitem__) if ordinary else min(may, key=self._effort.of)
            place = self._queues[caller][0]
            self._drop(place)
            if caller in self._queues:
                self._queues.move_to_end(caller)
            place.kept = may[caller]
            self._free[place.kept] -= 1
            self._running[caller] += 1
            place.ready.set()

    def _place_for(self, caller: str) -> bool | None:
        """The kind of place that he may have now: whether it is a kept one."""
        if self._free[False] and self._running[caller] < self._of_one:
            return False
        return True if self._free[True] and not self._running[caller] and self._effort.is_short(caller) else None

    def _drop(self, place: _Waiting) -> None:
        queue = self._queues[place.caller]
        queue.remove(place)
        if not queue:
            del self._queues[place.caller]
