"""A watchdog over running questions: one whose caller went, or whose deadline passed, is interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

EVERY_SECONDS = 0.05


@dataclass(eq=False)
class WatchedQuestion:
    """One question that runs."""

    until: float
    gone: Callable[[], bool]
    interrupt: Callable[[], None]
    why: str = ""
    """`late` or `gone`, once it was interrupted"""


class Watchdog:
    """One thread for all questions. Close it when none is left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: set[WatchedQuestion] = set()
        self._some = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._thread.start()

    @contextmanager
    def over(self, until: float, gone: Callable[[], bool], interrupt: Callable[[], None]) -> Iterator[WatchedQuestion]:
        """Watch what runs inside. `until`: by time.monotonic(); `interrupt` may be called more than once, but not after
        this has ended: its engine may then serve another."""
        watched = WatchedQuestion(until, gone, interrupt)
        with self._lock:
            self._watched.add(watched)
            self._some.set()
        try:
            yield watched
        finally:
            with self._lock:
                self._watched.discard(watched)

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._some.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._closed:
            self._some.wait()
            with self._lock:
                if not self._watched and not self._closed:
                    self._some.clear()
                for one in self._watched:
                    try:
                        why = "late" if time.monotonic() >= one.until else "gone" if one.gone() else ""
                        if why:
                            one.why = one.why or why
                            one.interrupt()
                    except Exception:  # of one question: the deadlines of all others depend on this thread
                        structlog.get_logger().exception("watch")
            time.sleep(EVERY_SECONDS)
