"""Where halves become an answer: engines of the portal's own, over nothing but what sensors sent."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pyarrow as pa

from ims.asked import predicate_of
from ims.query.distinct import MARKED
from ims.query.question import Question
from ims.query.standing import MergeEngine

AGAIN_SECONDS = 0.05
LEAST = 32 << 20
"""Octets of the engine for small answers; a sixteenth of them is small."""
LATE = "the answers weren't merged in time"


class Merging:
    """A few engines, lent one question at a time, and one that small answers have to themselves: they never wait until
    a large one is merged. For several threads."""

    def __init__(self, engines: int, memory_bytes: int, threads: int | None = None) -> None:
        """`memory_bytes`: of all together."""
        self._engines: queue.LifoQueue[MergeEngine] = queue.LifoQueue()
        self._small: queue.LifoQueue[MergeEngine] = queue.LifoQueue()
        of_small = max(LEAST, memory_bytes // 8)
        self._small_octets = of_small // 16
        self._small.put(MergeEngine(of_small, 1))
        for _ in range(engines):
            self._engines.put(MergeEngine((memory_bytes - of_small) // engines, threads))
        self._known = lru_cache(maxsize=1024)(self._schemas)

    def schemas(self, question: Question) -> Mapping[str, pa.Schema]:
        """What a sensor's half of this question looks like; of parts of marks, what it may look like."""
        request = question.request
        return self._known(
            question.plan, question.key, question.other, request.verb, request.group, request.metric, request.per_24
        )

    def merge(
        self, question: Question, gathered: Mapping[str, Sequence[pa.Table]], until: float | None = None
    ) -> pa.Table:
        """The answer, of each part's tables; there may be none. `until`: its deadline, by time.monotonic(). Raises
        MemoryError where it is too large, TimeoutError where it isn't merged in time."""
        schemas = self.schemas(question)
        octets = sum(table.nbytes for tables in gathered.values() for table in tables)
        with self._lent(octets <= self._small_octets, until) as engine, _interrupted(engine, until):
            return engine.merged(question, schemas, gathered)

    def timed(
        self, question: Question, gathered: Mapping[str, Sequence[pa.Table]], until: float | None = None
    ) -> tuple[pa.Table, float]:
        """As `merge`, and the seconds of processor time that it took of this thread."""
        began = time.thread_time()
        return self.merge(question, gathered, until), time.thread_time() - began

    def _schemas(self, *shape: Any) -> Mapping[str, pa.Schema]:
        plan, key, other, verb, group, metric, per_24 = shape
        some = {"signatures": ("00" * 16,)} if key == "signature" or plan == "payload_bytes" else {"sources": (0,)}
        asked = {"verb": verb, "group": group, "metric": metric, "per_24": per_24}
        question = Question.model_validate(
            {"plan": plan, "request": asked, "key": key, "other": other, "prefix": "000000", **some}
        )
        with self._lent(small=True) as engine:
            parts = engine.schemas(question.as_plan(), question.request, predicate_of(None))
        return parts | {f"{end}.marks": MARKED for end in ("source", "destination")} if plan == "count" else parts

    @contextmanager
    def _lent(self, small: bool, until: float | None = None) -> Iterator[MergeEngine]:
        engines = self._small if small else self._engines
        try:
            engine = engines.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise TimeoutError(LATE) from None
        try:
            yield engine
        finally:
            engines.put(engine)


@contextmanager
def _interrupted(engine: MergeEngine, until: float | None) -> Iterator[None]:
    """Have an engine interrupted at a deadline, again and again until it ends: it hears it only while it is at work."""
    if until is None:
        yield
        return
    over = threading.Event()

    def interrupt() -> None:
        if not over.wait(max(0.0, until - time.monotonic())):
            while not over.wait(AGAIN_SECONDS):
                engine.interrupt()

    thread = threading.Thread(target=interrupt, name="deadline", daemon=True)
    thread.start()
    try:
        yield
    except InterruptedError:
        raise TimeoutError(LATE) from None
    finally:
        over.set()
        thread.join()  # before the engine is another's
