"""ThreadQueue: never more at once than there are places, everybody in turn, and nobody waits for ever."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from ims.queryd.thread_queue import SHORT, BusyError, GivenUpError, ThreadQueue
from ims.recent_effort import RecentEffort

from .waiting import DEADLINE, Crowd, crowd, until


class Asking:
    """Callers in threads: they wait for a turn, write down that they were served, and go when they are told."""

    def __init__(self, turns: ThreadQueue, threads: Crowd) -> None:
        self.turns, self._threads = turns, threads
        self.served: list[str] = []
        self._having: queue.SimpleQueue[threading.Event] = queue.SimpleQueue()

    def ask(self, caller: str, seconds: float = DEADLINE, gone: Any = lambda: False) -> Future[Any]:
        """One who asks, and by now waits or has a turn."""
        before = self.turns.waiting + self.turns.running
        future = self._threads.go(self._have, caller, seconds, gone)
        until(lambda: future.done() or self.turns.waiting + self.turns.running > before)
        return future

    def _have(self, caller: str, seconds: float, gone: Any) -> None:
        leave = threading.Event()
        with self.turns.turn(caller, time.monotonic() + seconds, gone):
            self.served.append(caller)
            self._having.put(leave)
            assert leave.wait(DEADLINE)

    def pass_on(self) -> None:
        """One who has a turn goes; whoever comes next has come."""
        self._having.get(timeout=DEADLINE).set()

    def empty(self, futures: list[Future[Any]]) -> None:
        """All who are there have their turns, and go."""
        for _ in range(self.turns.running + self.turns.waiting):
            self.pass_on()
        for future in futures:
            future.result(DEADLINE)


@pytest.fixture
def threads() -> Iterator[Crowd]:
    with crowd(64) as made:
        yield made


def test_one_who_floods_leaves_others_every_other_turn(threads: Crowd) -> None:
    asking = Asking(ThreadQueue(1, each=100, waiting=100), threads)
    floods = [asking.ask("flood") for _ in range(12)]
    others = [asking.ask("other") for _ in range(4)]
    asking.empty(floods + others)
    assert Counter(asking.served) == {"flood": 12, "other": 4}
    assert asking.served[:2] == ["flood"] * 2
    assert asking.served[2:10] == ["other", "flood"] * 4


def test_who_asks_short_questions_has_a_place_that_no_long_one_takes(threads: Crowd) -> None:
    effort = RecentEffort(SHORT)
    turns = ThreadQueue(2, each=100, waiting=100, kept=1, effort=effort)
    heavy, light = Asking(turns, threads), Asking(turns, threads)
    for caller, seconds in (("a", 20 * SHORT), ("b", 20 * SHORT), ("short", SHORT / 2), ("shorter", SHORT / 4)):
        effort.note(caller, seconds)
    held = [heavy.ask(caller) for caller in ("a", "b", "a", "b")]
    assert (turns.running, turns.waiting) == (2, 2)
    asked = [light.ask(caller) for caller in ("new", "short", "shorter", "new")]
    assert (turns.running, turns.waiting) == (3, 5), "the kept place is one caller's at a time"
    for _ in asked:
        light.pass_on()
    for future in asked:
        future.result(DEADLINE)
    assert light.served == ["new", "new", "shorter", "short"]
    assert (turns.running, turns.waiting) == (2, 2), "nothing of the heavy ones' has ended"
    heavy.empty(held)
    assert sorted(heavy.served) == ["a", "a", "b", "b"]


def test_no_number_of_short_questions_takes_the_places_of_long_ones(threads: Crowd) -> None:
    effort = RecentEffort(SHORT)
    turns = ThreadQueue(2, each=100, waiting=1000, kept=1, effort=effort)
    effort.note("long", 20 * SHORT)
    short, long = Asking(turns, threads), Asking(turns, threads)
    asked = [short.ask(f"short {number % 5}") for number in range(15)]
    waits = long.ask("long")
    for _ in range(20):  # each gives its place on, and another short question is always there
        if long.served:
            break
        there = turns.waiting + turns.running
        short.pass_on()
        until(lambda there=there: turns.waiting + turns.running < there)
        asked.append(short.ask(f"short {len(asked) % 5}"))
    long.pass_on()
    waits.result(DEADLINE)
    short.empty(asked)


@pytest.mark.parametrize("places", [2, 3, 8])
def test_one_place_of_several_is_left_by_whoever_floods(threads: Crowd, places: int) -> None:
    """So another one has his turn at once, without anybody's turn having ended."""
    asking = Asking(ThreadQueue(places, each=100, waiting=100), threads)
    futures = [asking.ask("flood") for _ in range(places + 3)]
    assert asking.turns.running == places - 1
    futures.append(asking.ask("other"))
    until(lambda: "other" in asking.served)
    assert Counter(asking.served) == {"flood": places - 1, "other": 1}
    asking.empty(futures)


