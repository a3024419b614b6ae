"""Waiting for what must come, with a deadline that only a broken program reaches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

DEADLINE = 60.0


def soon(event: threading.Event) -> None:
    assert event.wait(DEADLINE), "it didn't come"


def until(condition: Callable[[], Any]) -> Any:
    """What a condition becomes. It is asked again and again, at a pace that leaves others their processor."""
    pause, waited = threading.Event(), 0.0
    while not (found := condition()):
        assert waited < DEADLINE, "it didn't come"
        pause.wait(0.02)
        waited += 0.02
    return found


class Crowd:
    """Threads whose ends are waited for."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)

    def go(self, work: Callable[..., Any], *words: Any) -> Future[Any]:
        return self._pool.submit(work, *words)

    def close(self) -> None:
        self._pool.shutdown()


@contextmanager
def crowd(threads: int) -> Iterator[Crowd]:
    made = Crowd(threads)
    try:
        yield made
    finally:
        made.close()
