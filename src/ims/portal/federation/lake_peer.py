"""A lake beside the sensors: what was shipped comes from there, the rest from them, and no row twice (decision 15).

The lake is asked at the same time as the sensors, as it should be if all of them know its newest shipment. What they
say at the end decides; where it is something else, the lake is asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from ims.portal.federation.fault import Fault, without_frames
from ims.portal.federation.monitored_space import MonitoredSpace
from ims.portal.federation.responses import Responses
from ims.query.engines.duckdb import WITHOUT_DISK
from ims.query.errors import QuestionError
from ims.query.question import Question
from ims.query.request import Request
from ims.store.damage import DamageError

NAME = "the lake"
"""Among those who answer; no sensor can be called so."""
NARROWER = "ask for a shorter time, a narrower filter or a coarser group"
AGAIN_SECONDS = 0.05
"""From one interruption of an engine to the next, until it has ended."""
FRESH_SECONDS = 5.0
"""For which the ledgers aren't read again."""


@dataclass(frozen=True)
class Share:
    """What is the lake's to tell. `as_of`: by sensor, up to which shipment; `not_its`: sensors that tell all
    themselves; `covered`: those that tell themselves what they watched."""

    as_of: Mapping[str, int]
    not_its: frozenset[str]
    covered: frozenset[str]


class Running:
    """The engine of a question that runs in another thread, and a way to stop it."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @contextmanager
    def engine(self, lake: Lake, config: LakeConfig) -> Iterator[LakeEngine]:
        """An engine, closed afterwards. Raises InterruptedError where it was stopped before it began."""
        if self._stopped.is_set():
            raise InterruptedError
        engine, ended = engine_of(lake, config, WITHOUT_DISK), threading.Event()

        def interrupt() -> None:
            self._stopped.wait()
            while not ended.is_set():  # an engine forgets what came before it began with a part
                try:
                    engine.interrupt()
                except Exception:  # of Spark, which may have gone
                    structlog.get_logger().exception("lake")
                ended.wait(AGAIN_SECONDS)

        watch = threading.Thread(target=interrupt, name="lake watch", daemon=True)
        try:
            watch.start()
            yield engine
        finally:
            ended.set()
            self._stopped.set()
            if watch.ident is not None:
                watch.join()
            engine.close()

    def stop(self) -> None:
        """Stop what runs, if it still does, and whatever else is asked of the same engine."""
        self._stopped.set()


class LakePeer:
    """One lake, for a whole portal. For several threads. `at_once`: questions that it is asked at the same time."""

    def __init__(self, uri: str, config: LakeConfig, at_once: int = 2) -> None:
        self._uri, self._config = uri, config
        self._pool = ThreadPoolExecutor(at_once, "lake")
        self._looking = ThreadPoolExecutor(1, "lake coverage")
        self._looked: tuple[Any, ...] = ()
        self._lock = threading.Lock()
        self._known: tuple[float, Lake] | None = None
        self._log: Any = structlog.get_logger()

    def lake(self, afresh: bool = False) -> Lake:
        """The lake as its ledgers are, or were some seconds ago. Raises Fault."""
        with self._lock:
            if self._known is not None and not afresh and time.monotonic() - self._known[0] < FRESH_SECONDS:
                return self._known[1]
            try:
                lake = open_lake(self._uri)
            except (OSError, ValueError) as error:
                raise self._fault(error) from None
            self._known = (time.monotonic(), lake)
            return lake

    def begin(
        self,
        questions: Sequence[Question],
        claimed: frozenset[str],
        seconds: float,
        rows: int,
    ) -> LakeHalf:
        """Begin to ask. `claimed`: names of sensors that will probably answer themselves. Raises Fault where the lake
        can't be read now."""
        lake = self.lake()
        share = Share({name: ledger.number for name, ledger in lake.ledgers.items()}, frozenset(), claimed)
        return LakeHalf(self, lake, share, questions, time.monotonic() + seconds, rows)

    def submit(self, lake: Lake, share: Share, half: LakeHalf) -> tuple[Future[dict[str, pa.Table]], Running]:
        """Ask in another thread."""
        running = Running()
        return self._pool.submit(self._answered, lake, share, half, running), running

    def look(self, note: Callable[[Iterable[str]], None]) -> None:
        """Where the lake isn't as it was at the last look, have another thread read all that it knows to have been
        watched, and tell `note` the prefixes. Raises Fault where the lake can't be read now."""
        lake = self.lake()
        state = (lake.id, *((name, ledger.number) for name, ledger in sorted(lake.ledgers.items())))
        with self._lock:
            if state == self._looked:
                return
            self._looked = state
        self._looking.submit(self._look, lake, note)

    def look_once(self, monitored: MonitoredSpace) -> None:
        """`look`, while it isn't known what the lake says was watched. What fails is tried again by the next call."""
        if monitored.unknown([NAME]):
            with suppress(Fault):
                self.look(partial(monitored.note, NAME))

    def _look(self, lake: Lake, note: Callable[[Iterable[str]], None]) -> None:
        question = Question(plan="coverage", request=Request(verb="coverage"))
        try:
            with Running().engine(lake, self._config) as engine:
                view = seen_by(lake, self._config)
                with closing(engine.partial(view, question.as_plan(), question.request)) as found:
                    for _, table in found:
                        note(prefixes_in(table))
        except Exception as error:
            self._looked = ()  # so that the next question has it tried again
            self._log.warning(
                "lake", why=cause(error), engine=beneath(error), meaning="it isn't known what it says was watched"
            )

    def close(self) -> None:
        """End; what runs still ends by its deadline."""
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
            return Fault("late", "it didn't answer in time")
        if isinstance(error, MemoryError):
            return Fault("request", f"the lake needs more memory than it may have for this; {NARROWER}")
        self._log.warning("lake", why=cause(error), engine=beneath(error))
        if isinstance(error, DamageError):
            return Fault("store", "it is damaged", str(error))
        text = str(error) if isinstance(error, QuestionError) else f"the lake would answer with too much; {NARROWER}"
        ours = isinstance(error, QuestionError) or (isinstance(error, ValueError) and "partial rows" in str(error))
        kind = "request" if ours else "store"
        return Fault(kind, "it can't be read" if kind == "store" else text, str(error))


