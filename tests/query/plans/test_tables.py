"""A store's tables without a store are those that a store writes."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ims.query.engines.sql_compiler import to_sql
from ims.query.plans.tables import described_as, empty
from ims.records import TABLES


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_nothing_has_a_store_s_columns_and_the_sensor(table: str) -> None:
    found = empty(table)
    assert found.num_rows == 0
    assert found.column_names == [*(column.name for column in TABLES[table]), "sensor"]
    assert not [field for field in found.schema if pa.types.is_dictionary(field.type)]


@pytest.mark.parametrize("table", ["packets", "payloads", "coverage"])
def test_the_database_reads_a_store_s_files_as_the_same_types(table: str, one_store: Path) -> None:
    """Plans are compiled over what is empty, and run over what was written."""
    [file, *_] = sorted((one_store / table).rglob("*.parquet"))
    assert set(pq.read_schema(file).names) <= set(empty(table).column_names)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        written = connection.sql(f"FROM read_parquet('{file}', hive_partitioning = false)")
        connection.register("nothing", empty(table))
        described = connection.sql("FROM nothing")
        types = dict(zip(described.columns, described.types, strict=True))
        for name, kind in zip(written.columns, written.types, strict=True):
            assert types[name] == kind, name


@pytest.mark.parametrize("table", TABLES)
def test_a_plan_s_sql_over_a_description_runs_over_the_table(table: str) -> None:
    """Octets of a fixed size, which Ibis doesn't know, among the columns."""
    described = described_as("given", empty(table).schema)
    assert described.columns == tuple(empty(table).column_names)
    with duckdb.connect() as connection:
        connection.register("given", empty(table))
        assert connection.sql(to_sql(described.count())).fetchall() == [(0,)]
        assert connection.sql(to_sql(described)).columns == list(described.columns)


def test_a_table_that_no_store_has_is_none() -> None:
    with pytest.raises(KeyError):
        empty("passwords")
