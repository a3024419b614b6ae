"""Engines that stand by: halves of sensors, merged, are the answer; what is given up leaves nothing behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ims.query.engines.duckdb import BATCH_ROWS
from ims.query.engines.prepared import LEAST_ROWS, HalfEngine, MergeEngine, batch_rows
from ims.query.question import Question
from ims.query.request import make_request
from ims.store.reader import Store, open_store

from ...stores import MIDNIGHT, exported
from .. import oracle
from .interrupted import interrupted_again_and_again


def test_a_portal_s_engine_puts_nothing_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    question = Question(plan="packets", request=make_request("packets", None, limit=600_000))
    engine = MergeEngine(64 << 20, 1)
    [(name, schema)] = engine.schemas(question.as_plan(), question.request).items()
    row = dict.fromkeys(schema.names) | {"sensor": "a", "time": datetime.now(UTC)}
    few = pa.Table.from_pylist([row] * 1000, schema)
    with pytest.raises(MemoryError, match=r"more memory than it may have$"):
        engine.merged(question, {name: schema}, {name: [few] * 600})
    assert not list(tmp_path.iterdir())
    assert engine.merged(question, {name: schema}, {name: [few]}).num_rows == 1000
    engine.close()


def test_whenever_merging_is_given_up_it_says_so_and_holds_nothing() -> None:
    """Also while tables are made known, or forgotten."""
    question = Question(plan="series", request=make_request("series", None))
    engine, ends = MergeEngine(64 << 20, 1), set[str]()
    [(name, schema)] = engine.schemas(question.as_plan(), question.request).items()
    with interrupted_again_and_again(engine):
        for _ in range(200):
            try:
                engine.merged(question, {name: schema}, {})
                ends.add("merged")
            except InterruptedError as error:
                ends.add(str(error))
    assert ends <= {"merged", "the question was given up"}
    assert engine._con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall() == []
    engine.close()


def test_nothing_merged_is_a_count_of_nothing() -> None:
    engine, question = MergeEngine(64 << 20, 1), Question(plan="count", request=make_request("count", None))
    schemas = engine.schemas(question.as_plan(), question.request)
    row = engine.merged(question, schemas, {}).to_pylist()[0]
    zeros = dict.fromkeys(("packets", "bytes", "sources", "destinations", "payloads", "signatures"), 0)
    assert row == zeros | {"first": None, "last": None}
    many = pa.table({name: [1 << 62] for name in schemas["totals"].names}, schema=schemas["totals"])
    with pytest.raises(OSError, match="exceed 64 bits"):
        engine.merged(question, schemas, {"totals": [many] * 4})
    engine.close()


def test_rows_of_a_batch_are_as_many_as_fit_in_its_octets() -> None:
    assert batch_rows(["BIGINT"], 80_000) == 10_000
    assert batch_rows(["BLOB", "VARCHAR", "HUGEINT"], 176 * 5000) == 5000
    assert batch_rows(["BLOB"], 1) == batch_rows(["BLOB"], 0) == LEAST_ROWS
    assert batch_rows([], 1 << 40) == batch_rows(["BOOLEAN"], 1 << 40) == BATCH_ROWS


@pytest.fixture
def halves(three_stores: list[Path]) -> Iterator[dict[Store, HalfEngine]]:
    """What a daemon has of each of three sensors."""
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(open_store(path)) for path in three_stores]
        found = {store: HalfEngine(store.path, 128 << 20, 1) for store in stores}
        yield found
        for engine in found.values():
            engine.close()


def answered(halves: dict[Store, HalfEngine], merging: MergeEngine, question: Question) -> pa.Table:
    gathered: dict[str, list[pa.Table]] = {}
    schemas = merging.schemas(question.as_plan(), question.request)
    for store, engine in halves.items():
        for name, schema, batches in engine.half(store, question):
            gathered.setdefault(name, []).append(pa.Table.from_batches(list(batches), schema))
    return merging.merged(question, schemas, gathered)


def test_merged_halves_are_the_answer_however_often_engines_are_asked(
    halves: dict[Store, HalfEngine], three_stores: list[Path], tmp_path: Path
) -> None:
    """One question after another, of other ranges and filters: no view stays as it was for the one before."""
    rows, merging = exported(tmp_path, *three_stores), MergeEngine(128 << 20, 1)
    begin = MIDNIGHT // 1000 + 5 * 3_600_000_000
    some = oracle.within(rows, begin, begin + 3_600_000_000)
    hour = {"since": "2026-03-04T05:00", "until": "2026-03-04T06:00"}
    for filter, words, chosen in (
        (None, {}, rows),
        (None, hour, some),
        ("udp", hour, [row for row in some if row["protocol"] == 17]),
        ("udp", {}, [row for row in rows if row["protocol"] == 17]),
        (None, {}, rows),
        (None, {"since": "2020-01-01", "until": "2020-01-02"}, []),
    ):
        question = Question(plan="count", request=make_request("count", filter, **words))
        assert answered(halves, merging, question).to_pylist() == [oracle.count(chosen)]
    for metric in ("packets", "sources"):
        question = Question(plan="top", request=make_request("top", None, group="protocol", metric=metric))
        found = answered(halves, merging, question).to_pylist()
        assert [(row["key"], row["value"]) for row in found] == oracle.top(rows, "protocol", metric)
    merging.close()


def test_a_daemon_s_engine_reads_its_own_store_alone(halves: dict[Store, HalfEngine]) -> None:
    (_, engine), (other, _), *_ = halves.items()
    with pytest.raises(duckdb.PermissionException):
        engine._con.execute(f"SELECT count(*) FROM '{other.files('packets')[0]}'")