class LakeHalf:
    """The lake's half of one answer, while it is made."""

    def __init__(
        self,
        side: LakePeer,
        lake: Lake,
        share: Share,
        questions: Sequence[Question],
        until: float,
        rows: int,
    ) -> None:
        self._side, self._lake, self._share = side, lake, share
        self.questions, self._until, self.rows = questions, until, rows
        self._began = time.monotonic()
        self._future, self._running = side.submit(lake, share, self)

    @property
    def id(self) -> str:
        """The lake's id."""
        return self._lake.id

    @property
    def numbers(self) -> dict[str, int]:
        """By sensor, the last shipment."""
        return dict(self._share.as_of)

    def joined(self, found: Responses, wanted: Mapping[str, pa.Schema]) -> Responses:
        """What the sensors said, and the lake's half with it, in the same columns; or its fault."""
        share, faults = share_of(found.ends.values(), self._lake), dict(found.faults)
        try:
            parts = self._parts(share)
        except Fault as fault:
            faults[NAME] = without_frames(fault)
            return replace(found, faults=faults)
        seconds = {**found.seconds, NAME: time.monotonic() - self._began}
        mine = {name: table.select(wanted[name].names).cast(wanted[name]) for name, table in parts.items()}
        shipped = frozenset(self._lake.ledgers) - share.not_its
        return replace(found, parts={**found.parts, NAME: mine}, seconds=seconds, shipped=shipped)

    def give_up(self) -> None:
        """Nobody waits any more."""
        self._running.stop()

    def _parts(self, share: Share) -> dict[str, pa.Table]:
        if share != self._share:
            self.give_up()
            if any(number > self._share.as_of.get(name, 0) for name, number in share.as_of.items()):
                self._lake = self._side.lake(afresh=True)
            self._future, self._running = self._side.submit(self._lake, share, self)
        try:
            return self._result()
        except Fault as fault:
            if fault.kind != "store":
                raise
        # A shipment may have replaced the coverage that the ledgers named some seconds ago.
        self._lake = self._side.lake(afresh=True)
        self._future, self._running = self._side.submit(self._lake, share, self)
        return self._result()

    def _result(self) -> dict[str, pa.Table]:
        try:
            return self._future.result(max(0.0, self._until - time.monotonic()))
        except Late:
            self.give_up()
            raise Fault("late", "it didn't answer in time") from None


def share_of(ends: Any, lake: Lake) -> Share:
    """What is left for the lake after what sensors said at the end of their answers."""
    told: list[End] = list(ends)
    beyond = {name: number for end in told for name, number in end.beyond.items() if name in lake.ledgers}
    claimed = frozenset(name for end in told for name in end.sensors)
    as_of = {name: ledger.number for name, ledger in lake.ledgers.items()} | beyond
    return Share(as_of, (claimed - beyond.keys()) & lake.ledgers.keys(), claimed & lake.ledgers.keys())


def prefixes_in(coverage: pa.Table) -> list[str]:
    """The prefixes of some rows of coverage, sorted."""
    return sorted(str(prefix) for prefix in pc.unique(coverage.column("prefix")).to_pylist())


def _parts(engine: LakeEngine, lake: Lake, share: Share, half: LakeHalf, config: LakeConfig) -> dict[str, pa.Table]:
    packets = lake.as_of(share.as_of).without(share.not_its)
    coverage = lake.without(share.covered)
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
