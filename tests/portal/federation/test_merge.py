"""Halves become an answer, whoever is missing; and what isn't a half is never merged."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ims.link.contract import Ask
from ims.link.envelope import UnreadableError, gathered
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.scatter import OCTETS_OF_A_TABLE
from ims.query.question import Question
from ims.query.request import make_request
from ims.queryd.execution import Answerer

from ...effort import pick
from ...link.test_envelope import QUESTIONS
from ...queryd.test_memory import resident
from ...queryd.waiting import DEADLINE, crowd

MANY = 1 << 40


@pytest.fixture(scope="module")
def merging() -> MergeEngines:
    return MergeEngines(2, 256 << 20, 1)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: f"{q.plan} {q.request.group or ''}{q.request.metric}")
def test_of_nothing_the_answer_is_empty_and_has_its_columns(merging: MergeEngines, question: Question) -> None:
    nothing = merging.merge(question, {})
    empty = merging.merge(
        question, {name: [schema.empty_table()] for name, schema in merging.schemas(question).items()}
    )
    assert nothing.schema == empty.schema
    if question.plan == "count":
        assert nothing.to_pylist()[0]["packets"] in (0, None)
    else:
        assert nothing.num_rows == empty.num_rows == 0


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: f"{q.plan} {q.request.group or ''}{q.request.metric}")
def test_a_half_has_the_columns_that_are_expected_of_it(
    merging: MergeEngines, one_store: Path, question: Question
) -> None:
    answerer = Answerer(one_store, 1, 256 << 20, 1)
    wanted = {f"0/{name}": schema for name, schema in merging.schemas(question).items()}
    parts, _ = gathered(answerer.answer(Ask(version=2, questions=(question,)), lambda _: None), wanted, MANY, MANY)
    halves = {name.partition("/")[2]: [table] for name, table in parts.items()}
    alone = merging.merge(question, halves)
    schemas = merging.schemas(question)
    with_empty = {name: [*tables, schemas[name].empty_table()] for name, tables in halves.items()}
    assert sorted(map(repr, merging.merge(question, with_empty).to_pylist())) == sorted(map(repr, alone.to_pylist()))


def test_other_columns_never_get_this_far(merging: MergeEngines, one_store: Path) -> None:
    asked, other = (
        Question(plan="count", request=make_request("count", None)),
        Question(plan="cache", request=make_request("cache", None)),
    )
    rows = Answerer(one_store, 1, 256 << 20, 1).answer(Ask(version=2, questions=(other,)), lambda _: None)
    wanted = {f"0/{name}": schema for name, schema in merging.schemas(asked).items()}
    with pytest.raises(UnreadableError):
        gathered(rows, wanted, MANY, MANY)


def test_schemas_are_worked_out_once_for_each_shape(merging: MergeEngines) -> None:
    for since in ("2026-03-04", "2026-03-05"):
        merging.schemas(Question(plan="count", request=make_request("count", None, since=since)))
    before = merging._known.cache_info().misses
    merging.schemas(Question(plan="count", request=make_request("count", "tcp", since="2026-03-06")))
    assert merging._known.cache_info().misses == before


def test_many_at_once_get_their_own_answers(merging: MergeEngines) -> None:
    question = Question(plan="series", request=make_request("series", None))
    [(name, schema)] = merging.schemas(question).items()
    assert {"bin", "value"} <= set(schema.names)

    def merged(number: int) -> list[int]:
        columns = {f.name: pa.array([number] * 3 if f.name == "value" else [0, 0, 1], f.type) for f in schema}
        return sorted(
            row["value"] for row in merging.merge(question, {name: [pa.table(columns, schema=schema)]}).to_pylist()
        )

    with crowd(8) as threads:
        futures = [(n, threads.go(merged, n)) for n in range(1, 30)]
        assert all(future.result(DEADLINE) == [n, 2 * n] for n, future in futures)


def test_answers_that_are_not_merged_in_time_are_given_up_and_the_next_are_merged(merging: MergeEngines) -> None:
    question = Question(plan="series", request=make_request("series", None, metric="sources", bin="1s"))
    [(name, schema)] = merging.schemas(question).items()
    numbers = np.arange(4_000_000)
    columns = {field.name: pa.array(numbers, field.type) for field in schema}
    with pytest.raises(TimeoutError, match="weren't merged in time"):
        merging.merge(question, {name: [pa.table(columns, schema=schema)]}, until=time.monotonic())
    assert merging.merge(question, {name: [schema.empty_table()]}, until=time.monotonic() + DEADLINE).num_rows == 0


def test_who_waits_for_an_engine_waits_until_the_deadline() -> None:
    alone = MergeEngines(1, 64 << 20, 1)
    alone.schemas(QUESTIONS[0])
    with alone._lent(small=True), alone._lent(small=False), pytest.raises(TimeoutError):
        alone.merge(QUESTIONS[0], {}, until=time.monotonic())


def test_what_is_small_takes_a_large_engine_that_is_free() -> None:
    alone = MergeEngines(1, 64 << 20, 1)
    alone.schemas(QUESTIONS[0])
    with alone._lent(small=True) as first:
        with alone._lent(small=True, until=time.monotonic()) as second:
            assert second is not first
        assert alone.merge(QUESTIONS[0], {}, until=time.monotonic() + DEADLINE).num_rows == 1
    with alone._lent(small=True) as again:
        assert again is first, "the small one first"


def test_what_the_small_engine_has_no_memory_for_is_merged_by_a_large_one() -> None:
    alone = MergeEngines(1, 384 << 20, 1)
    alone._small_octets = 1 << 30
    question = Question(plan="series", request=make_request("series", None, metric="sources", bin="1s"))
    [(name, schema)] = alone.schemas(question).items()
    numbers = np.arange(1_000_000)
    table = pa.table({field.name: pa.array(numbers, field.type) for field in schema}, schema=schema)
    with alone._lent(small=True) as small, pytest.raises(MemoryError):
        small.merged(question, {name: schema}, {name: [table]})
    assert alone.merge(question, {name: [table]}).num_rows == len(numbers)


def test_what_is_kept_of_many_small_answers_takes_what_it_says(merging: MergeEngines) -> None:
    """Not what Arrow tells of their rows, which is hardly anything."""
    question = Question(plan="count", request=make_request("count", None))
    for _ in range(200):
        merging.merge(question, {})
    before = resident(os.getpid(), "VmRSS")
    kept = [merging.merge(question, {}) for _ in range(pick(3000, 1500))]
    told = sum(table.nbytes + OCTETS_OF_A_TABLE for table in kept)
    assert resident(os.getpid(), "VmRSS") - before < told + (4 << 20)


def test_what_is_small_never_waits_until_what_is_large_is_merged() -> None:
    alone = MergeEngines(1, 64 << 20, 1)
    question = Question(plan="series", request=make_request("series", None))
    [(name, schema)] = alone.schemas(question).items()
    large = pa.table({field.name: pa.array(np.arange(400_000), field.type) for field in schema}, schema=schema)
    with alone._lent(small=False):
        assert alone.merge(question, {name: [schema.empty_table()]}, until=time.monotonic() + DEADLINE).num_rows == 0
        with pytest.raises(TimeoutError):
            alone.merge(question, {name: [large]}, until=time.monotonic())
