"""One running query: what stores, a lake and the sensors of a portal share, and all that verb_answers.py and export.py
know of them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa

from ims import arrow
from ims.query.answer import Answer, AnswerRecord
from ims.query.darkspace import DarkSpace
from ims.query.format.serialize import iso
from ims.query.plans.hidden_sources import without_hidden_sources
from ims.query.question import Key, Name, Other, Question, about
from ims.query.request import Request
from ims.query.verbs import VERBS
from ims.settings.durations import SECOND_US

PORTS_SHOWN = 8
AGES_US = 366 * 86_400_000_000
"""The widest bin, of which a few hold all packets."""


class QueryRun(ABC):
    """One request, while it is answered. Use it with `with`. `each` and `hours` are for exports."""

    def __init__(self, request: Request) -> None:
        self.request = without_hidden_sources(request)
        self._began = time.perf_counter()
        self._coverage: list[dict[str, Any]] | None = None

    @abstractmethod
    def run(self, *questions: Question) -> list[pa.Table]:
        """The answers, in order. All questions about packets have one filter."""

    @abstractmethod
    def each(self, question: Question) -> list[pa.Table]:
        """The answer of each store or sensor."""

    @abstractmethod
    def hours(self) -> list[tuple[int, int]]:
        """Begins of the hours that may have packets of the range, in microseconds, and at most how many packets."""

    @abstractmethod
    def record(self, coverage: Sequence[dict[str, Any]]) -> AnswerRecord:
        """How the answer came about: stores, sensors, who was silent."""

    @abstractmethod
    def close(self) -> None:
        """Release what is held."""

    def question(self, plan: Name, **words: Any) -> Question:
        """A question of this request."""
        return Question(plan=plan, request=self.request, **words)

    def series(self, bin: int, **changes: Any) -> Question:
        """How many packets match in bins of so many microseconds; `changes`: of the request."""
        words = {"verb": "series", "bin": bin, "origin": None, "group": None, "metric": "packets", "per_24": False,
                 "limit": 0}  # fmt: skip
        return Question(plan="series", request=self.request.model_copy(update=words | changes))

    def about(self, plan: Name, key: Key, chosen: list[Any], other: Other | None = None) -> Question:
        """A question of this request about some signatures or sources."""
        return about(plan, self.request, key, chosen, other)

    def ask(self, plan: Name, **words: Any) -> pa.Table:
        """The answer to one question of this request."""
        return self.run(self.question(plan, **words))[0]

    @property
    def about_coverage(self) -> Question:
        """The question of what was watched in the range."""
        request = Request(verb="coverage", since=self.request.since, until=self.request.until)
        return Question(plan="coverage", request=request)

    @property
    def coverage(self) -> list[dict[str, Any]]:
        """What was watched in the range; times also as `since_us` and `until_us`."""
        if self._coverage is None:
            self._coverage = coverage_rows(self.run(self.about_coverage)[0])
        return self._coverage

    @cached_property
    def space(self) -> DarkSpace:
        """The size of what was watched, over time."""
        return DarkSpace(self.coverage)

    def first(self, plan: Name, beyond: int, **words: Any) -> tuple[pa.Table, dict[str, Any]]:
        """The first rows of an answer, up to the request's limit, and what its record says of the others. `beyond`: how
        many rows more are queried to count them, which costs nothing where all are sorted; at the largest limit there
        is none, and there may be others."""
        limit = self.request.rows
        most = min(limit + beyond, VERBS[self.request.verb].most_rows)
        found = self.run(Question(plan=plan, request=self.request.model_copy(update={"limit": most}), **words))[0]
        if len(found) < min(limit + 1, most):
            return found, {}
        return found.slice(0, limit), {"limit": limit, "matching": len(found), "at_least": len(found) == most}

    def packets(self) -> int:
        """How many packets of the range match."""
        return sum(self.run(self.series(AGES_US))[0].column("value").to_pylist())

    def answer(self, table: pa.Table, **left_out: Any) -> Answer:
        """The rows with their record. `left_out`: what the record says of other rows."""
        return Answer(table, replace(self.record(self.coverage), **left_out))

    def _record(self, coverage: Sequence[dict[str, Any]], **words: Any) -> AnswerRecord:
        # What a capture lost stands in the row of each of its blocks: count it once.
        frames = {(row["sensor"], row["since"], row["until"]): row["frames_lost"] for row in coverage}
        return AnswerRecord(
            seconds=time.perf_counter() - self._began,
            darknet_24s=self.space.size_24(self.request.since, self.request.until),
            frames_lost=sum(frames.values()),
            payloads_lost=sum(row["payloads_lost"] for row in coverage),
            verb=self.request.verb,
            **answered_range(self.request),
            **words,
        )

    def __enter__(self) -> QueryRun:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def answered_range(request: Request) -> dict[str, Any]:
    """What a record says of the range and the bins that were answered."""
    ends = {name: None if us is None else iso(arrow.EPOCH + timedelta(microseconds=us))
            for name, us in (("since", request.since), ("until", request.until))}  # fmt: skip
    return {**ends, "bin_seconds": _bin_of(request) / SECOND_US}


def _bin_of(request: Request) -> int:
    """The width of the answer's bins; 0: it has none."""
    if request.chain is not None:
        return request.chain.bin or 0
    return request.bin if "bin" in VERBS[request.verb].by_name else 0


def losing_in_words(losses: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """What sensors are losing now, a line for each. Each loss has a `text`."""
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
