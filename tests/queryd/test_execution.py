"""A sensor's half of answers: right, within limits, interruptible, and known by what stands for its closed hours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pytest

import ims.query.distinct.address_set
import ims.query.engines.prepared
import ims.query.engines.sql_cache
from ims.lake.lake import open_lake
from ims.link.contract import Ask
from ims.link.envelope import gathered, opened
from ims.portal.federation.merge import MergeEngines
from ims.query.engines.duckdb import Engine
from ims.query.engines.prepared import HalfEngine
from ims.query.language.filter import parse
from ims.query.language.syntax_tree import Expression
from ims.query.question import Question, about
from ims.query.request import make_request
from ims.queryd.execution import Answerer, closed_hours
from ims.records import LENGTHS
from ims.store.damage import DamageError
from ims.store.reader import open_store
from ims.store.writer import SensorWriter
from ims.stores_backend import StoresRun

from ..lake import shipped
from ..store.made import HOUR, NOON, coverage, packets, payloads, put

MANY = 1 << 40
TCP = parse("tcp")
SOURCES = (1, 2, 3)
QUESTIONS = [
    ("count", {}, {}),
    ("count", {"since": "2026-03-04T05:00", "until": "2026-03-04T06:00"}, {}),
    ("series", {"bin": "10m", "group": "category", "metric": "sources"}, {}),
    ("top", {"group": "destination_port", "metric": "bytes"}, {}),
    ("top", {"group": "source/8", "metric": "destinations"}, {}),
    ("chain", {"first": "ip", "then": "ip", "within": "1h"}, {}),
    ("chain", {"first": "udp", "then": ["ip", "payload"], "within": "1d", "at": "sensor", "bin": "10m"}, {}),
    ("chain", {"first": "ip", "then": "payload", "within": "1h", "at": "anywhere", "limit": 7}, {}),
    ("cache", {}, {}),
    ("local", {}, {}),
    ("storage", {"bin": "1h"}, {}),
    ("coverage", {}, {}),
    ("packets", {"limit": 7}, {}),
    ("ranked", {"verb": "payloads"}, {"key": "signature"}),
    ("ranked", {"verb": "sources"}, {"key": "source"}),
    ("frames", {"verb": "packets"}, {}),
]


@pytest.fixture(scope="module")
def merging() -> MergeEngines:
    return MergeEngines(1, 128 << 20, 1)


@pytest.fixture
def answerer(three_sensors: Path) -> Answerer:
    return Answerer(three_sensors, 1, 256 << 20, 1)


def nobody(_engine: Engine) -> None:
    """Who doesn't watch."""


def wanted(merging: MergeEngines, ask: Ask) -> dict[str, pa.Schema]:
    schemas = [merging.schemas(question) for question in ask.questions]
    return {f"{index}/{name}": schema for index, parts in enumerate(schemas) for name, schema in parts.items()}


def answered(answerer: Answerer, merging: MergeEngines, ask: Ask) -> tuple[list[pa.Table], Any]:
    found, end = gathered(answerer.answer(ask, nobody), wanted(merging, ask), MANY, MANY)
    tables = [
        merging.merge(question, {name: [found[f"{index}/{name}"]] for name in merging.schemas(question)})
        for index, question in enumerate(ask.questions)
    ]
    return tables, end


def test_work_is_what_a_processor_did_not_what_was_waited_for(answerer: Answerer, merging: MergeEngines) -> None:
    """A caller who reads slowly, or a machine that is busy, makes no question a long one."""
    ask = one_question("count", "count")
    read = answerer.answer(ask, nobody)
    rows = [next(read)]
    threading.Event().wait(0.2)
    _, end = gathered([*rows, *read], wanted(merging, ask), MANY, MANY)
    assert end.worked is not None
    assert 0 < end.worked <= end.seconds - 0.2


def in_any_order(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))


