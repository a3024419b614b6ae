"""What runs is interrupted when its caller goes or its time is over, and never afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from ims.queryd.watchdog import Watchdog

from .waiting import crowd, soon, until

NEVER = float("inf")


@pytest.fixture
def watch() -> Iterator[Watchdog]:
    made = Watchdog()
    yield made
    made.close()
    assert not made._thread.is_alive()


def test_one_whose_caller_goes_is_interrupted(watch: Watchdog) -> None:
    gone, interrupted = threading.Event(), threading.Event()
    with watch.over(NEVER, gone.is_set, interrupted.set) as watched:
        assert watched.why == ""
        gone.set()
        soon(interrupted)
    assert watched.why == "gone"


def test_one_whose_time_is_over_is_interrupted(watch: Watchdog) -> None:
    interrupted = threading.Event()
    with watch.over(time.monotonic() - 1, lambda: False, interrupted.set) as watched:
        soon(interrupted)
    assert watched.why == "late"


def test_it_is_interrupted_until_it_ends_for_the_first_time_may_come_too_early(watch: Watchdog) -> None:
    times: list[int] = []
    with watch.over(0, lambda: False, lambda: times.append(1)):
        until(lambda: len(times) >= 3)
    count = len(times)
    other = threading.Event()
    with watch.over(0, lambda: False, other.set):
        soon(other)
    assert len(times) == count


def test_what_has_ended_is_interrupted_no_more(watch: Watchdog) -> None:
    """Its engine may serve another by then: leaving waits for an interrupt that is under way."""
    begun, may_end, over = threading.Event(), threading.Event(), threading.Event()

    def interrupt() -> None:
        begun.set()
        soon(may_end)

    def ask() -> None:
        with watch.over(0, lambda: False, interrupt):
            soon(begun)
        over.set()

    with crowd(1) as threads:
        asked = threads.go(ask)
        soon(begun)
        assert not over.wait(0.1)
        may_end.set()
        asked.result()


def test_others_are_left_alone(watch: Watchdog) -> None:
    mine, other = threading.Event(), threading.Event()
    with watch.over(NEVER, lambda: False, other.set) as fine, watch.over(0, lambda: False, mine.set):
        soon(mine)
        until(mine.is_set)
    assert not other.is_set()
    assert fine.why == ""


def test_one_thread_sleeps_while_nothing_runs(watch: Watchdog) -> None:
    until(lambda: not watch._some.is_set())
    with watch.over(NEVER, lambda: False, lambda: None):
        assert watch._some.is_set()
    until(lambda: not watch._some.is_set())


def test_what_fails_of_one_question_leaves_the_others_their_deadlines(watch: Watchdog) -> None:
    tried, interrupted = threading.Event(), threading.Event()

    def fail() -> None:
        tried.set()
        raise RuntimeError("closed already")

    with watch.over(0, lambda: False, fail):
        soon(tried)
    with watch.over(0, lambda: False, interrupted.set):
        soon(interrupted)
