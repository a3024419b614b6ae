"""Answers kept: what is asked twice at the same moment is asked once, and what is over is not asked again.

An answer about hours that are over holds while every sensor's account of these hours is the same (`closed` in the
contract). Memory is bounded; the answer used longest ago is forgotten first.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from ims.query.errors import UnansweredError

T = TypeVar("T")
NEARLY = 0.9
"""Of one's own time, so much at least has somebody whose answer is waited for: of two who ask the same within a moment,
the second has a little more."""


@dataclass(frozen=True)
class CachedAnswer(Generic[T]):
    """One answer. `closed`: what each sensor that answered said of its closed hours; None: it isn't to be kept."""

    value: T
    octets: int
    closed: Mapping[str, str] | None = None


class AnswerCache(Generic[T]):
    """For several threads. `octets`: of all answers kept."""

    def __init__(self, octets: int) -> None:
        self._most, self._lock = octets, threading.Lock()
        self._kept: OrderedDict[str, CachedAnswer[T]] = OrderedDict()
        self._octets = 0
        self._asking: dict[str, tuple[Future[CachedAnswer[T]], float]] = {}
        """Who asks now, and until when: of several, whoever began last, for whom the others had too little time."""
        self.hits = self.joined = 0

    def get(
        self,
        key: str,
        closed: Callable[[], Mapping[str, str | None]],
        ask: Callable[[], CachedAnswer[T]],
        patience: float | None = None,
        until: float = float("inf"),
    ) -> T:
        """The answer known by `key`, that somebody is asking for at this moment, or that `ask` gives.

        `closed`: what each sensor of now says of its closed hours; `patience`: seconds for which somebody else's answer
        is waited for; `until`: when the answer must be there, by time.monotonic(). Where he must have it earlier, takes
        longer, or isn't answered, which is perhaps for a reason of his own, `ask` is called all the same. Raises what
        it raises.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                if kept.closed == closed():
                    self._kept.move_to_end(key)
                    self.hits += 1
                    return kept.value
                self._forget(key)
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
        except BaseException as error:
            with self._lock:
                self._asked(key, mine)
            mine.set_exception(error)
            raise
        with self._lock:
            self._asked(key, mine)
            if found.closed is not None and found.octets <= self._most // 4:
                if key in self._kept:
                    self._forget(key)
                self._kept[key] = found
                self._octets += found.octets
                while self._octets > self._most:
                    self._forget(next(iter(self._kept)))
        mine.set_result(found)
        return found.value

    def _asked(self, key: str, mine: Future[CachedAnswer[T]]) -> None:
        if self._asking.get(key, (None, 0.0))[0] is mine:
            del self._asking[key]

    def _forget(self, key: str) -> None:
        self._octets -= self._kept.pop(key).octets
