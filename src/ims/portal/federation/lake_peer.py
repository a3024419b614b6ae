"""A lake beside the sensors: what was shipped comes from there, the rest from them, and no row twice (decision 15).

The lake is asked together with the sensors, as if all of them knew its newest shipment. What they report at the end
decides; if that differs, the lake is asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from ims.cause import beneath, cause
from ims.lake.config import LakeConfig
from ims.lake.engines import LakeEngine, engine_of, seen_by
from ims.lake.lake import Lake, open_lake
from ims.link.contract import End
from ims.portal.federation.fault import SAID, Fault, without_frames
from ims.portal.federation.merge import interrupting
from ims.portal.federation.monitored_space import MonitoredSpace
from ims.portal.federation.responses import Responses
from ims.query.engines.duckdb import WITHOUT_DISK
from ims.query.errors import QuestionError
from ims.query.question import Question
from ims.query.request import Request
from ims.store.damage import DamageError

THE_LAKE = "the lake"
"""Its name beside the sensors' in an answer; no sensor can be called so."""
NARROWER = "ask for a shorter time, a narrower filter or a coarser group"
FRESH_SECONDS = 5.0
"""For so long ledgers aren't read again."""


@dataclass(frozen=True)
class Share:
    """The lake's share of an answer. `as_of`: by sensor, up to which shipment; `not_its`: sensors that send all
    themselves; `covered`: those that send their coverage themselves."""

    as_of: Mapping[str, int]
    not_its: frozenset[str]
    covered: frozenset[str]


