"""Answers kept: asked once at the same moment, right for as long as they hold, within bounds."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from ims.portal.federation.answer_cache import AnswerCache, CachedAnswer
from ims.query.errors import LaterError

from ...queryd.waiting import DEADLINE, crowd, soon, until

CLOSED = {"a": "1", "b": "1"}


def keep(value: Any, octets: int = 10, closed: Any = CLOSED) -> Any:
    return lambda: CachedAnswer(value, octets, closed)


def never() -> Any:
    raise AssertionError("it was asked")


def test_what_is_over_is_asked_once() -> None:
    known: AnswerCache[str] = AnswerCache(1000)
    assert known.get("q", lambda: CLOSED, keep("answer")) == "answer"
    assert known.get("q", lambda: dict(CLOSED), never) == "answer"
    assert known.get("other", lambda: CLOSED, keep("other")) == "other"
    assert (known.hits, known.joined) == (1, 0)


@pytest.mark.parametrize("now", [{"a": "2", "b": "1"}, {"a": "1"}, {"a": "1", "b": None}, {**CLOSED, "c": "1"}])
def test_it_is_asked_anew_when_a_sensor_s_hours_change_or_a_sensor_comes_or_goes(now: dict[str, Any]) -> None:
    known: AnswerCache[str] = AnswerCache(1000)
    known.get("q", lambda: CLOSED, keep("old"))
    assert known.get("q", lambda: now, keep("new", closed=now)) == "new"
    assert known.get("q", lambda: now, never) == "new"


@pytest.mark.parametrize("whose", ["ours", "the other's"])
def test_one_who_has_less_or_more_time_than_another_asks_himself(whose: str) -> None:
    known: AnswerCache[str] = AnswerCache(1000)
    asked, go_on = threading.Event(), threading.Event()

    def slow() -> CachedAnswer[str]:
        asked.set()
        soon(go_on)
        if whose == "ours":
            return CachedAnswer("late", 10, None)
        raise TimeoutError

    with crowd(2) as threads:
        other = threads.go(known.get, "q", lambda: CLOSED, slow)
        soon(asked)
        mine = threads.go(known.get, "q", lambda: CLOSED, keep("mine", closed=None), 0.05 if whose == "ours" else None)
        until(lambda: known.joined)
        if whose == "ours":
            assert mine.result(DEADLINE) == "mine"
        go_on.set()
        assert mine.result(DEADLINE) == "mine"
        if whose == "ours":
            assert other.result(DEADLINE) == "late"
        else:
            assert isinstance(other.exception(DEADLINE), TimeoutError)


def test_one_with_more_time_does_not_wait_for_one_with_less() -> None:
    known: AnswerCache[str] = AnswerCache(1000)
    begun, go_on = [threading.Event(), threading.Event()], threading.Event()
    now = time.monotonic()

    def slow(number: int) -> CachedAnswer[str]:
        begun[number].set()
        soon(go_on)
        return CachedAnswer(f"{number}", 10)

    with crowd(3) as threads:
        short = threads.go(known.get, "q", lambda: CLOSED, lambda: slow(0), None, now + 1000)
        soon(begun[0])
        long = threads.go(known.get, "q", lambda: CLOSED, lambda: slow(1), None, now + 9000)
        soon(begun[1])
        nearly = threads.go(known.get, "q", lambda: CLOSED, never, None, now + 9001)
        until(lambda: known.joined)
        go_on.set()
        assert [one.result(DEADLINE) for one in (short, long, nearly)] == ["0", "1", "1"]
    assert known.get("q", lambda: CLOSED, keep("later")) == "later"


def test_of_two_answers_that_are_kept_one_is() -> None:
    known: AnswerCache[str] = AnswerCache(1000)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> CachedAnswer[str]:
        begun.set()
        soon(go_on)
        return CachedAnswer("slow", 10, CLOSED)

    with crowd(1) as threads:
        first = threads.go(known.get, "q", lambda: CLOSED, slow, None, time.monotonic() + 1000)
        soon(begun)
        assert known.get("q", lambda: CLOSED, keep("fast"), None, time.monotonic() + 9000) == "fast"
        go_on.set()
        assert first.result(DEADLINE) == "slow"
    assert known._kept.currsize == 10 == sum(kept.octets for kept in known._kept.values())


def test_what_another_is_not_answered_one_asks_himself() -> None:
    """It may be the other's own: what else he asked leaves no room."""
    known: AnswerCache[str] = AnswerCache(1000)
    begun, go_on = threading.Event(), threading.Event()

    def refused() -> CachedAnswer[str]:
        begun.set()
        soon(go_on)
        raise LaterError("answers to other questions of yours leave no room for this one")

    with crowd(2) as threads:
        other = threads.go(known.get, "q", lambda: CLOSED, refused)
        soon(begun)
        mine = threads.go(known.get, "q", lambda: CLOSED, keep("mine"))
        until(lambda: known.joined)
        go_on.set()
        assert mine.result(DEADLINE) == "mine"
        assert isinstance(other.exception(DEADLINE), LaterError)


