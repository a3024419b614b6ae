"""Engines that stand by for many questions: compiled SQL and what is known of files are kept between them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa

from ims.query.asks import hides
from ims.query.compiled import (
    COUNT_ADDRESSES,
    COUNT_TOTALS,
    MARKED_PACKETS,
    SELECTED,
    TABLES,
    filtered,
    half,
    marking,
    merged,
    part_table,
)
from ims.query.distinct import (
    MARKED,
    MEMBERS,
    OCTETS_OF_AN_ADDRESS,
    as_batches,
    as_marks,
    distinct_addresses,
    merged_count,
    totals_and_signatures,
)
from ims.query.duck import narrow, narrowed, plainly
from ims.query.engine import BATCH_ROWS, WITHOUT_DISK, Engine, Files
from ims.query.part_files import selecting
from ims.query.question import Question
from ims.query.request import Request
from ims.query.shapes import empty

BATCH_OCTETS = 4 << 20
FLUSHED = "8MiB"
"""Freed memory beyond which the database's allocator gives it back."""
LEAST_ROWS = 2048
"""What DuckDB works on at once."""
OCTETS_OF_A_VALUE = {"BLOB": 128, "VARCHAR": 32, "HUGEINT": 16}
"""About, of kinds that don't have 8 at most."""


def batch_rows(kinds: Iterable[str], octets: int) -> int:
    """How many rows of columns of these kinds (DuckDB's) have about so many octets; BATCH_ROWS at most."""
    width = sum(OCTETS_OF_A_VALUE.get(kind, 8) for kind in kinds)
    return min(BATCH_ROWS, max(LEAST_ROWS, octets // max(1, width)))


class HalfEngine(Engine):
    """A sensor's halves of answers, from one store. Not for several threads."""

    def __init__(self, store: Files, memory_bytes: int, threads: int, batch_octets: int = BATCH_OCTETS) -> None:
        """`batch_octets`: of rows of an answer at once, about."""
        settings = {
            "parquet_metadata_cache": True, **WITHOUT_DISK, "allocator_flush_threshold": FLUSHED,
        }  # fmt: skip
        super().__init__([store], memory_bytes, threads, settings=settings)
        self._batch_octets = batch_octets
        self._behind: dict[str, object] = {}
        for table in TABLES:
            self._con.register(f"ims_empty_{table}", empty(table))

    def half(
        self,
        store: Files,
        question: Question,
        marks: bool = False,
    ) -> Iterator[tuple[str, pa.Schema, Iterator[pa.RecordBatch]]]:
        """The parts, each as its batches come: finish one before the next. `marks`: whether dense addresses may be told
        as marks, in parts of their own.

        Raises OSError, MemoryError, InterruptedError.
        """
        self._given_up.clear()
        request = question.request
        filter, hidden = request.filter, request.hidden
        selected = filtered(filter) if filter is not None else f"SELECT * FROM {TABLES['packets']}"  # noqa: S608
        self._check()
        marked = marking(hidden) if hidden is not None and hides(filter) else ""
        self._check()
        parts = half(question)
        self._check()
        asked = [selected, marked, *(sql for _, sql in parts)]
        for table, name in TABLES.items():
            self._put_behind(table, store, request, any(name in sql for sql in asked))
            self._check()
        if marked:
            self._view(MARKED_PACKETS, marked)
            self._check()
        self._view(SELECTED, selected)
        self._check()
        for name, sql in parts:
            self._check()
            with self._plainly():
                rows = self._con.sql(sql)
                reader = rows.to_arrow_reader(batch_rows(map(str, rows.types), self._batch_octets))
            try:
                if name == COUNT_TOTALS:
                    totals = narrowed(reader, narrow(reader.schema.empty_table()).schema, self._all_files())
                    yield from totals_and_signatures(self._checked(totals))
                    continue
                if name == COUNT_ADDRESSES:
                    with within_memory():
                        found = distinct_addresses(
                            self._checked(narrowed(reader, reader.schema, self._all_files())),
                            self._memory // OCTETS_OF_AN_ADDRESS,
                        )
                    for end, addresses in zip(("source", "destination"), found, strict=True):
                        dense = addresses.dense() if marks else {}
                        self._check()
                        with within_memory():
                            others = addresses.all()
                        yield end, MEMBERS, as_batches(others)
                        if marks:
                            yield f"{end}.marks", MARKED, as_marks(dense)
                    continue
                schema = narrow(reader.schema.empty_table()).schema
                yield name, schema, self._checked(narrowed(reader, schema, self._all_files()))
            finally:
                reader.close()

    def _checked(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches until the question is given up: DuckDB forgets that it was interrupted if it isn't at work, as
        while a batch is waited for by nobody."""
        for batch in batches:
            self._check()
            yield batch

    def _put_behind(self, table: str, store: Files, request: Request, asked: bool) -> None:
        """Have a table's name stand for the files that may hold rows of the range; of packets, for those rows alone.
        `asked`: it will be read."""
        files_of = self.whole_files if asked else self.files_of
        files = self._files[table] = files_of(table, store, request.since, request.until)
        sql = selecting(table, files) if files else f"SELECT * FROM ims_empty_{table}"  # noqa: S608  # ours
        if table == "packets":
            limits = [f"epoch_us(time) >= {request.since:d}"] if request.since is not None else []
            limits += [f"epoch_us(time) < {request.until:d}"] if request.until is not None else []
            sql = f"SELECT * FROM ({sql}) WHERE {' AND '.join(limits)}" if limits else sql  # noqa: S608  # ours
        self._view(TABLES[table], sql)

    def _view(self, name: str, sql: str) -> None:
        if self._behind.get(name) != sql:
            self._behind.pop(name, None)
            with self._plainly():
                self._con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")
            self._behind[name] = sql


class MergeEngine(Engine):
    """The merging halves, over what sensors sent. Not for several threads."""

    def __init__(self, memory_bytes: int, threads: int | None = None) -> None:
        super().__init__([], memory_bytes, threads, settings=WITHOUT_DISK)

    def merged(
        self, question: Question, schemas: Mapping[str, pa.Schema], gathered: Mapping[str, Sequence[pa.Table]]
    ) -> pa.Table:
        """The answer. `gathered`: tables of each part, which has none where no sensor answered. Raises MemoryError, and
        InterruptedError after `interrupt`."""
        self._given_up.clear()
        if question.plan == "count":
            return merged_count(gathered)
        sql = merged(question, schemas)
        names = [part_table(name) for name in schemas]
        try:
            with plainly():
                for name, schema in schemas.items():
                    tables = list(gathered.get(name, ())) or [schema.empty_table()]
                    self._con.register(part_table(name), pa.concat_tables(tables))
                self._check()
                return narrow(self._con.sql(sql).to_arrow_table())
        finally:
            for name in names:
                self._forget_table(name)

    def _forget_table(self, name: str) -> None:
        """However often it is interrupted: a deadline goes on doing so until the question has ended."""
        while True:
            try:
                self._con.unregister(name)
            except duckdb.InterruptException:
                continue
            return


@contextlib.contextmanager
def within_memory() -> Iterator[None]:
    """More addresses than memory has room for are a MemoryError, as DuckDB's are."""
    try:
        yield
    except OverflowError as error:
        raise MemoryError(f"the question needs more memory than it may have: {error}") from error