class Running:
    """The engine of a question that runs in another thread, and a way to stop it."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @contextmanager
    def engine(self, lake: Lake, config: LakeConfig) -> Iterator[LakeEngine]:
        """An engine, closed afterwards. Raises InterruptedError if stopped before."""
        if self._stopped.is_set():
            raise InterruptedError
        engine = engine_of(lake, config, WITHOUT_DISK)
        with closing(engine), interrupting(engine.interrupt, self._stopped.is_set):
            yield engine

    def stop(self) -> None:
        """Stop what runs, if it still does, and all that the same engine is asked afterwards."""
        self._stopped.set()


class LakePeer:
    """One lake, for a whole portal. Thread-safe. `at_once`: questions that it is asked at the same time."""

    def __init__(self, uri: str, config: LakeConfig, at_once: int = 2) -> None:
        self._uri, self._config = uri, config
        self._pool = ThreadPoolExecutor(at_once, "lake")
        self._looking = ThreadPoolExecutor(1, "lake coverage")
        self._looked: tuple[Any, ...] = ()
        self._lock = threading.Lock()
        self._known: tuple[float, Lake] | None = None
        self._log: Any = structlog.get_logger()

    def lake(self, afresh: bool = False) -> Lake:
        """The lake by its ledgers, which may be some seconds old. Raises Fault."""
        with self._lock:
            if self._known is not None and not afresh and time.monotonic() - self._known[0] < FRESH_SECONDS:
                return self._known[1]
            try:
                lake = open_lake(self._uri)
            except (OSError, ValueError) as error:
                raise self._fault(error) from None
            self._known = (time.monotonic(), lake)
            return lake

    def begin(self, questions: Sequence[Question], claimed: frozenset[str], seconds: float, rows: int) -> LakeHalf:
        """Begin to ask. `claimed`: sensors that will probably answer themselves. Raises Fault if it can't be read."""
        lake = self.lake()
        return LakeHalf(self, lake, Share(_numbers(lake), frozenset(), claimed), questions, seconds, rows)

    def submit(self, lake: Lake, share: Share, half: LakeHalf) -> tuple[Future[dict[str, pa.Table]], Running]:
        """Ask in another thread."""
        running = Running()
        return self._pool.submit(self._answered, lake, share, half, running), running

    def look(self, note: Callable[[Iterable[str]], None]) -> None:
        """If the lake has changed since the last look, read in another thread all that its coverage ever named, and
        call `note` with the prefixes. Raises Fault where the lake can't be read now."""
        lake = self.lake()
        state = (lake.id, *sorted(_numbers(lake).items()))
        with self._lock:
            if state != self._looked:
                self._looked = state
                self._looking.submit(self._look, lake, note)

    def look_once(self, monitored: MonitoredSpace) -> None:
        """`look`, until it is known what the lake says was watched. The next call tries again what failed."""
        if monitored.unknown([THE_LAKE]):
            with suppress(Fault):
                self.look(partial(monitored.note, THE_LAKE))

    def _look(self, lake: Lake, note: Callable[[Iterable[str]], None]) -> None:
        question = Question(plan="coverage", request=Request(verb="coverage"))
        try:
            with Running().engine(lake, self._config) as engine:
                view = seen_by(lake, self._config)
                with closing(engine.partial(view, question.as_plan(), question.request)) as found:
                    for _, table in found:
                        note(prefixes_in(table))
        except Exception as error:
            self._looked = ()  # so that the next question tries again
            self._log.warning(
                "lake", why=cause(error), engine=beneath(error), meaning="it isn't known what it says was watched"
            )

    def close(self) -> None:
        """Close; what still runs ends by its deadline."""
        self._looking.shutdown(wait=False, cancel_futures=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answered(self, lake: Lake, share: Share, half: LakeHalf, running: Running) -> dict[str, pa.Table]:
        try:
            with running.engine(lake, self._config) as engine:
                return _parts(engine, lake, share, half, self._config)
        except (OSError, ValueError, MemoryError) as error:
            raise self._fault(error) from error

    def _fault(self, error: BaseException) -> Fault:
        if isinstance(error, InterruptedError):
            return Fault("late", SAID["late"])
        if isinstance(error, MemoryError):
            return Fault("request", f"the lake needs more memory than it may have for this; {NARROWER}")
        self._log.warning("lake", why=cause(error), engine=beneath(error))
        if isinstance(error, DamageError):
            return Fault("store", "it is damaged", str(error))
        if isinstance(error, QuestionError):
            return Fault("request", str(error), str(error))
        if isinstance(error, ValueError) and "partial rows" in str(error):
            return Fault("request", f"the lake would answer with too much; {NARROWER}", str(error))
        return Fault("store", "it can't be read", str(error))


class LakeHalf:
    """The lake's half of one answer, while it is made. `id`: the lake's; `numbers`: by sensor, the last shipment."""

    def __init__(
        self, side: LakePeer, lake: Lake, share: Share, questions: Sequence[Question], seconds: float, rows: int
    ) -> None:
        self._side, self._lake, self._share = side, lake, share
        self.id, self.numbers, self.questions, self.rows = lake.id, dict(share.as_of), questions, rows
        self._began = time.monotonic()
        self._until = self._began + seconds
        self._future, self._running = side.submit(lake, share, self)

    def joined(self, found: Responses, expected: Mapping[str, pa.Schema]) -> Responses:
        """The sensors' responses with the lake's half, in the same columns, or with its fault."""
        share = share_of(found.ends.values(), self._lake)
        try:
            parts = self._parts(share)
        except Fault as fault:
            return replace(found, faults={**found.faults, THE_LAKE: without_frames(fault)})
        seconds = {**found.seconds, THE_LAKE: time.monotonic() - self._began}
        mine = {name: table.select(expected[name].names).cast(expected[name]) for name, table in parts.items()}
        shipped = frozenset(self._lake.ledgers) - share.not_its
        return replace(found, parts={**found.parts, THE_LAKE: mine}, seconds=seconds, shipped=shipped)

    def give_up(self) -> None:
        """Nobody waits any more."""
        self._running.stop()

    def _parts(self, share: Share) -> dict[str, pa.Table]:
        if share != self._share:
            self.give_up()
            newer = any(number > self._share.as_of.get(name, 0) for name, number in share.as_of.items())
            self._ask(share, afresh=newer)
        try:
            return self._result()
        except Fault as fault:
            if fault.kind != "store":
                raise
        self._ask(share, afresh=True)  # a shipment may have replaced the coverage that the older ledgers named
        return self._result()

    def _ask(self, share: Share, afresh: bool) -> None:
        if afresh:
            self._lake = self._side.lake(afresh=True)
        self._future, self._running = self._side.submit(self._lake, share, self)

    def _result(self) -> dict[str, pa.Table]:
        try:
            return self._future.result(max(0.0, self._until - time.monotonic()))
        except Late:
            self.give_up()
            raise Fault("late", SAID["late"]) from None


def share_of(ends: Collection[End], lake: Lake) -> Share:
    """What is left for the lake, given the ends of sensors' answers."""
    beyond = {name: number for end in ends for name, number in end.beyond.items() if name in lake.ledgers}
    claimed = frozenset(name for end in ends for name in end.sensors)
    return Share(
        _numbers(lake) | beyond, (claimed - beyond.keys()) & lake.ledgers.keys(), claimed & lake.ledgers.keys()
    )


def prefixes_in(coverage: pa.Table) -> list[str]:
    """The prefixes of some rows of coverage, sorted."""
    return sorted(str(prefix) for prefix in pc.unique(coverage.column("prefix")).to_pylist())


def _numbers(lake: Lake) -> dict[str, int]:
    """By sensor, the last shipment."""
    return {name: ledger.number for name, ledger in lake.ledgers.items()}


def _parts(engine: LakeEngine, lake: Lake, share: Share, half: LakeHalf, config: LakeConfig) -> dict[str, pa.Table]:
    packets, coverage = lake.as_of(share.as_of).without(share.not_its), lake.without(share.covered)
    parts, rows = {}, 0
    for index, question in enumerate(half.questions):
        view = seen_by(coverage if question.plan == "coverage" else packets, config)
        with closing(engine.partial(view, question.as_plan(), question.request)) as found:
            for name, table in found:
                parts[f"{index}/{name}"] = table
                rows += table.num_rows
                if rows > half.rows:
                    raise QuestionError(f"the lake would answer with more than {half.rows:,} partial rows; {NARROWER}")
    return parts
