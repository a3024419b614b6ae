"""Merging sensors' halves into one answer: engines of the portal, over nothing but what sensors sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pyarrow as pa
import structlog

from ims.query.distinct.address_set import MARKED, MEMBERS
from ims.query.engines.prepared import MergeEngine
from ims.query.plans.part import MARKS_PART
from ims.query.question import Question

AGAIN_SECONDS = 0.05
"""From one interruption of an engine to the next, until it has ended."""
LEAST = 32 << 20
"""Octets of the engine for small answers; a sixteenth of them is small."""
LATE = "the answers weren't merged in time"


class MergeEngines:
    """A few engines, each lent to one question at a time, and one for small answers alone, which so never wait for a
    large one. They take another if theirs is lent and another is free, or has too little memory. Thread-safe."""

    def __init__(self, engines: int, memory_bytes: int, threads: int | None = None) -> None:
        """`memory_bytes`: of all together."""
        of_small = max(LEAST, memory_bytes // 8)
        self._small_octets = of_small // 16
        self._small = MergeEngine(of_small, 1)
        self._free = [MergeEngine((memory_bytes - of_small) // engines, threads) for _ in range(engines)]
        self._free.append(self._small)
        self._lock = threading.Condition()
        self._known = lru_cache(maxsize=1024)(self._schemas)

    def schemas(self, question: Question) -> Mapping[str, pa.Schema]:
        """The parts of a sensor's half of this question, and those of marks that it may have."""
        request = question.request
        return self._known(
            question.plan,
            question.key,
            question.other,
            request.verb,
            request.group,
            request.metric,
            request.per_24,
            request.chain and request.chain.shape,
            request.parted,
        )

    def merge(
        self, question: Question, gathered: Mapping[str, Sequence[pa.Table]], until: float | None = None
    ) -> pa.Table:
        """The answer from each part's tables, of which there may be none. `until`: deadline, by time.monotonic().
        Raises MemoryError where it is too large, TimeoutError where it isn't merged in time."""
        schemas = self.schemas(question)
        small = sum(table.nbytes for tables in gathered.values() for table in tables) <= self._small_octets
        while True:
            with self._lent(small, until) as engine, interrupting(engine.interrupt, lambda: _left(until) == 0):
                try:
                    return engine.merged(question, schemas, gathered)
                except InterruptedError:
                    raise TimeoutError(LATE) from None
                except MemoryError:
                    if engine is not self._small:
                        raise
                    small = False

    def timed(
        self, question: Question, gathered: Mapping[str, Sequence[pa.Table]], until: float | None = None
    ) -> tuple[pa.Table, float]:
        """As `merge`, and the seconds of this thread's processor time."""
        began = time.thread_time()
        return self.merge(question, gathered, until), time.thread_time() - began

    def _schemas(self, *shape: Any) -> Mapping[str, pa.Schema]:
        plan, key, other, verb, group, metric, per_24, chain, parted = shape
        some = {"signatures": ("00" * 16,)} if key == "signature" or plan == "payload_bytes" else {"sources": (0,)}
        request = {"verb": verb, "group": group, "metric": metric, "per_24": per_24, "chain": chain, "parted": parted}
        fields = {"plan": plan, "request": request, "key": key, "other": other, "prefix": "000000"}
        question = Question.model_validate(fields | some)
        with self._lent(small=True) as engine:
            parts = engine.schemas(question.as_plan(), question.request)
        return parts | {f"{name}{MARKS_PART}": MARKED for name, schema in parts.items() if schema == MEMBERS}

    @contextmanager
    def _lent(self, small: bool, until: float | None = None) -> Iterator[MergeEngine]:
        with self._lock:
            left = _left(until)
            free = self._lock.wait_for(lambda: [each for each in self._free if small or each is not self._small], left)
            if not free:
                raise TimeoutError(LATE)
            engine = free[-1]  # the small one first, else the one used last
            self._free.remove(engine)
        try:
            yield engine
        finally:
            with self._lock:
                self._free.insert(len(self._free) - (self._small in self._free), engine)
                self._lock.notify_all()


def _left(until: float | None) -> float | None:
    return None if until is None else max(0.0, until - time.monotonic())


@contextmanager
def interrupting(interrupt: Callable[[], None], due: Callable[[], bool]) -> Iterator[None]:
    """Interrupt an engine once that is due, again and again until it ends: it notices only while it works."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(AGAIN_SECONDS):
            try:
                if due():
                    interrupt()
            except Exception:  # of Spark, which may have gone
                structlog.get_logger().exception("interrupt")

    thread = threading.Thread(target=watch, name="interrupt", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()  # before the engine is another's
