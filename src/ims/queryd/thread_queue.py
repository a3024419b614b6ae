"""Threads that wait for their turn (fair_queue.py): a few questions run at once, and nobody waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ims.fair_queue import FairQueue, Place
from ims.recent_effort import RecentEffort

SHORT = 0.1
"""A short question's processor time, in seconds, of the thread that answers; its helpers may add as much and more."""
LOOK_SECONDS = 0.2
"""While waiting, how often to check whether the caller is still there."""


class BusyError(Exception):
    """There are too many questions waiting."""


class GivenUpError(Exception):
    """The caller went, or its deadline passed, while it waited."""


class ThreadQueue:
    """`running` at once in all, and `kept` besides; `each` and `waiting`: how many of one caller, and of all, may wait.
    Of two places and more, one caller has all but one."""

    def __init__(
        self, running: int, each: int, waiting: int, kept: int = 0, effort: RecentEffort | None = None
    ) -> None:
        self._each, self._most = each, waiting
        self._queue = FairQueue(running, max(1, running - 1), kept, effort or RecentEffort(SHORT))
        self._lock = threading.Lock()

    @property
    def running(self) -> int:
        """How many run."""
        return self._queue.running

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._lock:
            return self._queue.waiting

    @contextmanager
    def turn(self, caller: str, until: float, gone: Callable[[], bool]) -> Iterator[None]:
        """Wait for a turn, have it, and pass it on. `until`: by time.monotonic(). Raises BusyError, GivenUpError."""
        ready = threading.Event()
        place = Place(caller, ready.set)
        with self._lock:
            full = self._queue.waiting_of(caller) >= self._each or self._queue.waiting >= self._most
            if full and not self._queue.may_run(caller):
                raise BusyError(caller)
            self._queue.enter(place)
        began: float | None = None
        try:
            while not ready.wait(min(LOOK_SECONDS, max(0.0, until - time.monotonic()))):
                if gone() or time.monotonic() >= until:
                    raise GivenUpError(caller)
            began = time.thread_time()
            yield
        finally:
            with self._lock:
                if began is not None:
                    self._queue.effort.note(caller, time.thread_time() - began)
                self._queue.leave(place)
