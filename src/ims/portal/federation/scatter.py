"""A question to all sensors: how the portal answers what ims.telescope's verbs ask.

Answers of several rounds (which payloads come first; what is known of these) come from the same sensors: if one falls
silent in between, the whole is asked again without it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import repeat
from typing import Any

import pyarrow as pa

from ims.link.contract import NEWEST, Ask, ask_of, written
from ims.portal.federation.answer_cache import AnswerCache, CachedAnswer
from ims.portal.federation.asker import Budget, asker
from ims.portal.federation.fault import Fault
from ims.portal.federation.lake_peer import THE_LAKE, LakeHalf, LakePeer, prefixes_in
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.monitored_space import UNKNOWN
from ims.portal.federation.part_memory import ALONE_TOO_LARGE, TOO_LARGE, NoRoomError, PartMemory, PartShare
from ims.portal.federation.peer import Peer
from ims.portal.federation.responses import Responses
from ims.portal.federation.sensors import Sensors
from ims.query.answer import AnswerRecord
from ims.query.errors import LaterError, QuestionError, UnansweredError
from ims.query.question import Question
from ims.query.request import Request
from ims.query_run import QueryRun, coverage_rows, losing_in_words
from ims.settings.durations import HOUR_US

CLOSING_US = 600_000_000
"""From an hour's end until its answers are kept: packets come late, and files are merged."""
ROUNDS = 3
"""Rounds of an answer, if sensors fall silent between two (sensors_backend.py)."""
PATIENT = 2 / 3
"""The share of the time left that sensors may take."""
OCTETS_OF_A_TABLE = 16 << 10
"""Of a kept table, besides its rows as Arrow counts them: 66 for one row of a count, which takes 14 KiB."""
IN_PART = f"{THE_LAKE}, in part"


@dataclass
class _Merged:
    """Answers, one a question, and the sensors that gave them."""

    tables: list[pa.Table]
    faults: Mapping[str, Fault]
    seconds: Mapping[str, float]
    answered: tuple[str, ...]
    stored: tuple[str, ...]
    """sensors whose packets the stores hold"""
    losing: Mapping[str, str]
    """what they are losing now"""
    worked: float
    """seconds of the sensor that worked longest"""


class FewerError(Exception):
    """A sensor that answered before is silent now."""

    def __init__(self, faults: Mapping[str, Fault]) -> None:
        super().__init__(", ".join(faults))
        self.faults = dict(faults)


@dataclass
class Scatter:
    """What all questions of a portal share."""

    sensors: Sensors
    merging: MergeEngines
    budget: Budget = field(default_factory=Budget)
    remembered: AnswerCache[_Merged] = field(default_factory=lambda: AnswerCache(256 << 20))
    lake: LakePeer | None = None
    room: PartMemory = field(default_factory=lambda: PartMemory(4 << 30))


