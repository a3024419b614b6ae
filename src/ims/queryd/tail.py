"""Live followers of a store: how many there may be, and the batches that each gets."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from ims.link.contract import TAIL, End, Tail
from ims.link.envelope import ending, pieces
from ims.moved import earlier_name
from ims.queryd.coverage_prefixes import CoveragePrefixes
from ims.queryd.feed import Feed, Look
from ims.queryd.news import News
from ims.queryd.thread_queue import BusyError

MOST_PORTS = 2_000
"""In a look, however many a follower takes: all share the looks."""


class TailService:
    """Follows one store for its listeners. `listeners`, `each`: how many at once, in all and of one caller;
    `memory_bytes`: of all together; `left_out`: as News has it."""

    def __init__(
        self,
        store: Path,
        listeners: int = 16,
        each: int = 8,
        watched: CoveragePrefixes | None = None,
        memory_bytes: int = 64 << 20,
        left_out: Callable[[str], None] = lambda part: None,
    ) -> None:
        prefixes = watched or CoveragePrefixes()
        self._feed = Feed(lambda: News(store, MOST_PORTS, prefixes, memory_bytes, left_out), memory_bytes // 4)
        self._most, self._each = listeners, each
        self._lock = threading.Lock()
        self._listening: Counter[str] = Counter()
        self._stopped = threading.Event()

    @contextmanager
    def listener(self, caller: str) -> Iterator[None]:
        """A place among the listeners. Raises BusyError where there is none."""
        with self._lock:
            if self._listening.total() >= self._most or self._listening[caller] >= self._each:
                raise BusyError(caller)
            self._listening[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._listening[caller] -= 1

    @property
    def listening(self) -> int:
        """How many listen."""
        with self._lock:
            return self._listening.total()

    def stop(self) -> None:
        """End all of them."""
        self._stopped.set()

    def follow(self, tail: Tail, gone: Callable[[], bool]) -> Iterator[pa.Buffer]:
        """Pieces (link/envelope.py) of the parts `blocks`, `ports` and `new`, and an end, each time, until the caller
        is gone; only what comes from now on. Raises BehindError, OSError, MemoryError."""
        nothing = {name: pa.Table.from_batches([], schema) for name, schema in TAIL.items()}
        with self._feed.follower() as follower:
            yield from _batch(Look(nothing, follower.watched), tail.rows)
            while not self._stopped.wait(tail.every) and not gone():
                for look in follower.new(tail.every) or [Look(nothing, follower.watched)]:
                    yield from _batch(look, tail.rows)


def _batch(look: Look, rows: int) -> Iterator[pa.Buffer]:
    parts = look.parts | {"ports": look.parts["ports"].slice(0, rows)}
    for name, table in parts.items():
        yield from pieces(name, table)
    counts = {name: table.num_rows for name, table in parts.items()}
    yield ending(End(seconds=0.0, parts=counts, watched=look.watched))


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
