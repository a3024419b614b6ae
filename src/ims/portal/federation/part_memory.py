"""Room for what sensors answer until it is merged: bounded for all questions together.

Nobody waits for room while he holds some, so that two large questions never wait for each other: what doesn't fit is
refused at once. Small parts always fit, so that large questions of others refuse none. Of a question that is too large
by itself the largest answer alone is left out where the others fit: one sensor that lies refuses itself.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pyarrow as pa

SMALL = 2 << 20
"""Octets that a question may hold whatever others hold."""
TOO_LARGE = "sensors' answers to this question are larger than what a portal holds at once: ask for less"
ALONE_TOO_LARGE = "its answer, the largest, is more than the portal has room for: ask for less"
OWN = "answers to other questions of yours leave no room for this one: ask again when they are there"
OTHERS = "answers that others wait for leave no room for this one: ask again, or for less"
SOON_SECONDS = 1.0
"""Beyond which nobody waits for room to be given back, and looks himself: small questions tell nobody."""


class NoRoomError(Exception):
    """There is no room for it."""


class AnswerShare:
    """What one answer to a question holds, a sensor's or the lake's. For several threads. `ended`: done when it takes
    nothing any more."""

    def __init__(self, question: PartShare, name: str, believed: bool) -> None:
        self.question, self.name, self.believed = question, name, believed
        self.octets, self.ended = 0, Future[None]()

    def take(self, octets: int) -> None:
        """Hold so many more. Raises NoRoomError; also whenever the question was refused or is over: a sensor may answer
        too late."""
        self.question.room.take(self, octets)

    def give_back(self) -> None:
        """Hold nothing, and take nothing any more."""
        self.question.room.give_back(self.question, [self])


class PartShare:
    """What one question holds. `refused`: why there was no room for it, or nothing; `refusal`: done then."""

    def __init__(self, room: PartMemory, who: str) -> None:
        self.room, self.who = room, who
        self.octets, self.refused, self.over = 0, "", False
        self.refusal = Future[None]()
        self.answers: list[AnswerShare] = []
        self.left_out: AnswerShare | None = None
        """the largest answer, without which the others fit"""

    def answer(self, name: str, believed: bool = False) -> AnswerShare:
        """For one more answer, of somebody of that name. `believed`: it isn't left out, however large it is."""
        return self.room.answer(self, name, believed)

    def give_back(self) -> None:
        """Hold nothing of what there was; other answers may come."""
        self.room.give_back(self, list(self.answers))


class PartMemory:
    """`most` octets for all questions together, but for SMALL each; an asker of several has half of it."""

    def __init__(self, most: int) -> None:
        self.most, self.held, self.given_back = most, 0, 0
        self._of = Counter[str]()
        self._lock = threading.Condition()

    @contextmanager
    def share(self, who: str) -> Iterator[PartShare]:
        """What a question of his holds, until it is over."""
        share = PartShare(self, who)
        try:
            yield share
        finally:
            large = share.octets > SMALL
            self.give_back(share, list(share.answers), over=True)
            if large:
                pa.default_memory_pool().release_unused()

    def await_room(self, given_back: int, seconds: float) -> None:
        """Wait until a large question has given back what it held since `given_back` was that; not long."""
        with self._lock:
            self._lock.wait_for(lambda: self.given_back != given_back, min(seconds, SOON_SECONDS))

    def answer(self, share: PartShare, name: str, believed: bool) -> AnswerShare:
        """As PartShare's."""
        with self._lock:
            share.answers.append(AnswerShare(share, name, believed))
            return share.answers[-1]

    def take(self, answer: AnswerShare, octets: int) -> None:
        """As AnswerShare's."""
        share = answer.question
        with self._lock:
            if answer.ended.done() or share.over or share.refused:
                raise NoRoomError
            refusal = self._refusal(share, octets)
            if refusal == TOO_LARGE and self._leaves_one_out(answer, octets):
                if answer.ended.done():
                    raise NoRoomError
                refusal = self._refusal(share, octets)
            if refusal:
                share.refused = refusal
                share.refusal.set_result(None)
                raise NoRoomError
            self._add(answer, octets)

    def give_back(self, share: PartShare, answers: list[AnswerShare], over: bool = False) -> None:
        """As PartShare's. `over`: it takes nothing any more."""
        with self._lock:
            if share.octets > SMALL and not share.refused:
                self.given_back += 1
                self._lock.notify_all()
            share.over = share.over or over
            for answer in answers:
                self._drop(answer)

    def _leaves_one_out(self, answer: AnswerShare, octets: int) -> bool:
        """Whether the largest answer of a question, which needs so many octets more, could be left out. Of one alone
        nothing would be left, and if it happens again it wasn't that one's fault alone."""
        share = answer.question
        going_on = [other for other in share.answers if not other.ended.done()]
        may_lie = [other for other in going_on if not other.believed]
        if share.left_out is not None or not may_lie or len(going_on) == 1:
            return False
        share.left_out = max(may_lie, key=lambda other: other.octets + octets * (other is answer))
        self._drop(share.left_out)
        return True

    def _drop(self, answer: AnswerShare) -> None:
        self._add(answer, -answer.octets)
        if not answer.ended.done():
            answer.ended.set_result(None)

    def _refusal(self, share: PartShare, octets: int) -> str:
        if share.octets + octets <= SMALL:
            return ""
        others = self._of[share.who] - share.octets
        if share.octets + octets > self.most:
            return TOO_LARGE
        if others and others + share.octets + octets > self.most // 2:
            return OWN
        return OTHERS if self.held + octets > self.most else ""

    def _add(self, answer: AnswerShare, octets: int) -> None:
        share = answer.question
        answer.octets += octets
        share.octets += octets
        self.held += octets
        self._of[share.who] += octets
        if self._of[share.who] <= 0:
            del self._of[share.who]
