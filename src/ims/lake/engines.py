"""Engines over a lake: DuckDB in this process, or Spark. Both run the plans that stores are asked with.

DuckDB reads a folder's files itself. Those of a bucket come through PyArrow's file system, as the rest of the lake
does: DuckDB's own S3 client is an extension that it would have to download. (Measured, 450,000 packets in 24 files,
two questions: 0.14 s from a folder, 0.9 s from a bucket on the same machine.)
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl

import pyarrow as pa

from ims.lake.config import LakeConfig
from ims.lake.lake import Lake
from ims.query.engines.duckdb import Engine
from ims.query.plans.plan import Plan
from ims.query.plans.tables import described_as, empty
from ims.query.request import Request
from ims.store.schema import stored_schema


class LakeEngine(Protocol):
    """What answers need of an engine."""

    def run(self, plan: Plan, request: Request) -> pa.Table:
        """The answer to a request, over the whole lake."""
        ...

    def partial(self, store: Any, plan: Plan, request: Request) -> Generator[tuple[str, pa.Table], None, None]:
        """The first half of an answer, over a view of the lake. Close it if it isn't taken whole."""
        ...

    def interrupt(self) -> None:
        """Stop what runs, from any thread: it raises InterruptedError."""
        ...

    def close(self) -> None:
        """Let go of what was held."""
        ...


class BucketEngine(Engine):
    """DuckDB over a bucket's files."""

    def __init__(
        self,
        lake: Lake,
        memory_bytes: int | None = None,
        threads: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__([cast(Any, lake)], memory_bytes, threads, settings=settings)
        self._filesystem = lake.filesystem
        # Of the whole lake: near enough for choosing how to answer, and the bucket need not be asked file by file.
        self._size = lake.octets("packets")

    def _octets(self, files: Sequence[Any]) -> int:
        return self._size if files else 0

    def _table(self, table: str, files: Sequence[Any]) -> Any:
        if not files:
            return super()._table(table, [])
        import pyarrow.dataset as ds

        folders = pa.schema([(name, pa.string()) for name in ("sensor", "date", "hour")])
        columns = pa.schema([*stored_schema(table), *folders])
        # Not read whole beforehand, as a folder's are: that would be the bucket's traffic once more.
        pages = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
        rows = ds.dataset(
            list(map(str, files)),
            columns,
            ds.ParquetFileFormat(default_fragment_scan_options=pages),
            self._filesystem,
            ds.partitioning(folders, flavor="hive"),
        )
        name = self._new_name(table)
        self._con.register(f"{name}_files", rows)
        listed = ", ".join(f'"{column}"' for column in empty(table).column_names)
        self._con.execute(f"CREATE TEMP VIEW {name} AS SELECT {listed} FROM {name}_files")  # noqa: S608  # ours
        return described_as(name, empty(table).schema)


class SparkFiles:
    """A lake's files as Spark names them: paths, or `s3a://bucket/key`."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._begin = "" if isinstance(lake.path, Path) else "s3a://"
        self.path: Any = lake.path if isinstance(lake.path, Path) else f"s3a://{lake.path}".rstrip("/")

    def files(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[Any]:
        """As the lake's."""
        found = self._lake.files(table, since_us, until_us)
        return [f"{self._begin}{file}" for file in found] if self._begin else list(found)

    def refuse_damage(self, files: Iterable[Any]) -> None:
        """As the lake's."""
        self._lake.refuse_damage(files)


def engine_of(lake: Lake, config: LakeConfig, settings: Mapping[str, Any] | None = None) -> LakeEngine:
    """An engine over a lake. `settings`: more of DuckDB's, where it is DuckDB. Raises OSError or ValueError where there
    is no Spark, as `spark_session` does."""
    if config.engine == "spark":
        from ims.query.engines.spark import SparkEngine

        return SparkEngine(SparkFiles(lake), _with_bucket(config, lake))
    if isinstance(lake.path, Path):
        return Engine([cast(Any, lake)], config.memory, config.threads, settings=settings)
    return BucketEngine(lake, config.memory, config.threads, settings)


def seen_by(lake: Lake, config: LakeConfig) -> Any:
    """A view of a lake as an engine's `partial` takes it."""
    return SparkFiles(lake) if config.engine == "spark" else lake


def _with_bucket(config: LakeConfig, lake: Lake) -> Any:
    """Spark's settings, with where the bucket is; what the configuration says goes first."""
    if isinstance(lake.path, Path):
        return config.spark
    options = dict(parse_qsl(lake.uri.partition("?")[2]))
    said = {"spark.hadoop.fs.s3a.path.style.access": "true"}
    if "endpoint_override" in options:
        said["spark.hadoop.fs.s3a.endpoint"] = options["endpoint_override"]
    if "region" in options:
        said["spark.hadoop.fs.s3a.endpoint.region"] = options["region"]
    return config.spark.model_copy(update={"properties": said | config.spark.properties})
