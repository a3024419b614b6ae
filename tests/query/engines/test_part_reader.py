"""How parts are read: few looks at the store, and the same parts whoever tells what is distinct."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ims.query.distinct import near_totals, pair_set, radix_sort, sort_kernels, sorted_runs
from ims.query.distinct.address_set import Distinct
from ims.query.engines import pair_ways
from ims.query.engines.duckdb import Engine
from ims.query.engines.duckdb_adapter import plainly
from ims.query.engines.pair_ways import Pairs
from ims.query.engines.part_reader import load_kernels, looks
from ims.query.engines.part_ways import Addresses, AsTheyCome, TotalsAndMembers
from ims.query.engines.prepared import HalfEngine
from ims.query.plans.part import MARKS_PART, Members, Rows, Totals
from ims.query.plans.plan import PLANS, Tables, epoch_us
from ims.query.plans.tables import described_as, empty
from ims.query.question import Question, about
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
    assert read("series", metric="sources", bin="1h", group="destination/8") == [AsTheyCome("members")]
    by_prefix = Pairs("members", "bin", "int64", 3_600_000_000, False, 8)
    assert read("series", metric="sources", bin="1h", group="source/8") == [by_prefix]
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

    def found(self: Pairs, batches: Any, memory: int, counted: bool = False) -> Any:
        try:
            yield from found_pairs(self, batches, memory, counted)
        except OverflowError as error:
            refused.append(error)
            raise

    monkeypatch.setattr(Pairs, "found", found)
    if overflow:
        monkeypatch.setattr(pair_ways, "OCTETS_OF_A_PAIR", 1 << 50)
    embedded = Engine([store], threads=1)
    bins = [{"bin": "1h"}, {"bin": "1h", "group": f"{metric[:-1]}/12"}, {"bin": "1w"}]
    questions = [
        Question(plan="series", request=make_request("series", None, metric=metric, **words)) for words in bins
    ]
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
    monkeypatch.setattr(pair_ways, "BATCH_ROWS", 100)
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


def test_kernels_are_loaded_for_all_that_a_daemon_calls_them_with(
    store: Store, prepared: HalfEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or one is compiled while somebody waits for an answer, if what was compiled isn't readable by then."""
    called: set[tuple[Any, ...]] = set()

    def noting(kernel: Any) -> Any:
        def note(*words: Any) -> Any:
            kinds = [(each.dtype, each.ndim, each.flags.writeable) for each in words if isinstance(each, np.ndarray)]
            called.add((kernel.__module__, kernel.__name__, *kinds))
            return kernel(*words)

        return note

    for module, name in ((pair_set, "pack"), (sort_kernels, "merge"), (sorted_runs, "merge"), (sorted_runs, "once"),
                         (radix_sort, "sort_by_digits"), (near_totals, "pack"), (near_totals, "add_up")):  # fmt: skip
        monkeypatch.setattr(module, name, noting(getattr(module, name)))
    load_kernels()
    loaded = called.copy()
    called.clear()
    monkeypatch.setattr(sorted_runs, "AT_ONCE", 100)
    for question in (
        Question(plan="series", request=make_request("series", None, metric="sources", bin="1h")),
        Question(plan="local", request=make_request("local", None)),
        about("counted", make_request("sources", None), "source", list(range(100)), "destination"),
    ):
        halves(prepared, store, question)
    assert len({name for _, name, *_ in called}) == 5
    assert called <= loaded


def test_a_count_s_half_is_the_same_by_all_ways(store: Store, prepared: HalfEngine) -> None:
    question = Question(plan="count", request=make_request("count", "udp"))
    found = halves(prepared, store, question)
    for many in (0, 1 << 60):
        embedded = Engine([store], threads=1, many=many)
        expected = {name: rows.to_pylist() for name, rows in embedded.partial(store, PLANS["count"], question.request)}
        assert {name: in_order(rows) for name, rows in found.items()} == {n: in_order(r) for n, r in expected.items()}
        embedded.close()
    assert not any(name.endswith(MARKS_PART) for name in found)