@pytest.mark.parametrize("filter", [None, "udp or tcp dst port 80", "payload and not block C/24"])
def test_answers_are_those_of_the_store_itself(
    answerer: Answerer, merging: MergeEngines, three_sensors: Path, filter: str | None
) -> None:
    questions = tuple(
        Question(plan=plan, request=make_request(words.get("verb", plan), None, **{k: v for k, v in words.items() if k != "verb"}), **more)
        for plan, words, more in QUESTIONS
    )  # fmt: skip
    tree = parse(filter) if filter else None
    tables, end = answered(answerer, merging, Ask(version=2, questions=questions, filter=tree))
    assert end.sensors == ("007", "a", "b")
    assert len(end.closed) == 32
    for question, table in zip(questions, tables, strict=True):
        asked = question if question.plan == "coverage" else question.under(tree, None)
        with StoresRun([three_sensors], asked.request, None, 1) as store:
            [wanted] = store.run(asked)
        assert table.schema.names == wanted.schema.names, question
        assert in_any_order(table) == in_any_order(wanted), question


def test_a_portal_that_does_not_know_later_columns_is_not_sent_them_and_one_that_does_takes_answers_without(
    answerer: Answerer, merging: MergeEngines
) -> None:
    questions = tuple(
        Question(plan=plan, request=make_request("packets", None, limit=50)) for plan in ("packets", "whole_rows")
    )
    sent = {}
    for lengths in (False, True):
        ask = Ask(version=2, questions=questions, lengths=lengths)
        known: dict[str, set[str]] = {}
        for name, body in map(opened, answerer.answer(ask, nobody)):
            if name:
                known.setdefault(name, set()).update(pa.ipc.open_stream(body).schema.names)
        sent[lengths] = known
        tables, _ = answered(answerer, merging, ask)
        assert all(set(LENGTHS) <= set(table.column_names) for table in tables)
    for name, columns in sent[True].items():
        assert columns - sent[False][name] == set(LENGTHS)


def test_its_engine_is_there_for_the_next_after_every_failure(answerer: Answerer, merging: MergeEngines) -> None:
    rows = Question(plan="rows", request=make_request("packets", None))
    for limits in ({"rows": 10}, {"octets": 10}):
        with pytest.raises(ValueError, match="more than 10 "):
            list(answerer.answer(Ask(version=2, questions=(rows,), **limits), nobody))
    left = answerer.answer(Ask(version=2, questions=(rows,)), nobody)
    next(left)
    left.close()
    [table], _ = answered(answerer, merging, Ask(version=2, questions=(rows,)))
    assert table.num_rows > 3000


def test_limits_are_of_the_whole_answer_and_say_what_would_fit(answerer: Answerer) -> None:
    request = make_request("series", None, bin="1h")
    alone = Ask(version=2, questions=(Question(plan="series", request=request),))
    part = next(answerer.answer(alone, nobody))
    for count, name, most in ((2, "rows", 25), (3, "octets", int(1.5 * part.size))):
        questions = tuple(Question(plan="series", request=request) for _ in range(count))
        with pytest.raises(ValueError, match=f"more than {most:,} (partial rows|octets); ask for a shorter time"):
            list(answerer.answer(Ask(version=2, questions=questions, **{name: most}), nobody))
        list(answerer.answer(Ask(version=2, questions=questions[:1], **{name: most}), nobody))


# What runs is interrupted


