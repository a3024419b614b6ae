"""Turns, as bookkeeping: whatever comes and goes, places are as many as they are, and nobody waits for a free one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ims.fair_queue import FairQueue, Place
from ims.recent_effort import RecentEffort

from .effort import examples

SHORT = 0.1


def queue(ordinary: int, of_one: int, kept: int = 0, **efforts: float) -> FairQueue:
    effort = RecentEffort(SHORT, lambda: 0.0)
    for caller, seconds in efforts.items():
        effort.note(caller, seconds)
    return FairQueue(ordinary, of_one, kept, effort)


def enter(turns: FairQueue, caller: str, called: list[str]) -> Place:
    place = Place(caller, lambda: called.append(caller))
    turns.enter(place)
    return place


def test_a_free_place_goes_to_who_has_the_fewest_running_and_then_to_who_waits_longest() -> None:
    called: list[str] = []
    turns = queue(3, 3)
    places = [enter(turns, caller, called) for caller in ("a", "a", "b", "a", "a", "b", "c")]
    assert called == ["a", "a", "b"]
    assert (turns.running, turns.waiting, turns.waiting_of("a"), turns.waiting_of("z")) == (3, 4, 2, 0)
    turns.leave(places[0])
    assert called[3:] == ["c"]
    turns.leave(places[1])
    assert called[4:] == ["a"]


def test_one_caller_never_has_all_places() -> None:
    called: list[str] = []
    turns = queue(3, 2)
    for _ in range(5):
        enter(turns, "a", called)
    assert called == ["a", "a"]
    assert not turns.may_run("a")
    assert turns.may_run("b")


def test_kept_places_are_for_short_questions_one_each_and_first_for_the_shortest() -> None:
    called: list[str] = []
    turns = queue(1, 1, 1, long=SHORT * 2, short=SHORT / 2, shorter=SHORT / 4)
    first = enter(turns, "long", called)
    kept = enter(turns, "new", called)
    assert (first.kept, kept.kept) == (False, True)
    for caller in ("long", "short", "shorter"):
        enter(turns, caller, called)
    turns.leave(kept)
    assert called == ["long", "new", "shorter"]


def test_who_goes_while_it_waits_is_never_called() -> None:
    called: list[str] = []
    turns = queue(1, 1)
    first, gone = enter(turns, "a", called), enter(turns, "b", called)
    turns.leave(gone)
    turns.leave(first)
    assert (called, turns.running, turns.waiting) == (["a"], 0, 0)


CALLERS = ("a", "b", "long")


@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(0, 2),
    st.lists(st.one_of(st.sampled_from(CALLERS), st.integers(0, 30)), max_size=60),
)  # fmt: skip
def test_places_are_never_more_and_nobody_waits_for_a_free_one(
    ordinary: int, of_one: int, kept: int, steps: list[str | int]
) -> None:
    turns = queue(ordinary, of_one, kept, long=SHORT * 2)
    called: list[str] = []
    inside: list[Place] = []
    for step in steps:
        if isinstance(step, str):
            inside.append(enter(turns, step, called))
        elif inside:
            turns.leave(inside.pop(step % len(inside)))
        running = [place for place in inside if place.runs]
        assert len([place for place in running if not place.kept]) <= ordinary
        in_kept = Counter(place.caller for place in running if place.kept)
        assert in_kept.total() <= kept and "long" not in in_kept and max(in_kept.values(), default=0) <= 1
        assert max(Counter(place.caller for place in running if not place.kept).values(), default=0) <= of_one
        assert (turns.running, turns.waiting) == (len(running), len(inside) - len(running))
        assert not any(turns.may_run(place.caller) for place in inside if not place.runs)
    for place in inside:
        turns.leave(place)
    assert (turns.running, turns.waiting) == (0, 0)


class AnyOrder(RuleBasedStateMachine):
    """Callers come, go and give up in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = queue(3, 2)
        self.places: list[Place] = []

    @property
    def waiting(self) -> list[Place]:
        return [place for place in self.places if not place.runs]

    @property
    def running(self) -> list[Place]:
        return [place for place in self.places if place.runs]

    def has_his_share(self, caller: str) -> bool:
        return sum(place.caller == caller for place in self.running) == 2

    @rule(caller=st.sampled_from("abcd"))
    def comes(self, caller: str) -> None:
        may = len(self.running) < 3 and not self.has_his_share(caller)
        assert self.turns.may_run(caller) == may
        self.places.append(Place(caller, list))
        self.turns.enter(self.places[-1])
        assert self.places[-1].runs == may

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def goes(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(self.running))
        self.places.remove(place)
        before = self.waiting
        having = Counter(one.caller for one in [place, *self.running])
        self.turns.leave(place)
        called = [one for one in before if one.runs]
        having[place.caller] -= 1
        assert len(called) == (any(having[other.caller] < 2 for other in before))
        for one in called:
            assert having[one.caller] == min(having[other.caller] for other in before)
            assert one is next(other for other in before if other.caller == one.caller), "the one who waited longer"

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def gives_up(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(self.waiting))
        self.places.remove(place)
        self.turns.leave(place)

    @invariant()
    def nobody_waits_while_a_place_is_free_but_who_has_his_share(self) -> None:
        assert (self.turns.running, self.turns.waiting) == (len(self.running), len(self.waiting))
        assert len(self.running) <= 3
        assert len(self.running) == 3 or all(self.has_his_share(place.caller) for place in self.waiting)
        assert max(Counter(place.caller for place in self.running).values(), default=0) <= 2


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=examples(60, 12), stateful_step_count=40)