@pytest.mark.parametrize("overflow", [False, True])
def test_nearness_by_kernels_is_the_database_s(
    store: Store, prepared: HalfEngine, overflow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where kernels have too little memory."""
    question = Question(plan="local", request=make_request("local", "not port 9999"))
    kernels, database = Engine([store], threads=1, many=0), Engine([store], threads=1)
    expected = database.run(question.as_plan(), question.request)
    half = {name: rows.to_pylist() for name, rows in database.partial(store, question.as_plan(), question.request)}
    if overflow:
        monkeypatch.setattr(pair_ways, "OCTETS_OF_A_PAIR", 1 << 50)
    assert kernels.run(question.as_plan(), question.request).equals(expected)
    found = halves(prepared, store, question)
    assert found.keys() == half.keys() == {"values"}
    assert in_order(found["values"]) == in_order(half["values"])
    kernels.close()
    database.close()


@pytest.mark.parametrize(
    "words",
    [
        {"group": "ttl"}, {"group": "source/12"}, {"group": "source/32"}, {"bin": "10m"}, {"bin": "1w"},
        {"bin": "10m", "group": "source/12"}, {"bin": "2w", "group": "source/32"},
    ],
    ids=str,
)  # fmt: skip
def test_one_store_s_groups_are_counted_by_kernels_as_by_the_database(store: Store, words: dict[str, str]) -> None:
    kernels, database = Engine([store], threads=1, many=0), Engine([store], threads=1)
    verb: Any = "series" if "bin" in words else "top"
    request = make_request(verb, "not port 9999", metric="sources", **words)
    found = kernels.run(PLANS[verb], request)
    assert found.num_rows > (0 if words.get("bin") == "1w" else 5)
    assert found.equals(database.run(PLANS[verb], request))
    kernels.close()
    database.close()


@pytest.mark.parametrize("overflow", [False, True])
@pytest.mark.parametrize(
    ("key", "other"), [("signature", "source"), ("source", "destination"), ("source", "destination_port")]
)
def test_addresses_of_chosen_values_by_kernels_are_the_database_s(
    store: Store, prepared: HalfEngine, key: Any, other: Any, overflow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few values, which are compared one by one, and of many, of which some aren't there, and some are named twice.
    Ports aren't addresses: they are the database's in any case."""
    kernels, database = Engine([store], threads=1, many=0), Engine([store], threads=1)
    verb: Any = "payloads" if key == "signature" else "sources"
    ranked = Question(plan="ranked", request=make_request(verb, None, limit=100), key=key)
    there = database.run(ranked.as_plan(), ranked.request).column(key).to_pylist()
    absent = [n.to_bytes(16, "big") if key == "signature" else 0xFFFF_FF00 + n for n in range(70)]
    assert len(there) > 50
    if overflow:
        monkeypatch.setattr(pair_ways, "OCTETS_OF_A_PAIR", 1 << 50)
    for chosen in ([], there[:3], [*there[3:], *absent, *there[3:9]]):
        question = about("counted", make_request(verb, "not port 9999"), key, chosen, other)
        expected = database.run(question.as_plan(), question.request)
        found = kernels.run(question.as_plan(), question.request)
        assert found.schema == expected.schema
        assert in_order(found.to_pylist()) == in_order(expected.to_pylist())
        assert bool(found.num_rows) == bool(chosen)
        half = dict(database.partial(store, question.as_plan(), question.request))
        assert dict(kernels.partial(store, question.as_plan(), question.request))["members"].schema == (
            half["members"].schema
        )
        mine = halves(prepared, store, question)
        assert mine.keys() == half.keys() and in_order(mine["members"]) == in_order(half["members"].to_pylist())
    kernels.close()
    database.close()
