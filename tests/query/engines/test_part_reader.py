"""How parts are read: few looks at the store, and the same parts whoever tells what is distinct."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ims.query.distinct.address_set import Distinct
from ims.query.engines import part_reader as query_looks
from ims.query.engines.duckdb import Engine
from ims.query.engines.duckdb_adapter import plainly
from ims.query.engines.part_reader import Addresses, AsTheyCome, Pairs, TotalsAndMembers, looks
from ims.query.engines.prepared import HalfEngine
from ims.query.plans.part import MARKS_PART, Members, Rows, Totals
from ims.query.plans.plan import PLANS, Tables, epoch_us
from ims.query.plans.tables import described_as, empty
from ims.query.question import Question
from ims.query.request import GROUPS, make_request
from ims.store.reader import Store, open_store

TABLES = Tables(lambda name: described_as(name, empty(name).schema), epoch_us)


def read(verb: Any, **words: Any) -> list[Any]:
    pairs = words.pop("pairs", True)
    request = make_request(verb, None, **words)
    return [look.way for look in looks(PLANS[verb].partial(TABLES, request), request, pairs)]


def test_a_count_is_two_looks() -> None:
    assert read("count") == [TotalsAndMembers("totals", "signature"), Addresses(("source", "destination"))]


def test_addresses_by_a_group_that_is_a_number_are_pairs() -> None:
    assert read("series", metric="sources", bin="5m") == [Pairs("members", "bin", "int64", 300_000_000, False)]
    assert read("top", metric="sources", group="ttl") == [Pairs("members", "key", "uint8", 1, True)]
    assert read("top", metric="destinations", group="/8") == [Pairs("members", "key", "int64", 1, False)]
    for words in (
        {"group": "block"}, {"group": "tcp_sequence"}, {"group": "ttl", "pairs": False},
    ):  # fmt: skip
        assert read("top", metric="sources", **words) == [AsTheyCome("members")]
    assert read("series", metric="sources", group="ttl") == [AsTheyCome("members")]  # by two groups
    assert read("series", metric="bytes") == [AsTheyCome("values")]


def test_only_parts_of_one_table_are_read_together() -> None:
    packets, others = TABLES.packets, TABLES.packets.filter(TABLES.packets.ttl > 3)
    parts = {
        "totals": Totals(packets, {"many": packets.count()}),
        "signature": Members(others, "signature", may_lack=True),
        "source": Members(packets, "source"),
        "destination": Members(others, "destination"),
        "rows": Rows(packets),
    }
    found = looks(parts, make_request("count", None), pairs=True)
    assert [look.way for look in found] == [
        Addresses(("source",)), *(AsTheyCome(name) for name in ("totals", "signature", "destination", "rows"))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def store(three_sensors: Path) -> Iterator[Store]:
    with open_store(three_sensors) as opened:
        yield opened


@pytest.fixture
def prepared(store: Store) -> Iterator[HalfEngine]:
    """A daemon's engine, to which every store is large."""
    engine = HalfEngine(store.path, 256 << 20, 1)
    engine._many = 0
    yield engine
    engine.close()


def halves(engine: HalfEngine, store: Store, question: Question) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for name, schema, batches in engine.half(store, question):
        found[name] = pa.Table.from_batches(list(batches), schema).to_pylist()
    return found


def in_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(map(repr, rows))


@pytest.mark.parametrize("metric", ["sources", "destinations"])
@pytest.mark.parametrize("overflow", [False, True])
def test_a_daemon_s_half_is_the_embedded_engine_s(
    store: Store, prepared: HalfEngine, metric: str, overflow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where kernels have too little memory for the pairs, which are the database's then."""
    refused, found_pairs = [], Pairs.found

    def found(self: Pairs, batches: Any, memory: int) -> Any:
        try:
            yield from found_pairs(self, batches, memory)
        except OverflowError as error:
            refused.append(error)
            raise

    monkeypatch.setattr(Pairs, "found", found)
    if overflow:
        monkeypatch.setattr(query_looks, "OCTETS_OF_A_PAIR", 1 << 50)
    embedded = Engine([store], threads=1)
    questions = [Question(plan="series", request=make_request("series", None, metric=metric, bin="1h"))]
    questions += [
        Question(plan="top", request=make_request("top", "not port 9999", metric=metric, group=group))
        for group in (*GROUPS[:: 9 if overflow else 3], "/8")
    ]
    for question in questions:
        expected = {
            name: rows.to_pylist() for name, rows in embedded.partial(store, question.as_plan(), question.request)
        }
        half = halves(prepared, store, question)
        assert half.keys() == expected.keys()
        assert all(in_order(half[name]) == in_order(expected[name]) for name in half), question.request
    assert bool(refused) == overflow
    embedded.close()


def test_pairs_leave_a_daemon_in_batches(store: Store, prepared: HalfEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_looks, "BATCH_ROWS", 100)
    request = make_request("top", None, metric="sources", group="destination_port")
    for _, _, batches in prepared.half(store, Question(plan="top", request=request)):
        sizes = [batch.num_rows for batch in batches]
    assert len(sizes) > 3 and max(sizes) <= 100


def test_a_question_given_up_while_addresses_are_made_is_not_answered(
    store: Store, prepared: HalfEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Distinct.all

    def interrupted(self: Distinct) -> Any:
        prepared.interrupt()
        return whole(self)

    question = Question(plan="count", request=make_request("count", None))
    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(Distinct, "all", interrupted)
        halves(prepared, store, question)
    assert halves(prepared, store, question)["source"]


def test_a_column_that_is_too_large_for_arrow_is_the_database_s(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As DuckDB says of a list of more than 2 GiB, of signatures for one."""
    engine, whole = Engine([store], threads=1, many=0), Engine([store], threads=1)

    def too_large(self: TotalsAndMembers, batches: Any) -> Any:
        with plainly():
            raise duckdb.InvalidInputException(
                "Invalid Input Error: Arrow Appender: The maximum total string size is 2"
            )
        yield

    request = make_request("count", None)
    expected = whole.run(PLANS["count"], request)
    monkeypatch.setattr(TotalsAndMembers, "found", too_large)
    assert engine.run(PLANS["count"], request).equals(expected)
    engine.close()
    whole.close()


def test_a_count_s_half_is_the_same_by_all_ways(store: Store, prepared: HalfEngine) -> None:
    question = Question(plan="count", request=make_request("count", "udp"))
    found = halves(prepared, store, question)
    for many in (0, 1 << 60):
        embedded = Engine([store], threads=1, many=many)
        expected = {name: rows.to_pylist() for name, rows in embedded.partial(store, PLANS["count"], question.request)}
        assert {name: in_order(rows) for name, rows in found.items()} == {n: in_order(r) for n, r in expected.items()}
        embedded.close()
    assert not any(name.endswith(MARKS_PART) for name in found)
