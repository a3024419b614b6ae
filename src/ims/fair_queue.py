"""Whose turn it is: callers in rotation, so that nobody waits behind another's many questions or long ones.

A free place goes to the caller with the fewest running; among those, to the one served longest ago. Of several places
one caller never has all, so that an occasional caller needn't wait until another's long question ends. Kept places are
for callers whose recent questions were short, one each, the shortest first: they needn't wait for others' long ones.

Bookkeeping alone: a caller waits in a thread (queryd/thread_queue.py) or as a task (portal/api/task_queue.py). Not for
several threads.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from ims.recent_effort import RecentEffort


@dataclass(eq=False)
class Place:
    """A caller's place: in the queue, and then among those that run."""

    caller: str
    call: Callable[[], object]
    """Called when its turn has come."""
    runs: bool = False
    kept: bool = False
    """Whether it runs in a kept place."""


class FairQueue:
    """`ordinary` places, of which one caller has `of_one` at most, and `kept` ones for callers whose recent effort is
    short."""

    def __init__(self, ordinary: int, of_one: int, kept: int, effort: RecentEffort) -> None:
        self._free = {False: ordinary, True: kept}  # by whether they are kept
        self._of_one, self.effort = of_one, effort
        self._queues: OrderedDict[str, deque[Place]] = OrderedDict()
        self._running: Counter[str] = Counter()

    @property
    def running(self) -> int:
        """The number that run."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._queues.values()))

    def waiting_of(self, caller: str) -> int:
        """How many of one caller wait."""
        return len(self._queues.get(caller, ()))

    def may_run(self, caller: str) -> bool:
        """Whether there is a place for this caller now."""
        return self._place_for(caller) is not None

    def enter(self, place: Place) -> None:
        """Wait for a turn; it may come at once."""
        self._queues.setdefault(place.caller, deque()).append(place)
        self._call()

    def leave(self, place: Place) -> None:
        """Stop waiting or running: the next one is called."""
        if place.runs:
            self._free[place.kept] += 1
            self._running[place.caller] -= 1
            self._running += Counter()  # drops callers of whom none runs
        else:
            self._drop(place)
        self._call()

    def _call(self) -> None:
        while may := {name: kept for name in self._queues if (kept := self._place_for(name)) is not None}:
            ordinary = [name for name, kept in may.items() if not kept]  # the first of equals: served longest ago
            caller = min(ordinary, key=self._running.__getitem__) if ordinary else min(may, key=self.effort.of)
            place = self._queues[caller][0]
            self._drop(place)
            if caller in self._queues:
                self._queues.move_to_end(caller)
            place.runs, place.kept = True, may[caller]
            self._free[place.kept] -= 1
            self._running[caller] += 1
            place.call()

    def _place_for(self, caller: str) -> bool | None:
        """Whether this caller's place would be a kept one; None where there is no place for him now."""
        if self._free[False] and self._running[caller] < self._of_one:
            return False
        return True if self._free[True] and not self._running[caller] and self.effort.is_short(caller) else None

    def _drop(self, place: Place) -> None:
        queue = self._queues[place.caller]
        queue.remove(place)
        if not queue:
            del self._queues[place.caller]
