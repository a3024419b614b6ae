"""One question being answered: what every way of asking shares, and the way that asks stores on this machine.

The verbs (telescope.py) and exports (extract.py) know this contract alone; a portal has its own way, which
asks sensors.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from ims import arrow
from ims.query.answer import Answer, AnswerRecord
from ims.query.darkspace import DarkSpace
from ims.query.engine import Engine
from ims.query.hidden import without_hidden_sources
from ims.query.plan import Plan
from ims.query.question import Key, Name, Other, Question, about
from ims.query.request import Request
from ims.query.verbs import MOST_DETAILED, MOST_ROWS
from ims.store.liveness import losses_of
from ims.store.reader import Store, open_store

PORTS_SHOWN = 8
HOUR_US = 3_600_000_000
AGES_US = 366 * 86_400_000_000
"""The widest bin: few of them hold all packets."""


class Asked(ABC):
    """One request, while it is answered. Use it with `with`.

    `each` and `hours` are for exports: an answer for each store or sensor by itself, and the hours that have packets.
    """

    def __init__(self, request: Request) -> None:
        self.request = without_hidden_sources(request)
        self._began = time.perf_counter()

    @abstractmethod
    def run(self, *questions: Question) -> list[pa.Table]:
        """The answers, in order. All questions that are about packets have one filter."""

    @abstractmethod
    def each(self, question: Question) -> list[pa.Table]:
        """What each store or sensor answers by itself."""

    @abstractmethod
    def hours(self) -> list[tuple[int, int]]:
        """Begins of the hours that may have packets of the range, in microseconds, and how many packets at most."""

    @abstractmethod
    def record(self, coverage: Sequence[dict[str, Any]]) -> AnswerRecord:
        """How the answer came about: stores, sensors, who was silent."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what was held."""

    def question(self, plan: Name, **words: Any) -> Question:
        """A question of this request."""
        return Question(plan=plan, request=self.request, **words)

    def series(self, bin: int, **changes: Any) -> Question:
        """How many packets the filter takes in bins of so many microseconds; `changes`: of the request."""
        words = {"verb": "series", "bin": bin, "origin": None, "group": None, "metric": "packets", "per_24": False,
                 "limit": 0}  # fmt: skip
        return Question(plan="series", request=self.request.model_copy(update=words | changes))

    def about(self, plan: Name, key: Key, chosen: list[Any], other: Other | None = None) -> Question:
        """A question of this request about some signatures or sources."""
        return about(plan, self.request, key, chosen, other)

    def ask(self, plan: Name, **words: Any) -> pa.Table:
        """The answer to one question of this request."""
        return self.run(self.question(plan, **words))[0]

    @cached_property
    def coverage(self) -> list[dict[str, Any]]:
        """What was watched in the range; times also as `since_us` and `until_us`."""
        asked = Request(verb="coverage", since=self.request.since, until=self.request.until)
        return coverage_rows(self.run(Question(plan="coverage", request=asked))[0])

    @cached_property
    def space(self) -> DarkSpace:
        """The size of what was watched, over time."""
        return DarkSpace(self.coverage)

    def first(self, plan: Name, beyond: int, **words: Any) -> tuple[pa.Table, dict[str, Any]]:
        """The first rows of an answer, as many as are wanted, and what its record says of the others: looked for are so
        many `beyond`, which costs nothing where all were put in order. At the most rows that there may be, none can be
        looked for, and there may be others."""
        wanted = self.request.rows
        most = min(wanted + beyond, MOST_DETAILED if plan == "ranked" else MOST_ROWS)
        found = self.run(Question(plan=plan, request=self.request.model_copy(update={"limit": most}), **words))[0]
        if len(found) < min(wanted + 1, most):
            return found, {}
        return found.slice(0, wanted), {"limit": wanted, "matching": len(found), "at_least": len(found) == most}

    def packets(self) -> int:
        """How many packets the filter takes in the range."""
        return sum(self.run(self.series(AGES_US))[0].column("value").to_pylist())

    def answer(self, table: pa.Table, **left_out: Any) -> Answer:
        """The rows with their record. `left_out`: what it says of others."""
        return Answer(table, replace(self.record(self.coverage), **left_out))

    def _record(self, coverage: Sequence[dict[str, Any]], **words: Any) -> AnswerRecord:
        # What a capture lost is written on each of its blocks' rows, and belongs to none of them alone.
        frames = {(row["sensor"], row["since"], row["until"]): row["frames_lost"] for row in coverage}
        return AnswerRecord(
            seconds=time.perf_counter() - self._began,
            darknet_24s=self.space.size_24(self.request.since, self.request.until),
            frames_lost=sum(frames.values()),
            payloads_lost=sum(row["payloads_lost"] for row in coverage),
            verb=self.request.verb,
            **words,
        )

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class StoresAsked(Asked):
    """Stores on this machine, held as they are now."""

    def __init__(
        self,
        paths: Sequence[Path],
        request: Request,
        memory: int | None,
        threads: int | None,
    ) -> None:
        """Raises FileNotFoundError, NotADirectoryError or ValueError where one is no store."""
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
        """As Asked."""
        return [self.engine.run(q.as_plan(), q.request, predicate_of(q.request)) for q in questions]

    def each(self, question: Question) -> list[pa.Table]:
        """As Asked."""
        alone = Plan(question.as_plan().partial, lambda parts, request, whole: parts["rows"])
        return [
            next(self.engine.partial(store, alone, question.request, predicate_of(question.request)))[1]
            for store in self.stores
        ]

    def hours(self) -> list[tuple[int, int]]:
        """As Asked, from the manifests."""
        begins = sorted({since for store in self.stores for since in store.hours("packets")})
        return [(begin, sum(store.rows("packets", begin) for store in self.stores)) for begin in begins]

    def record(self, coverage: Sequence[dict[str, Any]]) -> AnswerRecord:
        """As Asked."""
        sensors = dict.fromkeys(sensor for store in self.stores for sensor in store.sensors)
        losing: dict[str, str] = {}
        for store in self.stores:
            losing |= losing_in_words(losses_of(store.path, store.sensors, self.request.since, self.request.until))
        stores = tuple(str(store.path) for store in self.stores)
        return self._record(coverage, stores=stores, sensors=tuple(sensors), losing=losing)

    def close(self) -> None:
        """As Asked."""
        self.engine.close()
        self._release()

    def _release(self) -> None:
        for store in self.stores:
            store.close()


