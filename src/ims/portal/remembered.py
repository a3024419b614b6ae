"""Answers kept: what is asked twice at the same moment is asked once, and what is over is not asked again.

An answer about hours that are over holds while every sensor's account of these hours is the same (`closed` in the
contract). Memory is bounded; the answer used longest ago is forgotten first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Kept(Generic[T]):
    """One answer. `closed`: what each sensor that answered said of its closed hours; None: it isn't to be kept."""

    value: T
    octets: int
    closed: Mapping[str, str] | None = None


class Remembered(Generic[T]):
    """For several threads. `octets`: of all answers kept."""

    def __init__(self, octets: int) -> None:
        self._most, self._lock = octets, threading.Lock()
        self._kept: OrderedDict[str, Kept[T]] = OrderedDict()
        self._octets = 0
        self._asking: dict[str, Future[Kept[T]]] = {}
        self.hits = self.joined = 0

    def get(
        self,
        key: str,
        closed: Callable[[], Mapping[str, str | None]],
        ask: Callable[[], Kept[T]],
        patience: float | None = None,
    ) -> T:
        """The answer known by `key`, that somebody is asking for at this moment, or that `ask` gives.

        `closed`: what each sensor of now says of its closed hours; `patience`: seconds for which somebody else's answer
        is waited for. Where he has less time than that, or more, `ask` is called all the same. Raises what it raises.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                if kept.closed == closed():
                    self._kept.move_to_end(key)
                    self.hits += 1
                    return kept.value
                self._forget(key)
            asking = self._asking.get(key)
            mine = asking is None
            if asking is None:
                asking = self._asking[key] = Future()
            else:
                self.joined += 1
        if not mine:
            try:
                return asking.result(patience).value
            except TimeoutError:  # by this caller's time, or by the other's
                return ask().value
        try:
            found = ask()
        except BaseException as error:
            with self._lock:
                del self._asking[key]
            asking.set_exception(error)
            raise
        with self._lock:
            del self._asking[key]
            if found.closed is not None and found.octets <= self._most // 4:
                self._kept[key] = found
                self._octets += found.octets
                while self._octets > self._most:
                    self._forget(next(iter(self._kept)))
        asking.set_result(found)
        return found.value

    def _forget(self, key: str) -> None:
        self._octets -= self._kept.pop(key).octets
