"""One sensor's half of answers: from a store and an `Ask` to an answer's pieces."""

from __future__ import annotations

import hashlib
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa

from ims.link.contract import Ask, End, Live, Losing
from ims.link.envelope import ending, pieces
from ims.query.engines.duckdb import Engine
from ims.query.engines.prepared import HalfEngine
from ims.query.errors import QuestionError
from ims.queryd.coverage_prefixes import CoveragePrefixes
from ims.queryd.low_priority import at_low_priority
from ims.queryd.memory import MOST_BATCH
from ims.records import LATER, StoredFile
from ims.settings.durations import HOUR_US
from ims.store.damage import DamageError
from ims.store.liveness import Liveness, liveness, losses_of
from ims.store.reader import Store, open_store
from ims.store.schema import part_of
from ims.store.shipment import TAKEN_APART, ShipmentRecord, open_shipped
from ims.store.store_id import read_store_id

MOST_LIVE = 32
"""Sensors of a store whose state a hello tells: portals read 64 kB."""
TOO_LARGE = "ask for a shorter time, a narrower filter or a coarser group"


@dataclass(frozen=True)
class StoreView:
    """A store without what a lake sends: the files to leave out, and by sensor, as of which shipment. `in_lake`: files
    that are read here all the same (a payload may be in both), but which the lake counts."""

    store: Store
    left_out: frozenset[Path] = frozenset()
    as_of: dict[str, int] = field(default_factory=dict)
    in_lake: frozenset[Path] = frozenset()

    @property
    def path(self) -> Path:
        """Where the store is."""
        return self.store.path

    def files(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[Path]:
        """As the store's."""
        return [path for path in self.store.files(table, since_us, until_us) if path not in self.left_out]

    def entries(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[StoredFile]:
        """As the store's, of files that no lake counts."""
        files = self.files(table, since_us, until_us)
        return self.store.entries_of(table, [path for path in files if path not in self.in_lake])

    def refuse_damage(self, files: Iterable[Path]) -> None:
        """As the store's."""
        self.store.refuse_damage(files)


def told_beyond(store: Store, shipped: Mapping[str, ShipmentRecord], ask: Ask) -> StoreView:
    """What isn't in the lake that is asked too (docs/decisions/0015)."""
    if not shipped:
        return StoreView(store)
    held = {str(path.relative_to(store.path)) for table in TAKEN_APART for path in store.files(table)}
    left_out: set[Path] = set()
    in_lake: set[Path] = set()
    as_of: dict[str, int] = {}
    for sensor, record in shipped.items():
        beyond = record.beyond(ask.lake, ask.beyond[sensor], held) if sensor in ask.beyond else None
        if beyond is not None:
            as_of[sensor] = beyond[0]
            left_out.update(store.path / path for path in beyond[1])
            in_lake.update(store.path / path for path, number in record.files.items() if number <= beyond[0])
    return StoreView(store, frozenset(left_out), as_of, frozenset(in_lake))


class Answerer:
    """Answers from one store, with as many engines as questions run at once. Thread-safe."""

    def __init__(
        self, store: Path, engines: int, memory_bytes: int, threads: int, batch_octets: int = MOST_BATCH
    ) -> None:
        """`memory_bytes`: of all engines together; `batch_octets`: of an answer's rows at once, about. Raises
        FileNotFoundError, NotADirectoryError or ValueError where there is no store."""
        self.path, self.watched = store, CoveragePrefixes()
        open_store(store).close()
        self._engines: queue.LifoQueue[HalfEngine] = queue.LifoQueue()  # the one used last knows its files
        made = partial(HalfEngine, store.absolute(), memory_bytes // engines, threads, batch_octets)
        self._new: Callable[[], HalfEngine] = partial(at_low_priority, made)
        for _ in range(engines):
            self._engines.put(self._new())

    def answer(self, ask: Ask, watched: Callable[[Engine], None]) -> Iterator[pa.Buffer]:
        """Pieces (link/envelope.py); the parts of question I are named `I/PART`. `watched` is called with the engine
        before it runs. Raises ValueError for an answer over the limits, InterruptedError, MemoryError and OSError."""
        began, own = time.monotonic(), time.thread_time()
        with self._opened(ask) as (store, view), self._engine() as engine:
            watched(engine)
            rows = octets = 0
            parts: dict[str, int] = {}
            for index, question in enumerate(ask.typed):
                for name, schema, batches in engine.half(view, question, ask.marks):
                    part = f"{index}/{name}"
                    parts[part] = 0
                    left = [] if ask.lengths else [column for column in LATER if column in schema.names]
                    for batch in batches:
                        parts[part] += batch.num_rows
                        rows += batch.num_rows
                        if rows > ask.rows:
                            raise QuestionError(f"the answer has more than {ask.rows:,} partial rows; {TOO_LARGE}")
                        for piece in pieces(part, pa.Table.from_batches([batch], schema).drop_columns(left)):
                            octets += piece.size
                            if octets > ask.octets:
                                raise QuestionError(f"the answer has more than {ask.octets:,} octets; {TOO_LARGE}")
                            yield piece
            yield ending(
                End(
                    seconds=time.monotonic() - began, worked=time.thread_time() - own, parts=parts,
                    closed=closed_hours(store, time.time()), sensors=store.sensors, store=read_store_id(store.path),
                    beyond=view.as_of, losing=losing_in(store, ask), watched=self.watched.of(store),
                )
            )  # fmt: skip

    @contextmanager
    def _opened(self, ask: Ask) -> Iterator[tuple[Store, StoreView]]:
        try:
            store, shipped = open_shipped(self.path) if ask.lake else (open_store(self.path), {})
        except DamageError:
            raise
        except ValueError as error:  # the store's fault, not the question's
            raise OSError(str(error)) from error
        with store:
            yield store, told_beyond(store, shipped, ask)

    @contextmanager
    def _engine(self) -> Iterator[HalfEngine]:
        engine = self._engines.get()
        try:
            yield engine
        finally:
            if engine.broken:  # by a damaged file: it would answer nothing more
                engine.close()
                engine = self._new()
            self._engines.put(engine)


def losing_in(store: Store, ask: Ask) -> dict[str, tuple[Losing, ...]]:
    """What sensors lose now, in the questions' ranges. Raises OSError where a heartbeat can't be read."""
    since = [question.request.since for question in ask.questions]
    until = [question.request.until for question in ask.questions]
    begin = None if None in since else min(moment for moment in since if moment is not None)
    end = None if None in until else max(moment for moment in until if moment is not None)
    found = losses_of(store.path, store.sensors, begin, end)
    return {sensor: tuple(Losing(**loss._asdict()) for loss in losses) for sensor, losses in found.items()}


def live_sensors(store: Store) -> dict[str, Live]:
    """The state of a store's sensors, of those heard last if too many. Raises OSError for an unreadable heartbeat."""
    known = [liveness(store.path, sensor) for sensor in store.sensors]
    known.sort(key=lambda now: now.beat.time if now.beat is not None else 0.0, reverse=True)
    return {now.sensor: _live(now) for now in known[:MOST_LIVE]}


def _live(now: Liveness) -> Live:
    beat = now.beat
    if beat is None:
        return Live(state=now.state, why=now.why)
    return Live(
        state=now.state, watches=now.watches, since=now.since, heard=beat.time, stores=now.stores,
        stores_since=beat.storing_since if now.watches else None, last_packet=beat.last_packet,
        lost_in_ring=beat.lost_in_ring, lost_in_store=beat.lost_in_store, why=now.why,
        losing=tuple(Losing(**loss._asdict()) for loss in now.losses(None, None)),
    )  # fmt: skip


def closed_hours(store: Store, now: float) -> str:
    """A digest of the files of the hours before this one, except coverage, which changes until its period ends."""
    hour = int(now * 1_000_000) // HOUR_US * HOUR_US
    digest = hashlib.blake2b(digest_size=16)
    for table in ("packets", "payloads", "frames_raw"):
        for path in store.files(table, None, hour):
            part = part_of(str(path.relative_to(store.path)))
            if part is not None and part.since_us < hour:
                digest.update(f"{path}\n".encode())
    return digest.hexdigest()