def test_who_has_all_that_one_may_have_waits_and_is_refused_like_others(threads: Crowd) -> None:
    asking = Asking(ThreadQueue(2, each=1, waiting=100), threads)
    futures = [asking.ask("flood") for _ in range(2)]
    with pytest.raises(BusyError), asking.turns.turn("flood", time.monotonic() + DEADLINE, lambda: False):
        pass
    asking.empty(futures)


def test_one_who_has_a_turn_lets_those_before_who_have_none(threads: Crowd) -> None:
    asking = Asking(ThreadQueue(3, each=100, waiting=100), threads)
    futures = [asking.ask("flood") for _ in range(6)]
    futures.append(asking.ask("other"))
    futures.append(asking.ask("another"))
    asking.pass_on()
    until(lambda: len(asking.served) == 4)
    assert asking.served == ["flood", "flood", "other", "another"]
    asking.empty(futures)


def test_never_more_at_once_than_there_are_places(threads: Crowd) -> None:
    turns, now, most, lock = ThreadQueue(3, each=100, waiting=1000), [0], [0], threading.Lock()

    def have(caller: str) -> None:
        for _ in range(30):
            with turns.turn(caller, time.monotonic() + DEADLINE, lambda: False):
                with lock:
                    now[0] += 1
                    most[0] = max(most[0], now[0])
                with lock:
                    now[0] -= 1

    for future in [threads.go(have, name) for name in "abcdefgh" * 2]:
        future.result(DEADLINE)
    assert 1 <= most[0] <= 3
    assert (turns.running, turns.waiting) == (0, 0)


def test_too_many_are_told_so_at_once(threads: Crowd) -> None:
    asking = Asking(ThreadQueue(1, each=2, waiting=3), threads)
    futures = [asking.ask("a"), asking.ask("a"), asking.ask("a")]
    with pytest.raises(BusyError):
        asking.ask("a").result(DEADLINE)
    futures.append(asking.ask("b"))
    for name in "bc":
        with pytest.raises(BusyError):
            asking.ask(name).result(DEADLINE)
    assert (asking.turns.running, asking.turns.waiting) == (1, 3)
    asking.empty(futures)
    assert (asking.turns.running, asking.turns.waiting) == (0, 0)


def test_where_nobody_may_wait_free_places_are_given(threads: Crowd) -> None:
    asking = Asking(ThreadQueue(1, each=1, waiting=0), threads)
    future = asking.ask("a")
    with pytest.raises(BusyError):
        asking.ask("b").result(DEADLINE)
    asking.pass_on()
    future.result(DEADLINE)


def test_one_whose_caller_went_or_whose_time_is_over_gives_up_its_place(threads: Crowd) -> None:
    asking, gone = Asking(ThreadQueue(1, each=9, waiting=9), threads), threading.Event()
    first = asking.ask("a")
    waits, late = asking.ask("b", gone=gone.is_set), asking.ask("c", seconds=0.01)
    with pytest.raises(GivenUpError):
        late.result(DEADLINE)
    gone.set()
    with pytest.raises(GivenUpError):
        waits.result(DEADLINE)
    assert asking.turns.waiting == 0
    asking.pass_on()
    first.result(DEADLINE)
    assert asking.served == ["a"]
    last = asking.ask("d")
    asking.pass_on()
    last.result(DEADLINE)


def test_a_question_that_fails_gives_its_place_back() -> None:
    turns = ThreadQueue(1, each=1, waiting=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn("a", time.monotonic() + DEADLINE, lambda: False):
            _ = 1 / 0
    assert (turns.running, turns.waiting) == (0, 0)
