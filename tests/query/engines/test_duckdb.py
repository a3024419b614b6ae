"""The engine reads the stores and nothing else, whatever SQL a plan that went wrong might hold."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ims.query.distinct.sorted_runs import SortedRuns
from ims.query.engines import pair_ways
from ims.query.engines.duckdb import Engine
from ims.query.engines.pair_ways import Pairs
from ims.query.plans.plan import PLANS, Plan
from ims.query.request import make_request
from ims.store.reader import Store, open_store

from ...made.sample import write_sample
from ...stores import ingest
from .interrupted import interrupted_again_and_again


@pytest.fixture(scope="module")
def store(one_store: Path) -> Iterator[Store]:
    with open_store(one_store) as store:
        yield store


@pytest.fixture
def engine(store: Store) -> Iterator[Engine]:
    engine = Engine([store])
    yield engine
    engine.close()


def sql(engine: Engine, text: str) -> Any:
    return engine._con.execute(text).fetchall()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd', delim=':')",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
        "COPY (SELECT 1) TO '/tmp/ims_must_not_appear.csv'",
        "ATTACH '/tmp/ims_must_not_appear.db' AS other",
        "EXPORT DATABASE '/tmp/ims_must_not_appear'",
        "INSTALL httpfs",
        "LOAD '/tmp/evil.duckdb_extension'",
    ],
)
def test_what_is_outside_of_the_store_is_refused(engine: Engine, text: str) -> None:
    with pytest.raises(duckdb.PermissionException):
        sql(engine, text)
    assert not list(Path("/tmp").glob("ims_must_not_appear*"))


def test_extensions_of_others_are_not_loaded(engine: Engine) -> None:
    with pytest.raises((duckdb.PermissionException, duckdb.IOException)):
        sql(engine, "LOAD httpfs")


@pytest.mark.parametrize(
    "text",
    [
        "SET enable_external_access = true",
        "SET memory_limit = '900GB'",
        "SET threads = 64",
        "SET allowed_directories = ['/']",
        "SET allow_unsigned_extensions = true",
        "PRAGMA threads = 64",
        "RESET lock_configuration",
        "SET TimeZone = 'Asia/Tokyo'",
    ],
)
def test_the_configuration_is_locked(engine: Engine, text: str) -> None:
    with pytest.raises((duckdb.InvalidInputException, duckdb.PermissionException)):
        sql(engine, text)


def test_a_neighbour_of_the_store_is_refused(tmp_path: Path, one_store: Path) -> None:
    inside = shutil.copytree(one_store, tmp_path / "store")
    beside = shutil.copytree(one_store / "packets", tmp_path / "store2")
    part = next(beside.rglob("*.parquet"))
    with open_store(inside) as store:
        engine = Engine([store])
        assert sql(engine, f"SELECT count(*) > 0 FROM '{next(inside.rglob('*.parquet'))}'") == [(True,)]
        for path in (part, inside / ".." / "store2" / part.relative_to(beside)):
            with pytest.raises(duckdb.PermissionException):
                sql(engine, f"SELECT count(*) FROM '{path}'")
        engine.close()


def test_a_quote_in_the_folder_s_name_is_a_quote(tmp_path: Path, one_store: Path) -> None:
    folder = shutil.copytree(one_store, tmp_path / "it's a 'store'; -- ä")
    with open_store(folder) as store:
        engine = Engine([store])
        assert engine.run(PLANS["count"], make_request("count", None)).column("packets").to_pylist() == [3000]
        engine.close()


def test_memory_and_threads_are_as_asked(store: Store) -> None:
    engine = Engine([store], memory_bytes=512 << 20, threads=1)
    assert sql(engine, "SELECT current_setting('memory_limit'), current_setting('threads')") == [("512.0 MiB", 1)]
    engine.close()


def test_the_clock_is_utc(engine: Engine) -> None:
    assert sql(engine, "SELECT current_setting('TimeZone')") == [("UTC",)]


def test_questions_leave_no_views_behind(engine: Engine) -> None:
    for _ in range(3):
        engine.run(PLANS["count"], make_request("count", None))
        with pytest.raises(TypeError):
            engine.run(
                Plan(lambda tables, request: tables.packets / 0, PLANS["count"].merge), make_request("count", None)
            )
    assert sql(engine, "SELECT view_name FROM duckdb_views() WHERE NOT internal") == []


def test_partial_answers_over_the_budget_are_refused_with_what_would_fit(three_stores: list[Path]) -> None:
    stores = [open_store(path) for path in three_stores]
    engine = Engine(stores, partial_rows=100)
    with pytest.raises(ValueError, match="more than 100 partial rows; ask for a shorter time") as refused:
        engine.run(PLANS["count"], make_request("count", None))
    assert str(three_stores[0]) in str(refused.value)
    hours = engine.run(PLANS["series"], make_request("series", None))
    assert sum(hours.column("value").to_pylist()) > 3000
    assert hours.num_rows == 24
    engine.close()
    for store in stores:
        store.close()


def test_sums_are_64_bit_integers(engine: Engine) -> None:
    table = engine.run(PLANS["count"], make_request("count", None))
    assert {str(field.type) for field in table.schema} == {"int64"}


def test_the_version_is_duckdb_s(engine: Engine) -> None:
    assert engine.version == f"v{duckdb.__version__}"


def test_more_addresses_than_memory_allows_are_left_to_the_database(
    store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def found(self: Pairs, batches: Any, memory: int, counted: bool) -> Any:
        try:
            yield from whole(self, batches, memory, counted)
        except OverflowError as error:
            refused.append(str(error))
            raise

    whole = Pairs.found
    monkeypatch.setattr(Pairs, "found", found)
    monkeypatch.setattr(pair_ways, "OCTETS_OF_A_PAIR", 1 << 50)
    small = Engine([store], many=0)
    for verb, words in (("series", {"metric": "sources"}), ("top", {"group": "destination_port", "metric": "sources"})):
        asked = PLANS[verb], make_request(verb, None, **words)
        assert small.run(*asked).equals(engine.run(*asked))
    assert [line.partition("; ")[2] for line in refused] == ["at most 0 are counted"] * 2
    small.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Enough for several batches of DuckDB's."""
    folder = tmp_path_factory.mktemp("large")
    write_sample(folder / "dark.pcap", packets=300_000, seed=3)
    with open_store(ingest(folder / "STORE", folder / "dark.pcap")) as store:
        yield store


