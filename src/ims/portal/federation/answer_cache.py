"""A cache of answers: what is asked twice at the same moment is asked once, and what is over is not asked again.

An answer about hours that are over is valid while every sensor's digest of these hours is the same (`closed` in the
contract). Memory is bounded; the least recently used answer is dropped first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import LRUCache

from ims.query.errors import UnansweredError

T = TypeVar("T")
NEARLY = 0.9
"""A caller waits for another's answer if the other has at least this share of the time that the caller has left."""


@dataclass(frozen=True)
class CachedAnswer(Generic[T]):
    """One answer. `closed`: each answering sensor's digest of its closed hours; None: it isn't kept."""

    value: T
    octets: int
    closed: Mapping[str, str] | None = None


class AnswerCache(Generic[T]):
    """Thread-safe. `octets`: of all answers kept."""

    def __init__(self, octets: int) -> None:
        self._most, self._lock = octets, threading.Lock()
        self._kept: LRUCache[str, CachedAnswer[T]] = LRUCache(octets, getsizeof=lambda answer: answer.octets)
        self._asking: dict[str, tuple[Future[CachedAnswer[T]], float]] = {}
        """Who asks now, and until when; of several, the last one, for whom the others had too little time."""
        self.hits = self.joined = 0

    def get(
        self,
        key: str,
        closed: Callable[[], Mapping[str, str | None]],
        ask: Callable[[], CachedAnswer[T]],
        patience: float | None = None,
        until: float = float("inf"),
    ) -> T:
        """The answer kept as `key`, that another thread is asking for now, or that `ask` returns. `closed`: present
        sensors' digests of their closed hours; `patience`: seconds to wait for another's answer; `until`: deadline, by
        time.monotonic(). If the other's deadline is earlier, or it takes longer or isn't answered, perhaps for a reason
        of its own, `ask` is called nevertheless. Raises what `ask` raises."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                if kept.closed == closed():
                    self.hits += 1
                    return kept.value
                del self._kept[key]
            asking, theirs = self._asking.get(key, (None, 0.0))
            now = time.monotonic()
            if asking is not None and theirs - now >= NEARLY * (until - now):
                self.joined += 1
            else:
                asking, mine = None, Future[CachedAnswer[T]]()
                self._asking[key] = mine, until
        if asking is not None:
            try:
                return asking.result(patience).value
            except (TimeoutError, UnansweredError):
                return ask().value
        try:
            found = ask()
            if found.closed is not None and found.octets <= self._most // 4:
                with self._lock:
                    self._kept[key] = found
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                if self._asking.get(key, (None, 0.0))[0] is mine:
                    del self._asking[key]
        mine.set_result(found)
        return found.value
