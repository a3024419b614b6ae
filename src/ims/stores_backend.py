"""Stores on this machine: the backend of `ims.open("DIR")`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ims.moved import earlier_name
from ims.plan_backend import PlanBackend
from ims.query.answer import AnswerRecord
from ims.query.engines.duckdb import Engine
from ims.query.question import Question
from ims.query.request import Request
from ims.query_run import QueryRun, losing_in_words
from ims.store.liveness import losses_of
from ims.store.reader import Store, open_store
from ims.store.store_id import read_store_id


class StoresBackend(PlanBackend):
    """One or more stores; a sensor's name in several of them is one sensor. `memory_bytes`, `threads`: of the engine.

    Raises FileNotFoundError, NotADirectoryError or ValueError where a folder isn't a store, or is a copy of another.
    """

    def __init__(
        self, stores: Sequence[str | Path], memory_bytes: int | None = None, threads: int | None = None
    ) -> None:
        if not stores:
            raise ValueError("no store given; expected one or more folders")
        self._paths = [Path(store) for store in stores]
        if len({os.path.realpath(path) for path in self._paths}) < len(self._paths):
            raise ValueError("a store is given twice; its rows would count twice")
        self._memory_bytes, self._threads = memory_bytes, threads
        self.shared_names = _shared_names(self._paths)
        """Sensors that several of the stores have, by name."""

    def begin(self, request: Request) -> QueryRun:
        """As PlanBackend: the stores as they are now."""
        request = request.apart() if self.shared_names else request
        return StoresRun(self._paths, request, self._memory_bytes, self._threads)


class StoresRun(QueryRun):
    """A query of stores on this machine as they are now. Raises FileNotFoundError, NotADirectoryError or ValueError
    where one is no store."""

    def __init__(self, paths: Sequence[Path], request: Request, memory: int | None, threads: int | None) -> None:
        super().__init__(request)
        self.stores: list[Store] = []
        try:
            for path in paths:
                self.stores.append(open_store(path))
            self.engine = Engine(self.stores, memory, threads)
        except BaseException:
            self._release()
            raise

    def run(self, *questions: Question) -> list[pa.Table]:
        """As QueryRun."""
        return [self.engine.run(question.as_plan(), question.request) for question in questions]

    def each(self, question: Question) -> list[pa.Table]:
        """As QueryRun."""
        plan, request = question.as_plan(), question.request
        return [next(self.engine.partial(store, plan, request))[1] for store in self.stores]

    def hours(self) -> list[tuple[int, int]]:
        """As QueryRun, from the manifests."""
        begins = sorted({since for store in self.stores for since in store.hours("packets")})
        return [(begin, sum(store.rows("packets", begin) for store in self.stores)) for begin in begins]

    def record(self, coverage: Sequence[dict[str, Any]]) -> AnswerRecord:
        """As QueryRun."""
        sensors = dict.fromkeys(sensor for store in self.stores for sensor in store.sensors)
        losing: dict[str, str] = {}
        for store in self.stores:
            losing |= losing_in_words(losses_of(store.path, store.sensors, self.request.since, self.request.until))
        stores = tuple(str(store.path) for store in self.stores)
        return self._record(coverage, stores=stores, sensors=tuple(sensors), losing=losing)

    def close(self) -> None:
        """As QueryRun."""
        self.engine.close()
        self._release()

    def _release(self) -> None:
        for store in self.stores:
            store.close()


def _shared_names(paths: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Sensors that several stores have, and which. Raises ValueError where a store is a copy of another."""
    ids: dict[str, Path] = {}
    having: dict[str, list[Path]] = {}
    for path in paths:
        with open_store(path) as store:
            for sensor in store.sensors:
                having.setdefault(sensor, []).append(path)
        known = read_store_id(path)
        other = ids.setdefault(known, path) if known else path
        if other != path:
            raise ValueError(f"{path} is a copy of {other}, or the other way round; their rows would count twice")
    return {sensor: tuple(stores) for sensor, stores in having.items() if len(stores) > 1}


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
