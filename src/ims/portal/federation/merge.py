"""Where halves become an answer: engines of the portal's own, over nothing but what sensors sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pyarrow as pa

from ims.query.distinct.address_set import MARKED, MEMBERS
from ims.query.engines.prepared import MergeEngine
from ims.query.plans.part import MARKS_PART
from ims.query.question import Question

AGAIN_SECONDS = 0.05
LEAST = 32 << 20
"""Octets of the engine for small answers; a sixteenth of them is small."""
LATE = "the answers weren't merged in time"


class MergeEngines:
    """A few engines, lent one question at a time, and one that small answers have to themselves: they never wait until
    a large one is merged. They take another where that one is lent and another is free, or it has too little memory for
    one of them. For several threads."""

    def __init__(self, engines: int, memory_bytes: int, threads: int | None = None) -> None:
        """`memory_bytes`: of all together."""
        of_small = max(LEAST, memory_bytes // 8)
        self._small_octets = of_small // 16
        self._small = MergeEngine(of_small, 1)
        large = [MergeEngine((memory_bytes - of_small) // engines, threads) for _ in range(engines)]
        self._free = [*large, self._small]
        self._lock = threading.Condition()
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
        small = octets <= self._small_octets
        with self._lent(small, until) as engine, _interrupted(engine, until):
            try:
                return engine.merged(question, schemas, gathered)
            except MemoryError:
                if engine is not self._small:
                    raise
        with self._lent(False, until) as engine, _interrupted(engine, until):
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
            parts = engine.schemas(question.as_plan(), question.request)
        return parts | {f"{name}{MARKS_PART}": MARKED for name, schema in parts.items() if schema == MEMBERS}

    @contextmanager
    def _lent(self, small: bool, until: float | None = None) -> Iterator[MergeEngine]:
        with self._lock:
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._lock.wait_for(lambda: self._for(small), left):
                raise TimeoutError(LATE)
            engine = self._for(small)[-1]  # the small one first, else the one used last
            self._free.remove(engine)
        try:
            yield engine
        finally:
            with self._lock:
                self._free.insert(len(self._free) - (self._small in self._free), engine)
                self._lock.notify_all()

    def _for(self, small: bool) -> list[MergeEngine]:
        """The free engines that may be lent for a small answer, or for a large one."""
        return [engine for engine in self._free if small or engine is not self._small]


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
