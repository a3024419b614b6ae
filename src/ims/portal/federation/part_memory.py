"""Memory for sensors' answers until they are merged: bounded for all questions together.

Nobody waits for room while holding some, so two large questions never wait for each other: what doesn't fit is refused
at once. Small parts always fit, however large others' questions are. If a question is too large by itself, only its
largest answer is left out if the others fit: a sensor that lies harms itself alone.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pyarrow as pa

SMALL = 2 << 20
"""Octets that a question may always hold."""
TOO_LARGE = "sensors' answers to this question are larger than what a portal holds at once: ask for less"
ALONE_TOO_LARGE = "its answer, the largest, is more than the portal has room for: ask for less"
OWN = "answers to other questions of yours leave no room for this one: ask again when they are there"
OTHERS = "answers that others wait for leave no room for this one: ask again, or for less"
SOON_SECONDS = 1.0
"""The longest wait for room before looking again: small questions notify nobody."""


class NoRoomError(Exception):
    """There is no room for it."""


class AnswerShare:
    """What one answer, a sensor's or the lake's, holds. Thread-safe. `ended`: done when it takes nothing any more."""

    def __init__(self, question: PartShare, name: str, believed: bool) -> None:
        self.question, self.name, self.believed = question, name, believed
        self.octets, self.ended = 0, Future[None]()

    def take(self, octets: int) -> None:
        """Hold so many more. Raises NoRoomError, also if the question was refused or is over: answers may be late."""
        with self.question.room.lock:
            self.question.take(self, octets)

    def give_back(self) -> None:
        """Hold nothing, and take nothing any more."""
        self.question.give_back([self])


class PartShare:
    """What one question holds. `refused`: why there was no room for it, or ""; `refusal`: done then."""

    def __init__(self, room: PartMemory, who: str) -> None:
        self.room, self.who = room, who
        self.octets, self.refused, self.over = 0, "", False
        self.refusal = Future[None]()
        self.answers: list[AnswerShare] = []
        self.left_out: AnswerShare | None = None
        """the largest answer, without which the others fit"""

    def answer(self, name: str, believed: bool = False) -> AnswerShare:
        """The share of one more answer, of this name. `believed`: it is never left out, however large."""
        with self.room.lock:
            self.answers.append(AnswerShare(self, name, believed))
            return self.answers[-1]

    def take(self, answer: AnswerShare, octets: int) -> None:
        """As AnswerShare's, under the room's lock."""
        if answer.ended.done() or self.over or self.refused:
            raise NoRoomError
        refusal = self._refusal(octets)
        if refusal == TOO_LARGE and self._leaves_one_out(answer, octets):
            refusal = "" if answer.ended.done() else self._refusal(octets)
        if refusal:
            self.refused = refusal
            self.refusal.set_result(None)
        if refusal or answer.ended.done():
            raise NoRoomError
        self._add(answer, octets)

    def give_back(self, answers: list[AnswerShare] | None = None, over: bool = False) -> None:
        """Hold nothing of these answers, or of all; others may come unless it is over."""
        room = self.room
        with room.lock:
            if self.octets > SMALL and not self.refused:
                room.given_back += 1
                room.lock.notify_all()
            self.over = self.over or over
            for answer in self.answers if answers is None else answers:
                self._drop(answer)

    def _leaves_one_out(self, answer: AnswerShare, octets: int) -> bool:
        """Leave out the largest answer of a question that needs so many octets more; whether that could be. Of a single
        answer nothing would be left, and a second time it wasn't one answer's fault."""
        going_on = [other for other in self.answers if not other.ended.done()]
        may_lie = [other for other in going_on if not other.believed]
        if self.left_out is not None or not may_lie or len(going_on) == 1:
            return False
        self.left_out = max(may_lie, key=lambda other: other.octets + octets * (other is answer))
        self._drop(self.left_out)
        return True

    def _refusal(self, octets: int) -> str:
        needed, room = self.octets + octets, self.room
        if needed <= SMALL:
            return ""
        if needed > room.most:
            return TOO_LARGE
        if self.octets < room.held_of[self.who] and room.held_of[self.who] + octets > room.most // 2:
            return OWN
        return OTHERS if room.held + octets > room.most else ""

    def _drop(self, answer: AnswerShare) -> None:
        self._add(answer, -answer.octets)
        if not answer.ended.done():
            answer.ended.set_result(None)

    def _add(self, answer: AnswerShare, octets: int) -> None:
        room = self.room
        answer.octets += octets
        self.octets += octets
        room.held += octets
        room.held_of[self.who] += octets
        if room.held_of[self.who] <= 0:
            del room.held_of[self.who]


class PartMemory:
    """`most` octets for all questions together, besides SMALL each; an asker of several has half of it."""

    def __init__(self, most: int) -> None:
        self.most, self.held, self.given_back = most, 0, 0
        self.held_of = Counter[str]()
        """octets by asker"""
        self.lock = threading.Condition()

    @contextmanager
    def share(self, who: str) -> Iterator[PartShare]:
        """The share of one of the asker's questions, until it is over."""
        share = PartShare(self, who)
        try:
            yield share
        finally:
            large = share.octets > SMALL
            share.give_back(over=True)
            if large:
                pa.default_memory_pool().release_unused()

    def await_room(self, given_back: int, seconds: float) -> None:
        """Wait, not long, until a large question has given back its share since `given_back` was that."""
        with self.lock:
            self.lock.wait_for(lambda: self.given_back != given_back, min(seconds, SOON_SECONDS))
