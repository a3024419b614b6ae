"""The engine for more than one machine: each plan whole on Apache Spark, over files laid out as in a store.

The answer is DuckDB's: the same rows, in the same order, of the same types. Ibis compiles the plan for Spark too. Spark
reads Parquet's unsigned numbers as wider signed ones, so an answer is cast to DuckDB's types for tables without rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from ims.query.engines.duckdb import Engine, Files, stored_files
from ims.query.engines.spark_errors import spark_errors, unless_gone
from ims.query.engines.spark_session import SparkSettings, spark_session
from ims.query.engines.sql_compiler import to_sql
from ims.query.plans.plan import Plan, Tables
from ims.query.plans.tables import FILES, described_as, empty
from ims.query.request import Request

KINDS: dict[pa.DataType, tuple[str, str]] = {
    pa.uint8(): ("int16", "SMALLINT"),
    pa.uint16(): ("int32", "INT"),
    pa.uint32(): ("int64", "BIGINT"),
    pa.uint64(): ("decimal(20, 0)", "DECIMAL(20, 0)"),
    pa.bool_(): ("boolean", "BOOLEAN"),
    pa.string(): ("string", "STRING"),
    pa.binary(): ("binary", "BINARY"),
    pa.binary(16): ("binary", "BINARY"),
    pa.date32(): ("date", "DATE"),
    pa.timestamp("us", "UTC"): ("timestamp('UTC')", "TIMESTAMP"),
}
"""Each type of a stored column -> the type that Spark reads, in Ibis and in Spark."""
PARTITIONS = ("sensor", "date", "hour")
"""Columns from folders' names."""


@ibis.udf.scalar.builtin(name="unix_micros")  # type: ignore[untyped-decorator]
def unix_micros(moment: ibis.dtype("timestamp('UTC')")) -> int:  # type: ignore[valid-type]
    """Microseconds since the epoch, as Spark names it; DuckDB's is `epoch_us`."""
    return 0


class SparkEngine:
    """Runs plans over a lake. For one thread at a time; `interrupt` is for any. Raises what `spark_session` raises."""

    def __init__(self, lake: Files, settings: SparkSettings | None = None) -> None:
        self._lake = lake
        settings = settings or SparkSettings()
        self._spark, self._properties = spark_session(settings), settings.properties
        self._shapes = Engine([], threads=1)
        self._views: list[str] = []
        self._tag = f"ims-{uuid.uuid4().hex}"

    def run(self, plan: Plan, request: Request) -> pa.Table:
        """The answer to a request. Raises OSError where a file or Spark fails, InterruptedError after `interrupt`."""
        shape = self._shapes.schema(plan, request)
        try:
            parts = plan.partial(self._tables(self._lake, request), request)
            return self._arrow(plan.merge({n: part.expression for n, part in parts.items()}, request, True), shape)
        finally:
            self._forget()

    def partial(self, store: Files, plan: Plan, request: Request) -> Generator[tuple[str, pa.Table], None, None]:
        """The first half of the answer, part by part. Raises as `run`."""
        shapes = self._shapes.schemas(plan, request)
        try:
            for name, part in plan.partial(self._tables(store, request), request).items():
                yield name, self._arrow(part.expression, shapes[name])
        finally:
            self._forget()

    def interrupt(self) -> None:
        """Stop what runs, from any thread: it raises InterruptedError."""
        with unless_gone():
            self._spark.sparkContext.cancelJobGroup(self._tag)

    @property
    def version(self) -> str:
        """Spark's version."""
        return str(self._spark.version)

    def close(self) -> None:
        """Release the questions' resources; Spark stays for the next ones (see `stop_spark`)."""
        self._forget()
        self._shapes.close()

    def _arrow(self, expression: Any, shape: pa.Schema) -> pa.Table:
        sql = to_sql(expression, "pyspark")
        with spark_errors("Spark can't answer", self._properties):
            self._spark.sparkContext.setJobGroup(self._tag, "a question", interruptOnCancel=True)
            found = self._spark.sql(sql).toArrow()
        return found.select(shape.names).cast(shape)

    def _tables(self, store: Files, request: Request) -> Tables:
        def opened(table: str) -> Any:
            if table == FILES:
                return self._registered(stored_files(store, request.since, request.until))
            return self._table(table, store.path, Engine.whole_files(table, store, request.since, request.until))

        return Tables(opened, unix_micros)

    def _registered(self, rows: pa.Table) -> Any:
        name = f"ims_{FILES}_{uuid.uuid4().hex}"
        kinds = {pa.string(): "STRING", pa.int64(): "BIGINT"}
        columns = ", ".join(f"`{field.name}` {kinds[field.type]}" for field in rows.schema)
        values = [tuple(row.values()) for row in rows.to_pylist()]
        with spark_errors("Spark can't read the lake's ledgers", self._properties):
            self._spark.createDataFrame(values, columns).createOrReplaceTempView(name)
        self._views.append(name)
        return described_as(name, rows.schema)

    def _table(self, table: str, root: Path | str, files: Sequence[Path | str]) -> Any:
        name = f"ims_{table}_{uuid.uuid4().hex}"
        kinds = {field.name: KINDS[field.type] for field in empty(table).schema}
        with spark_errors("Spark can't read the lake", self._properties):
            self._read(table, root, files, kinds).createOrReplaceTempView(name)
        self._views.append(name)
        return ibis.table({column: kind for column, (kind, _) in kinds.items()}, name=name)

    def _read(
        self, table: str, root: Path | str, files: Sequence[Path | str], kinds: dict[str, tuple[str, str]]
    ) -> Any:
        if not files:
            nulls = [f"CAST(NULL AS {kind}) AS `{column}`" for column, (_, kind) in kinds.items()]
            return self._spark.range(0).selectExpr(*nulls)
        columns = {column: kind for column, (_, kind) in kinds.items()} | dict.fromkeys(PARTITIONS, "STRING")
        reader = self._spark.read.schema(", ".join(f"`{column}` {kind}" for column, kind in columns.items()))
        # Names aren't patterns: a folder may be called [a]*.
        reader = reader.option("basePath", f"{_named(root)}/{table}").option("__globPaths__", "false")
        rows = reader.parquet(*map(_named, files))
        if (found := len(rows._jdf.inputFiles())) != len(files):  # Spark itself ignores missing files
            raise OSError(f"the lake can't be read: {len(files) - found} of {len(files)} files of {table} aren't there")
        return rows.select(*kinds)

    def _forget(self) -> None:
        with unless_gone():
            while self._views:
                self._spark.catalog.dropTempView(self._views.pop())
        self._views.clear()


def _named(path: Path | str) -> str:
    """Hadoop's name of a path; without `file:` it might look elsewhere."""
    return f"file://{path}" if isinstance(path, Path) else path
