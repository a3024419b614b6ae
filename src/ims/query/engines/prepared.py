"""Engines for many questions: compiled SQL and metadata of files are kept between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from ims import arrow, records
from ims.query.distinct.address_set import counted_members
from ims.query.engines import sql_cache
from ims.query.engines.duckdb import BATCH_ROWS, WITHOUT_DISK, Engine, Files, stored_files
from ims.query.engines.duckdb_adapter import narrow, plainly
from ims.query.engines.parquet_files import selecting
from ims.query.engines.part_ways import AsTheyCome, Found
from ims.query.engines.sql_cache import MARKED_PACKETS, SELECTED, TABLES, LookSql, part_table
from ims.query.language.columns import hides
from ims.query.plans.part import MARKS_PART
from ims.query.plans.plan import COUNTS, OF_MEMBERS
from ims.query.plans.tables import FILES, empty
from ims.query.question import Question
from ims.query.request import Request

BATCH_OCTETS = 4 << 20
FLUSHED = "8MiB"
"""Freed memory from which on the database's allocator returns it."""
LEAST_ROWS = 2048
"""DuckDB's vector size."""
OCTETS_OF_A_VALUE = {"BLOB": 128, "VARCHAR": 32, "HUGEINT": 16}
"""About, of types that have more than 8."""


def batch_rows(kinds: Iterable[str], octets: int) -> int:
    """How many rows of columns of these types (DuckDB's) have about so many octets; BATCH_ROWS at most."""
    width = sum(OCTETS_OF_A_VALUE.get(kind, 8) for kind in kinds)
    return min(BATCH_ROWS, max(LEAST_ROWS, octets // max(1, width)))


class HalfEngine(Engine):
    """A sensor's halves of answers, from the store in a folder. For one thread at a time."""

    def __init__(self, folder: Path, memory_bytes: int, threads: int, batch_octets: int = BATCH_OCTETS) -> None:
        """`batch_octets`: of a batch of rows, about."""
        settings = {"parquet_metadata_cache": True, **WITHOUT_DISK, "allocator_flush_threshold": FLUSHED}
        super().__init__([], memory_bytes, threads, settings=settings, folders=[folder])
        self._batch_octets = batch_octets
        self._behind: dict[str, object] = {}
        for table in records.TABLES:
            self._con.register(f"ims_empty_{table}", empty(table))

    def half(self, store: Files, question: Question, marks: bool = False) -> Found:
        """The parts as streams of batches: finish one before the next. `marks`: whether dense addresses may be marks in
        parts of their own. Raises OSError, MemoryError, InterruptedError."""
        self._given_up.clear()
        request = question.request
        filter, hidden = request.filter, request.hidden
        all_packets = f"SELECT * FROM {TABLES['packets']}"  # noqa: S608
        selected = all_packets if filter is None else sql_cache.filtered(filter)
        self._check()
        marked = sql_cache.marking(hidden) if hidden is not None and hides(filter) else ""
        self._check()
        by_kernels = request.metric in OF_MEMBERS or question.plan in ("local", "counted")
        looks = sql_cache.half(question, by_kernels and self._is_large(store, request))
        read = [selected, marked, *(look.sql for look in looks)]
        for table, name in TABLES.items():
            self._check()
            self._put_behind(table, store, request, any(name in sql for sql in read))
        if marked:
            self._view(MARKED_PACKETS, marked)
        self._view(SELECTED, selected)
        for look in looks:
            self._check()
            yield from self._look(look, marks)

    def _look(self, look: LookSql, marks: bool) -> Found:
        with self._plainly():
            names = narrow(self._con.sql(look.names).to_arrow_table()) if look.names else None
            rows = self._con.sql(look.sql)
            reader = rows.to_arrow_reader(batch_rows(map(str, rows.types), self._batch_octets))
        try:
            yield from self._found(look.way, reader, names, marks=marks)
            return
        except OverflowError as error:
            if not look.instead:
                raise MemoryError(f"the question needs more memory than it may have: {error}") from error
        finally:
            reader.close()
        for name, sql in look.instead:  # nothing of it was yielded
            yield from self._look(LookSql(sql, AsTheyCome(name)), marks)

    def _memory_of_addresses(self, columns: int) -> int:
        """As Engine, but without the database's share: what doesn't fit is refused."""
        return self._memory

    def _put_behind(self, table: str, store: Files, request: Request, is_read: bool) -> None:
        """Make a table's name a view of the files that may contain rows of the range; for packets, of these rows."""
        if table == FILES:
            rows = stored_files(store, request.since, request.until) if is_read else empty(FILES)
            with self._plainly():
                self._con.register(TABLES[FILES], rows)
            return
        files_of = self.whole_files if is_read else self.files_of
        files = self._files[table] = files_of(table, store, request.since, request.until)
        sql = selecting(table, files) if files else f"SELECT * FROM ims_empty_{table}"  # noqa: S608  # ours
        if table == "packets":
            limits = [f"epoch_us(time) >= {request.since:d}"] if request.since is not None else []
            limits += [f"epoch_us(time) < {request.until:d}"] if request.until is not None else []
            sql = f"SELECT * FROM ({sql}) WHERE {' AND '.join(limits)}" if limits else sql  # noqa: S608  # ours
        self._view(TABLES[table], sql)

    def _view(self, name: str, sql: str) -> None:
        self._check()
        if self._behind.get(name) != sql:
            self._behind.pop(name, None)
            with self._plainly():
                self._con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")
            self._behind[name] = sql


class MergeEngine(Engine):
    """The merging halves, over what sensors sent. For one thread at a time."""

    def __init__(self, memory_bytes: int, threads: int | None = None) -> None:
        super().__init__([], memory_bytes, threads, settings=WITHOUT_DISK)

    def merged(
        self, question: Question, schemas: Mapping[str, pa.Schema], gathered: Mapping[str, Sequence[pa.Table]]
    ) -> pa.Table:
        """The answer. `gathered`: each part's tables. Raises MemoryError; InterruptedError after `interrupt`."""
        self._given_up.clear()
        alone = [name for name, schema in schemas.items() if schema.names == ["member"]]
        known = {name: schema for name, schema in schemas.items()
                 if name not in alone and not name.endswith(MARKS_PART)}  # fmt: skip
        if alone:
            known[COUNTS] = pa.schema([(name, pa.int64()) for name in alone])
        sql = sql_cache.merged(question, known)
        try:
            with plainly():
                if alone:
                    counts = counted_members({name: schemas[name] for name in alone}, gathered)
                    row = pa.table({name: arrow.column([count], pa.int64()) for name, count in counts.items()})
                    gathered = {**gathered, COUNTS: [row]}
                for name, schema in known.items():
                    rows = pa.concat_tables(list(gathered.get(name, ())) or [pa.Table.from_batches([], schema)])
                    self._con.register(part_table(name), rows)
                self._check()
                found = self._con.sql(sql).to_arrow_table()
        finally:
            for name in known:
                self._complete(partial(self._con.unregister, part_table(name)))
        try:
            return narrow(found)
        except pa.ArrowInvalid as error:
            raise OSError("the sums of what sensors sent exceed 64 bits") from error
