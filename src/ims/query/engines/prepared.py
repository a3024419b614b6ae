"""Engines that stand by for many questions: compiled SQL and what is known of files are kept between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from ims import arrow
from ims.query.distinct.address_set import counted_members
from ims.query.engines.duckdb import BATCH_ROWS, WITHOUT_DISK, Engine, Files
from ims.query.engines.duckdb_adapter import narrow, plainly
from ims.query.engines.parquet_files import selecting
from ims.query.engines.part_reader import AsTheyCome, Found
from ims.query.engines.sql_cache import (
    MARKED_PACKETS,
    SELECTED,
    TABLES,
    LookSql,
    filtered,
    half,
    marking,
    merged,
    part_table,
)
from ims.query.language.columns import hides
from ims.query.plans.part import MARKS_PART
from ims.query.plans.plan import COUNTS, OF_MEMBERS
from ims.query.plans.tables import empty
from ims.query.question import Question
from ims.query.request import Request

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
    """A sensor's halves of answers, from the store in a folder. Not for several threads."""

    def __init__(self, folder: Path, memory_bytes: int, threads: int, batch_octets: int = BATCH_OCTETS) -> None:
        """`batch_octets`: of rows of an answer at once, about."""
        settings = {
            "parquet_metadata_cache": True, **WITHOUT_DISK, "allocator_flush_threshold": FLUSHED,
        }  # fmt: skip
        super().__init__([], memory_bytes, threads, settings=settings, folders=[folder])
        self._batch_octets = batch_octets
        self._behind: dict[str, object] = {}
        for table in TABLES:
            self._con.register(f"ims_empty_{table}", empty(table))

    def half(self, store: Files, question: Question, marks: bool = False) -> Found:
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
        asked = half(question, request.metric in OF_MEMBERS and self._is_large(store, request))
        self._check()
        read = [selected, marked, *(look.sql for look in asked)]
        for table, name in TABLES.items():
            self._put_behind(table, store, request, any(name in sql for sql in read))
            self._check()
        if marked:
            self._view(MARKED_PACKETS, marked)
            self._check()
        self._view(SELECTED, selected)
        self._check()
        for look in asked:
            self._check()
            yield from self._look(look, marks)

    def _look(self, look: LookSql, marks: bool) -> Found:
        with self._plainly():
            rows = self._con.sql(look.sql)
            reader = rows.to_arrow_reader(batch_rows(map(str, rows.types), self._batch_octets))
        try:
            yield from self._found(look.way, reader, marks)
            return
        except OverflowError as error:
            if not look.instead:
                raise MemoryError(f"the question needs more memory than it may have: {error}") from error
        finally:
            reader.close()
        for name, sql in look.instead:  # nothing of it was told
            yield from self._look(LookSql(sql, AsTheyCome(name)), marks)

    def _memory_of_addresses(self, columns: int) -> int:
        """As Engine, but the database puts nothing aside for it: what has no room here is refused."""
        return self._memory

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
        alone = [name for name, schema in schemas.items() if schema.names == ["member"]]
        known = {name: schema for name, schema in schemas.items()
                 if name not in alone and not name.endswith(MARKS_PART)}  # fmt: skip
        if alone:
            known[COUNTS] = pa.schema([(name, pa.int64()) for name in alone])
        sql = merged(question, known)
        names = [part_table(name) for name in known]
        try:
            with plainly():
                if alone:
                    counts = counted_members({name: schemas[name] for name in alone}, gathered)
                    row = pa.table({name: arrow.column([count], pa.int64()) for name, count in counts.items()})
                    gathered = {**gathered, COUNTS: [row]}
                for name, schema in known.items():
                    rows = pa.concat_tables(list(gathered.get(name, ())) or [schema.empty_table()])
                    self._con.register(part_table(name), rows)
                self._check()
                found = self._con.sql(sql).to_arrow_table()
        finally:
            for name in names:
                self._forget_table(name)
        try:
            return narrow(found)
        except pa.ArrowInvalid as error:
            raise OSError("sum exceeds 64 bits: their sums have more than 64 bits") from error

    def _forget_table(self, name: str) -> None:
        """However often it is interrupted: a deadline goes on doing so until the question has ended."""
        while True:
            try:
                self._con.unregister(name)
            except duckdb.InterruptException:
                continue
            return
