"""Room for sensors' answers that aren't merged yet: bounded, half of it for one asker, and small ones always fit."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.federation.part_memory import (
    OTHERS,
    OWN,
    SMALL,
    TOO_LARGE,
    AnswerShare,
    NoRoomError,
    PartMemory,
    PartShare,
)

from ...queryd.waiting import DEADLINE, crowd


def test_what_does_not_fit_is_refused_for_its_true_cause_and_what_is_small_is_not() -> None:
    room = PartMemory(8 * SMALL)
    with room.share("a") as first, room.share("b") as second, room.share("c") as third:
        first.answer("x").take(4 * SMALL)
        with room.share("a") as another:
            answer = another.answer("x")
            answer.take(SMALL)
            with pytest.raises(NoRoomError):
                answer.take(1)
            assert another.refused == OWN
        second.answer("x").take(4 * SMALL)
        answer = third.answer("x")
        answer.take(SMALL)
        with pytest.raises(NoRoomError):
            answer.take(1)
        assert third.refused == OTHERS
        first.give_back()
        for late in (answer, third.answer("y")):
            with pytest.raises(NoRoomError):
                late.take(1)
        assert third.refused == OTHERS, "what was refused is lacking, whatever comes later"
    assert room.held == 0
    with room.share("c") as third:
        answer = third.answer("x")
        answer.take(8 * SMALL)
        with pytest.raises(NoRoomError):
            answer.take(1)
        assert third.refused == TOO_LARGE


@pytest.mark.parametrize("late", [True, False])
def test_of_a_question_that_is_too_large_the_largest_answer_alone_is_left_out(late: bool) -> None:
    """Whether it is this one that needs more, or another one when it was there already."""
    room = PartMemory(8 * SMALL)
    with room.share("a") as share:
        large, one, other = (share.answer(name) for name in ("large", "one", "other"))
        large.take(4 * SMALL)
        for answer in (one, other):
            answer.take(2 * SMALL)
        if late:
            one.take(1)
            with pytest.raises(NoRoomError):
                large.take(1)
        else:
            with pytest.raises(NoRoomError):
                large.take(1)
            one.take(1)
        assert share.left_out is large
        assert large.ended.done(), "so that its call ends"
        assert (share.refused, share.octets, room.held) == ("", 4 * SMALL + 1, 4 * SMALL + 1)
        one.take(2 * SMALL)
        with pytest.raises(NoRoomError):
            other.take(3 * SMALL)
        assert share.refused == TOO_LARGE, "one alone may lie"
    assert room.held == 0


def test_the_lake_is_never_left_out() -> None:
    room = PartMemory(8 * SMALL)
    with room.share("a") as share:
        sensor, lake = share.answer("a"), share.answer("the lake", believed=True)
        sensor.take(2 * SMALL)
        lake.take(7 * SMALL)
        assert share.left_out is sensor
        with pytest.raises(NoRoomError):
            lake.take(2 * SMALL)
        assert share.refused == TOO_LARGE


def test_what_failed_gives_back_what_it_took_and_takes_nothing_any_more() -> None:
    room = PartMemory(8 * SMALL)
    with room.share("a") as share:
        broken, whole = share.answer("broken"), share.answer("whole")
        broken.take(6 * SMALL)
        broken.give_back()
        assert room.held == 0
        with pytest.raises(NoRoomError):
            broken.take(1)
        whole.take(8 * SMALL)
        assert not share.refused


def test_a_sensor_that_answers_when_its_question_is_over_takes_nothing() -> None:
    room = PartMemory(8 * SMALL)
    with room.share("a") as share:
        answer = share.answer("x")
        answer.take(1)
    for octets in (1, 2 * SMALL):
        with pytest.raises(NoRoomError):
            answer.take(octets)
    assert room.held == 0


def test_many_threads_of_many_questions_give_back_all_that_they_took() -> None:
    room = PartMemory(64 * SMALL)

    def ask(number: int) -> None:
        for _ in range(300):
            with room.share(str(number % 3)) as share, contextlib.suppress(NoRoomError):
                one, other = share.answer("one"), share.answer("other")
                late = threads.go(lambda one=one: [one.take(SMALL // 7) for _ in range(20)])
                other.take(3 * SMALL)
            with contextlib.suppress(NoRoomError):
                late.result(DEADLINE)

    with crowd(16) as threads:
        for future in [threads.go(ask, number) for number in range(6)]:
            future.result(DEADLINE)
    assert room.held == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(-1, 3 * SMALL)), max_size=60))
def test_it_is_bounded_and_all_is_given_back(steps: list[tuple[str, int, int]]) -> None:
    room, shares = PartMemory(4 * SMALL), dict[str, PartShare]()
    answers = dict[tuple[str, int], AnswerShare]()
    for who, number, octets in steps:
        share = shares.setdefault(who, PartShare(room, who))
        if (who, number) not in answers:
            answers[who, number] = share.answer(str(number))
        answer = answers[who, number]
        if octets < 0:
            answer.give_back()
            continue
        before = answer.octets
        try:
            answer.take(octets)
            assert answer.octets == before + octets
        except NoRoomError:
            assert share.refused or answer.ended.done()
        assert share.octets == sum(other.octets for (name, _), other in answers.items() if name == who)
        assert room.held == sum(held.octets for held in shares.values())
        assert room.held <= room.most + SMALL * len(shares)
    for share in shares.values():
        share.give_back()
    assert room.held == 0