class SensorsRun(QueryRun):
    """One request to all sensors, except those that were `lost` before."""

    def __init__(self, request: Request, asking: Scatter, lost: Mapping[str, Fault]) -> None:
        super().__init__(request if asking.lake is None else request.apart())
        self._asking, self._asker = asking, asker()
        monitored = asking.sensors.monitored
        if self._asker.known_only:
            lost = dict.fromkeys(monitored.unknown(asking.sensors.peers()), UNKNOWN) | dict(lost)
        rounds = time.monotonic() + ROUNDS * asking.budget.seconds
        self._until = self._asker.until if self._asker.until < float("inf") else rounds
        self._faults: dict[str, Fault] = dict(lost)
        self._seconds: dict[str, float] = {}
        self._answered: tuple[str, ...] | None = None
        self._stored: tuple[str, ...] = ()
        self._losing: dict[str, str] = {}

    def run(self, *questions: Question) -> list[pa.Table]:
        """As QueryRun. Raises OSError if no sensor answers, ValueError if sensors refuse the question."""
        asked, coverage = list(questions), self.about_coverage
        needed = self._asker.known_only and self._asking.lake is not None
        if (self._coverage is None or needed) and coverage not in asked:
            asked.append(coverage)
        merged = self._merged(asked)
        self._take(merged)
        if self._coverage is None:
            self._coverage = coverage_rows(merged.tables[asked.index(coverage)])
        return merged.tables[: len(questions)]

    def each(self, question: Question) -> list[pa.Table]:
        """As QueryRun: a table for each sensor that answers. They hold room while they come (what an export writes at a
        time is bounded elsewhere); as nothing is held before, this waits if there is none."""
        room = self._asking.room
        while True:
            given_back = room.given_back
            try:
                with room.share(self._asker.behalf) as share:
                    found = self._scattered([question], share)
                break
            except LaterError:
                room.await_room(given_back, self._until - time.monotonic())
                if time.monotonic() >= self._until:
                    raise
        self._take(_merged_of([], found))
        return [found.parts[name]["0/rows"] for name in sorted(found.parts)]

    def hours(self) -> list[tuple[int, int]]:
        """As QueryRun."""
        [table] = self.run(self.series(HOUR_US))
        return list(zip(table.column("bin").to_pylist(), table.column("value").to_pylist(), strict=True))

    def record(self, coverage: Sequence[dict[str, Any]]) -> AnswerRecord:
        """As QueryRun."""
        return self._record(
            coverage, sensors=self._stored, losing=dict(sorted(self._losing.items())),
            silent={name: fault.text for name, fault in sorted(self._faults.items())},
            asked=tuple(sorted({*(self._answered or ()), *self._faults})),
            took={name: round(seconds, 4) for name, seconds in sorted(self._seconds.items())},
        )  # fmt: skip

    def close(self) -> None:
        """As QueryRun; nothing is held between questions."""

    def _merged(self, questions: list[Question]) -> _Merged:
        # Sensors that were silent in an earlier round aren't asked: their rows would lack those of that round.
        names = tuple(name for name in self._asking.sensors.peers() if name not in self._faults)
        message = written(ask_of(questions, version=NEWEST))
        asked = "\0".join([*names, self._lake_state(), str(self._asker.known_only)])
        effort, began = self._asker.effort, time.monotonic()
        before = effort.seconds
        found = self._asking.remembered.get(
            hashlib.blake2b(message + asked.encode(), digest_size=16).hexdigest(),
            lambda: {name: self._asking.sensors.closed(name) for name in names},
            lambda: self._merged_anew(questions, names), self._patience(), self._until,
        )  # fmt: skip
        if effort.seconds == before:  # kept; or another's, who asks the same at this moment, and waits no longer
            effort.seconds += min(found.worked, time.monotonic() - began)
        return found

    def _merged_anew(self, questions: list[Question], names: tuple[str, ...]) -> CachedAnswer[_Merged]:
        with self._asking.room.share(self._asker.behalf) as room:
            found = self._scattered(questions, room)
            self._note_lake(questions, found)
            gathered: list[dict[str, list[pa.Table]]] = [{} for _ in questions]
            for _, parts in sorted(found.parts.items()):
                for part, table in parts.items():
                    number, _, inside = part.partition("/")
                    gathered[int(number)].setdefault(inside, []).append(table)
            with ThreadPoolExecutor(len(questions)) as pool:
                done = list(pool.map(self._asking.merging.timed, questions, gathered, repeat(self._until)))
            tables = [table for table, _ in done]
            self._asker.effort.seconds += sum(seconds for _, seconds in done)
            closed = {name: end.closed for name, end in found.ends.items()}
            merged = _merged_of(tables, found)
            whole = not found.faults and not merged.losing and set(closed) == set(names) and all(closed.values())
            octets = sum(table.nbytes + OCTETS_OF_A_TABLE for table in tables)
            return CachedAnswer(merged, octets, closed if whole and _is_over(questions) else None)

    def _scattered(self, questions: Sequence[Question], room: PartShare) -> Responses:
        budget, peers = self._asking.budget, max(1, len(self._asking.sensors.peers()))
        expected = {
            f"{index}/{name}": schema
            for index, question in enumerate(questions)
            for name, schema in self._asking.merging.schemas(question).items()
        }
        left = self._patience()
        # A sensor may send more than its share, as blocks differ; all together are bounded by four times the budget.
        share = max(budget.octets // peers, min(budget.octets, 4 * budget.octets // peers))
        half, fault = self._begun(questions, left)

        def ask(peer: Peer) -> Ask:
            return ask_of(
                questions, version=peer.version, seconds=left, rows=budget.rows, octets=share,
                behalf=self._asker.behalf, marks=True, lengths=True, lake=half.id if half else "",
                beyond=half.numbers if half else {},
            )  # fmt: skip

        def scatter(seconds: float) -> Responses:
            known_only, began = self._asker.known_only, time.monotonic()
            try:
                found = self._asking.sensors.scatter(ask, expected, seconds, self._faults, known_only, room)
            except NoRoomError:  # no sensor was waited for that could have said how long it worked
                self._asker.effort.seconds += time.monotonic() - began
                raise _refusal(room) from None
            self._asker.effort.seconds += found.worked
            return found

        try:
            found = scatter(left)
        except BaseException:
            if half is not None:
                half.give_up()
            raise
        if half is not None:
            found = half.joined(found, expected)
            octets = sum(table.nbytes for table in found.parts.get(THE_LAKE, {}).values())
            try:
                room.answer(THE_LAKE, believed=True).take(octets)
            except NoRoomError:
                raise _refusal(room) from None
            if room.left_out is not None:
                found = found.without(room.left_out.name, Fault("room", ALONE_TOO_LARGE))
            fault = found.faults.get(THE_LAKE)
            if fault is not None and fault.kind == "request":
                raise QuestionError(fault.text)  # the lake is ours: unlike a sensor's, its refusal is believed
            if fault is not None and time.monotonic() < self._until and any(end.beyond for end in found.ends.values()):
                room.give_back()
                left, half = self._patience(), None  # perhaps the sensors still have what the lake should have sent
                found = scatter(left)
        if fault is not None:
            found = replace(found, faults={**found.faults, THE_LAKE: fault})
        refused = [fault for fault in found.faults.values() if fault.kind == "request"]
        if refused and len(refused) >= len(found.parts):  # a single one, which may lie, refuses it for itself alone
            raise QuestionError(refused[0].text)
        if not found.parts and room.left_out is not None:
            raise QuestionError(TOO_LARGE)
        silent = {**self._faults, **found.faults}
        if not found.parts and silent:
            reasons = "; ".join(f"{name}: {fault.text}" for name, fault in sorted(silent.items()))
            raise UnansweredError(f"no sensor answered ({reasons})")
        return found

    def _patience(self) -> float:
        """Seconds to wait for sensors now, leaving some to merge and for further rounds. Raises UnansweredError."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise UnansweredError("the question took too long: ask for a shorter time or a narrower filter")
        return min(self._asking.budget.seconds, PATIENT * left)

    def _begun(self, questions: Sequence[Question], seconds: float) -> tuple[LakeHalf | None, Fault | None]:
        """The lake's half, which it is making now; or why it makes none."""
        side, sensors = self._asking.lake, self._asking.sensors
        if side is None or THE_LAKE in self._faults:
            return None, None
        try:
            side.look(partial(sensors.monitored.note, THE_LAKE))
            if self._asker.known_only and sensors.monitored.unknown([THE_LAKE]):
                return None, UNKNOWN
            return side.begin(questions, sensors.claimed(), seconds, self._asking.budget.rows), None
        except Fault as fault:
            return None, fault

    def _note_lake(self, questions: Sequence[Question], found: Responses) -> None:
        """Note the lake's coverage in the range that no sensor sent itself: only a part of all that it has."""
        for index, question in enumerate(questions):
            if question.plan == "coverage" and THE_LAKE in found.parts:
                self._asking.sensors.monitored.note(IN_PART, prefixes_in(found.parts[THE_LAKE][f"{index}/rows"]))

    def _lake_state(self) -> str:
        """Differs where what the lake has differs."""
        with suppress(Fault):
            if self._asking.lake is not None and THE_LAKE not in self._faults:
                lake = self._asking.lake.lake()
                return " ".join([lake.id, *sorted(f"{name}={ledger.number}" for name, ledger in lake.ledgers.items())])
        return ""

    def _take(self, merged: _Merged) -> None:
        gone = {name: fault for name, fault in merged.faults.items() if name in (self._answered or ())}
        if gone:
            raise FewerError(gone)
        if self._answered is None:
            self._answered, self._stored = merged.answered, merged.stored
        self._faults.update(merged.faults)
        self._losing.update(merged.losing)
        for name, seconds in merged.seconds.items():
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds


def _refusal(room: PartShare) -> Exception:
    """The error of a question whose answers found no room."""
    return QuestionError(TOO_LARGE) if room.refused == TOO_LARGE else LaterError(room.refused)


def _merged_of(tables: list[pa.Table], found: Responses) -> _Merged:
    stored = sorted({sensor for end in found.ends.values() for sensor in end.sensors} | found.shipped)
    losing = {name: words for end in found.ends.values() for name, words in losing_in_words(end.losing).items()}
    return _Merged(tables, found.faults, found.seconds, tuple(sorted(found.parts)), tuple(stored), losing, found.worked)


def _is_over(questions: Sequence[Question]) -> bool:
    over = (int(time.time() * 1_000_000) - CLOSING_US) // HOUR_US * HOUR_US
    return all(question.request.until is not None and question.request.until <= over for question in questions)