@pytest.fixture(scope="module")
def large_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than fits into what DuckDB works out ahead."""
    path, rows = tmp_path_factory.mktemp("large") / "STORE", 200_000
    writer = SensorWriter(path, "a")
    for part in range(3):
        begin = part * rows
        put(writer, "packets", packets(range(NOON + begin, NOON + begin + rows), first=begin))
    writer.checkpoint()
    writer.finish(NOON)
    writer.close()
    return path


def while_rows_are_read(patch: pytest.MonkeyPatch, engines: list[Engine], reached: list[str]) -> dict[str, Any]:
    """DuckDB is at work: an answer is large, and one of its rows was taken."""
    taken = HalfEngine._checked

    def interrupted_after_one(engine: HalfEngine, batches: Any) -> Any:
        for number, batch in enumerate(taken(engine, batches)):
            yield batch
            if number == 0:
                reached.append("rows")
                engines[0].interrupt()

    patch.setattr(HalfEngine, "_checked", interrupted_after_one)
    return {"plan": "rows", "verb": "packets"}


def while_it_is_compiled(patch: pytest.MonkeyPatch, engines: list[Engine], reached: list[str]) -> dict[str, Any]:
    whole = ims.query.engines.sql_cache.filtered

    def filtered(filter: Expression) -> str:
        reached.append("filter")
        engines[0].interrupt()
        return whole(filter)

    patch.setattr(ims.query.engines.sql_cache, "filtered", filtered)
    patch.setattr(ims.query.engines.sql_cache, "half", lambda *_, **__: pytest.fail("a half was compiled"))
    return {"plan": "rows", "verb": "packets", "filter": TCP}


def while_nobody_waits_for_its_rows(
    patch: pytest.MonkeyPatch, engines: list[Engine], reached: list[str]
) -> dict[str, Any]:
    """DuckDB has its batches ready, and forgets that it was interrupted."""
    checked = HalfEngine._checked

    def slowly(engine: HalfEngine, batches: Any) -> Any:
        ready = list(batches)
        reached.append("batches")
        engines[0].interrupt()
        return checked(engine, iter(ready))

    patch.setattr(HalfEngine, "_checked", slowly)
    return {"plan": "count", "verb": "count"}


@pytest.mark.parametrize("moment", [while_rows_are_read, while_it_is_compiled, while_nobody_waits_for_its_rows])
def test_an_interrupted_question_says_so_and_the_next_is_answered(
    large_store: Path, moment: Callable[..., dict[str, Any]]
) -> None:
    answerer, engines, reached = Answerer(large_store, 1, 256 << 20, 1), list[Engine](), list[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ims.query.engines.prepared, "BATCH_ROWS", 1000)
        words = moment(patch, engines, reached)
        with pytest.raises(InterruptedError):
            list(answerer.answer(one_question(**words), engines.append))
    assert len(reached) == 1
    engines[0].interrupt()  # one that comes too late
    assert len(list(answerer.answer(one_question("count", "count"), nobody))) >= 2


def one_question(plan: str, verb: str, filter: Any = None) -> Ask:
    question = Question(plan=plan, request=make_request(verb, None))  # type: ignore[arg-type]
    return Ask(version=2, questions=(question,), filter=filter)


@pytest.mark.parametrize("key", ["signature", "source"])
def test_many_values_are_asked_about_as_few_are(
    answerer: Answerer, merging: MergeEngines, key: Literal["signature", "source"]
) -> None:
    """As one list, beyond some: 10,000 that are compared one by one took 5 s of compiling."""
    request = make_request("payloads" if key == "signature" else "sources", None)
    values = [n.to_bytes(16, "big") for n in range(1000)] if key == "signature" else list(range(1000))
    [ranked], _ = answered(
        answerer, merging, Ask(version=2, questions=(Question(plan="ranked", request=request, key=key),))
    )
    there = [value for value in ranked.column(key).to_pylist() if value not in values][:20]
    assert there

    def spread(chosen: list[Any]) -> list[str]:
        question = about("spread", request, key, chosen, "destination_port")
        [table], _ = answered(answerer, merging, Ask(version=2, questions=(question,)))
        return in_any_order(table)

    assert spread(there) == spread([*there, *values])
    assert spread(there)


def test_a_question_that_needs_too_much_memory_is_refused(large_store: Path) -> None:
    answerer = Answerer(large_store, 64, 64 << 20, 1)
    request = make_request("packets", None)
    with pytest.raises(MemoryError, match="more memory than it may have"):
        list(answerer.answer(Ask(version=2, questions=(Question(plan="whole_rows", request=request),)), nobody))


def test_more_addresses_than_memory_allows_are_refused(large_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ims.query.distinct.address_set, "MOST_MARKED", 0)
    monkeypatch.setattr(ims.query.distinct.address_set, "AT_ONCE", 1000)
    monkeypatch.setattr(ims.query.distinct.address_set, "OCTETS_OF_AN_ADDRESS", 1 << 50)
    count = Ask(version=2, questions=(Question(plan="count", request=make_request("count", None)),))
    with pytest.raises(MemoryError, match="at most 0 are counted"):
        list(Answerer(large_store, 1, 64 << 20, 1).answer(count, nobody))


# A store's state


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[Path, SensorWriter]]:
    writer = SensorWriter(tmp_path / "STORE", "a")
    yield tmp_path / "STORE", writer
    writer.close()


def stands_for(path: Path, now_us: int) -> str:
    with open_store(path) as store:
        return closed_hours(store, now_us / 1e6)


def test_closed_hours_are_known_by_their_files_and_by_nothing_else(store: tuple[Path, SensorWriter]) -> None:
    path, writer = store
    now = NOON + HOUR + 60_000_000
    empty = stands_for(path, now)
    put(writer, "packets", packets([NOON + HOUR]))
    put(writer, "payloads", payloads([NOON + HOUR]))
    writer.checkpoint(coverage={"c": coverage(NOON, NOON + HOUR)}, captures={"c": {}})
    assert stands_for(path, now) == empty, "the hour isn't over"

    seen = {empty}
    for table, rows in (("packets", packets([NOON])), ("payloads", payloads([NOON])), ("packets", packets([NOON + 1]))):
        put(writer, table, rows)
        writer.checkpoint()
        found = stands_for(path, now)
        assert found not in seen, "a late part"
        assert stands_for(path, now) == found
        seen.add(found)

    writer.checkpoint(coverage={"c": coverage(NOON, NOON + HOUR + 1)}, captures={"c": {}})
    assert stands_for(path, now) == found, "coverage is written anew until it ends"
    assert stands_for(path, now + HOUR) != found, "the next hour is over"
    writer.checkpoint(publish_before_us=NOON + HOUR)
    assert stands_for(path, now) != found, "the hour is in other files"


def test_a_store_that_is_none_is_refused_when_it_begins(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Answerer(tmp_path / "absent", 1, 64 << 20, 1)
    with pytest.raises(ValueError, match="store"):
        Answerer(tmp_path, 1, 64 << 20, 1)


def test_a_store_that_broke_is_its_own_fault_and_not_the_question_s(store: tuple[Path, SensorWriter]) -> None:
    path, writer = store
    put(writer, "packets", packets([NOON]))
    writer.checkpoint(publish_before_us=NOON + HOUR)
    answerer = Answerer(path, 1, 64 << 20, 1)
    ask = Ask(version=2, questions=(Question(plan="rows", request=make_request("packets", None)),))
    assert len(list(answerer.answer(ask, nobody))) == 2
    [file] = path.glob("packets/**/*.parquet")
    octets = file.read_bytes()
    file.write_bytes(octets[:100])
    with pytest.raises(DamageError, match=f"{file} is damaged: 100 octets where "):
        list(answerer.answer(ask, nobody))
    (path / "store.json").write_text("{")
    with pytest.raises(OSError, match=r"store.json"):
        list(answerer.answer(ask, nobody))


def counted(parts: Iterable[pa.Table]) -> int:
    return sum(sum(table.column("stored_bytes").to_pylist()) for table in parts if "stored_bytes" in table.schema.names)


@pytest.mark.parametrize("asked", ["the first", "the last"])
def test_a_store_and_a_lake_count_each_file_once(tmp_path: Path, merging: MergeEngines, asked: str) -> None:
    """Of packets and of payloads, which the lake has to two of three hours; and what came later counts, too, by an
    engine that has answered before. `asked`: the shipment that the portal's lake is at."""
    sensor, place = shipped.watched(tmp_path / "STORE", 1), tmp_path / "lake"
    answerer = Answerer(tmp_path / "STORE", 1, 256 << 20, 1)
    for number in (1, 2):
        shipped.ship(tmp_path / "STORE", place)
        sensor.hour(number)
    question = Question(plan="storage", request=make_request("storage", None, bin="1h"))
    with open_lake(place) as lake, closing(Engine([lake])) as engine:
        [number] = [ledger.number for ledger in lake.ledgers.values()]
        for _ in range(2):
            beyond = {"a": 1 if asked == "the first" else number}
            ask = Ask(version=2, questions=(question,), lake=lake.id, beyond=beyond)
            found, end = gathered(answerer.answer(ask, nobody), wanted(merging, ask), MANY, MANY)
            view = lake.as_of(end.beyond)
            of_lake = [table for _, table in engine.partial(view, question.as_plan(), question.request)]
            with open_store(tmp_path / "STORE") as store:
                files = [path for table in ("packets", "payloads") for path in store.files(table)]
                assert counted(found.values()) + counted(of_lake) == sum(path.stat().st_size for path in files)
            assert counted(found.values()) and counted(of_lake)
            sensor.hour(3)