def test_a_number_that_fits_no_pair_in_the_first_of_several_batches(large: Store) -> None:
    kernels, database = Engine([large], many=0), Engine([large])
    asked = PLANS["series"], make_request("series", None, metric="sources", bin="1ms")
    assert kernels.run(*asked).equals(database.run(*asked))
    for engine in (kernels, database):
        engine.close()


@pytest.mark.parametrize("when", ["room", "all"])
def test_a_question_is_given_up_while_addresses_are_told_apart(
    large: Store, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    engine, whole = Engine([large], many=0), getattr(SortedRuns, when)

    def interrupted(self: SortedRuns, *words: Any) -> Any:
        other = threading.Thread(target=engine.interrupt)
        other.start()
        other.join()
        return whole(self, *words)

    asked = PLANS["series"], make_request("series", None, metric="sources")
    with monkeypatch.context() as patch, pytest.raises(InterruptedError, match="given up"):
        patch.setattr(SortedRuns, when, interrupted)
        engine.run(*asked)
    assert engine.run(*asked).num_rows == 24
    assert sql(engine, "SELECT view_name FROM duckdb_views() WHERE NOT internal") == []
    engine.close()


def test_what_can_not_be_put_aside_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a command runs in a folder that it may not write to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".tmp").touch()
    engine = Engine([], 64 << 20, 1)
    numbers = engine._register(pa.table({"number": np.random.default_rng(1).integers(0, 1 << 60, 6_000_000)}))
    with pytest.raises(MemoryError, match="and the rest can't be put aside in "):
        engine.arrow(numbers.mutate(other=numbers.number + 1).order_by("other"))
    engine.close()


def test_what_is_interrupted_is_not_taken_for_broken(store: Store) -> None:
    """A deadline interrupts until its question has ended, and so while the engine is looked at afterwards."""
    engine = Engine([store])
    with interrupted_again_and_again(engine):
        assert not any(engine.broken for _ in range(500))
    engine.close()
    engine.interrupt()  # too late for anything