def test_what_is_not_over_or_partial_is_not_kept() -> None:
    known: AnswerCache[str] = AnswerCache(1000)
    for value in ("first", "second"):
        assert known.get("q", lambda: CLOSED, keep(value, closed=None)) == value


def test_at_the_same_moment_it_is_asked_once() -> None:
    known: AnswerCache[str] = AnswerCache(1000)
    barrier, asked, may_answer = threading.Barrier(20), [], threading.Event()

    def ask() -> CachedAnswer[str]:
        asked.append(1)
        soon(may_answer)
        return CachedAnswer("answer", 10, None)

    def get() -> str:
        barrier.wait(DEADLINE)
        return known.get("q", lambda: CLOSED, ask)

    with crowd(20) as threads:
        futures = [threads.go(get) for _ in range(20)]
        until(lambda: known.joined == 19)
        assert known.get("another", lambda: CLOSED, keep("free")) == "free", "nobody else waits"
        may_answer.set()
        assert {future.result(DEADLINE) for future in futures} == {"answer"}
    assert len(asked) == 1
    assert known.get("q", lambda: CLOSED, keep("later")) == "later"


def test_what_fails_fails_for_all_who_wait_and_for_nobody_after() -> None:
    known: AnswerCache[str] = AnswerCache(1000)
    may_fail = threading.Event()

    def fail() -> CachedAnswer[str]:
        soon(may_fail)
        raise OSError("no sensor answered")

    with crowd(5) as threads:
        futures = [threads.go(known.get, "q", lambda: CLOSED, fail) for _ in range(5)]
        until(lambda: known.joined == 4)
        may_fail.set()
        for future in futures:
            assert isinstance(future.exception(DEADLINE), OSError)
    assert known.get("q", lambda: CLOSED, keep("answer")) == "answer"


def test_memory_is_bounded_and_what_was_used_longest_ago_goes_first() -> None:
    known: AnswerCache[int] = AnswerCache(100)
    for key in range(10):
        known.get(str(key), lambda: CLOSED, keep(key))
    assert known.get("0", lambda: CLOSED, never) == 0
    known.get("10", lambda: CLOSED, keep(10))
    assert known.get("0", lambda: CLOSED, never) == 0
    assert known.get("1", lambda: CLOSED, keep(11)) == 11
    for key in range(1000):
        known.get(f"more {key}", lambda: CLOSED, keep(key, octets=7))
    assert known._kept.currsize == 7 * len(known._kept) <= 100


def test_one_large_answer_does_not_push_out_all_others() -> None:
    known: AnswerCache[str] = AnswerCache(100)
    known.get("small", lambda: CLOSED, keep("small"))
    assert known.get("large", lambda: CLOSED, keep("large", octets=26)) == "large"
    assert known.get("large", lambda: CLOSED, keep("again", octets=26)) == "again"
    assert known.get("small", lambda: CLOSED, never) == "small"


def test_changes_leave_no_octets_behind() -> None:
    known: AnswerCache[int] = AnswerCache(100)
    for turn in range(50):
        now = {"a": str(turn)}
        known.get("q", lambda now=now: now, keep(turn, octets=20, closed=now))
    assert known._kept.currsize == 20