def losing_in_words(losses: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """What sensors are losing now, a line for each. What is told has a `text`."""
    return {sensor: "; ".join(loss.text for loss in each) for sensor, each in sorted(losses.items()) if each}


def pairs(table: pa.Table) -> dict[Any, int]:
    """`value` by `key`."""
    return {row["key"]: row["value"] for row in table.to_pylist()}


def ports(table: pa.Table) -> dict[Any, list[int]]:
    """The most used ports of each key, most packets first."""
    found: dict[Any, list[tuple[int, int]]] = {}
    for row in table.to_pylist():
        found.setdefault(row["key"], []).append((-row["packets"], row["other"]))
    return {key: [port for _, port in sorted(rows)[:PORTS_SHOWN]] for key, rows in found.items()}


def coverage_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows of the coverage table, with times also as microseconds."""
    for name in ("since", "until"):
        table = table.append_column(f"{name}_us", table.column(name).cast(pa.int64()))
    return arrow.rows(table)


def predicate_of(request: Request) -> Callable[[Any, Any], Any] | None:
    """What takes the packets of a request's filter, for plans: of tables in Ibis."""
    tree = request.filter
    if tree is None:
        return None
    from ims.query.predicate import taken

    return lambda packets, payloads: taken(tree, packets, payloads, request.hidden)
