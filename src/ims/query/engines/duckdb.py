"""The embedded engine: DuckDB over stores' Parquet files, locked down, with SQL that Ibis compiles.

The time zone is UTC, only the stores' folders are allowed, all other external access is off, and then the configuration
is locked: a faulty plan could read nothing but the stores. Ibis only compiles: its own connection would take 0.7 s.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import duckdb
import ibis
import pyarrow as pa

from ims.query.engines.duckdb_adapter import GIVEN_UP, narrow, narrow_schema, narrowed, plainly, quoted
from ims.query.engines.pair_ways import ChosenPairs, NearTotals, Pairs
from ims.query.engines.parquet_files import selecting
from ims.query.engines.part_reader import Look, Way, looks
from ims.query.engines.part_ways import Addresses, AsTheyCome, Found, TotalsAndMembers
from ims.query.engines.sql_compiler import to_sql
from ims.query.plans.part import Chosen, Members, Near
from ims.query.plans.plan import Plan, Tables, epoch_us
from ims.query.plans.tables import COUNTED, FILES, described_as, empty, table_of_files
from ims.query.request import Request
from ims.records import StoredFile
from ims.settings.durations import DAY_US

PARTIAL_ROWS = 50_000_000
MEMORY_SHARE = 0.5
MANY = 128 << 20
"""Octets of stored packets, 15 to 20 each: kernels take 0.5 s to load, and save as much from 7 million rows on."""
FILTERED = 8
"""Factor of MANY where a filter takes only some packets."""
PIECE, MOST_PIECES = 500_000, 64
"""Payloads of which rows are made at once: of two million in 5 million packets, 1.3 GB without pieces."""
FEW_PIECES = 3
"""So few have what they are made of in memory, 80 octets a payload; else each piece reads packets anew. (50 million
packets, a million payloads: 1.3 s of processor time less, 75 MB more.)"""
BATCH_ROWS = 1 << 18
"""Of a streamed answer."""
IS_PROGRESS_SHOWN = "SELECT value FROM duckdb_settings() WHERE name = 'enable_progress_bar'"
"""Where it isn't, it is left alone: in a Jupyter kernel without ipywidgets it can't be turned off, either."""
WITHOUT_DISK: Mapping[str, Any] = {"temp_directory": ""}
"""Settings of daemons' engines: what doesn't fit memory is refused. DuckDB would write it to `.tmp` in the daemon's
working folder, without a bound, or fail to make that."""


class Files(Protocol):
    """What the engine needs of a store: see store/reader.py."""

    @property
    def path(self) -> Path:
        """Where the store is."""

    def files(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[Path]:
        """Files of a table that may contain rows of [since, until)."""

    def entries(self, table: str, since_us: int | None = None, until_us: int | None = None) -> list[StoredFile]:
        """The same files as rows of the table of files."""
        ...

    def refuse_damage(self, files: Iterable[Path]) -> None:
        """Raises ValueError where one of these isn't what was written, OSError where one can't be read."""


class Engine:
    """Runs plans over some stores. `memory_bytes`: DuckDB's limit; half of the machine's by default. `partial_rows`:
    the most rows of one store's partial answer when several are merged. `settings`: more of DuckDB's. `many`: from so
    many octets of packets on, kernels distinguish addresses (part_reader.py). `piece`: payloads that are looked at at
    once, where each has a row. `folders`: of stores opened later."""

    def __init__(
        self,
        stores: Sequence[Files],
        memory_bytes: int | None = None,
        threads: int | None = None,
        partial_rows: int = PARTIAL_ROWS,
        settings: Mapping[str, Any] | None = None,
        many: int = MANY,
        piece: int = PIECE,
        folders: Sequence[Path] = (),
    ) -> None:
        self._stores = list(stores)
        self._partial_rows = partial_rows
        self._names = 0
        self._files: dict[str, list[Path]] = {}
        """The views' files by view: one of them is damaged where an answer fails."""
        self._given_up = threading.Event()
        self._con = duckdb.connect()
        self._many = many
        self._piece = piece
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self._memory = memory_bytes or max(256 << 20, int(total * MEMORY_SHARE))
        all_settings = {
            "TimeZone": "UTC",
            "memory_limit": f"{self._memory >> 20}MiB",
            "threads": threads or len(os.sched_getaffinity(0)),
            "preserve_insertion_order": False,
            "allowed_directories": [*(str(store.path) for store in self._stores), *map(str, folders)],
            **(settings or {}),
            "enable_external_access": False,
            "lock_configuration": True,
        }
        if self._con.execute(IS_PROGRESS_SHOWN).fetchone() == ("true",):
            self._con.execute("SET enable_progress_bar = false")
        for name, value in all_settings.items():
            self._con.execute(f"SET {name} = {quoted(value)}")

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """For one question: it isn't given up yet, and leaves no views."""
        self._given_up.clear()
        try:
            yield
        finally:
            self._forget()

    def run(self, plan: Plan, request: Request) -> pa.Table:
        """The answer to a request. Raises ValueError where several stores' partial answers are too large."""
        with self._answering():
            if len(self._stores) == 1:
                parts = self._parts(self._stores[0], plan, request, counted=True)
                count = self._pieces(self._stores[0], plan, request)
                if count > 1:
                    return self._piece_by_piece(plan, parts, request, count)
                return self.arrow(plan.merge(parts, request, True))
            gathered: dict[str, list[pa.Table]] = {}
            for store in self._stores:
                for name, rows in self._partial(store, plan, request):
                    gathered.setdefault(name, []).append(rows)
            parts = {name: self._register(pa.concat_tables(tables)) for name, tables in gathered.items()}
            return self.arrow(plan.merge(parts, request, False))

    def _pieces(self, store: Files, plan: Plan, request: Request) -> int:
        """In how many pieces an answer is made whose rows are each of one signature."""
        if plan.order is None or request.rows <= self._piece:
            return 1
        stored = sum(entry.rows for entry in store.entries("payloads", *_whole_days(request.since, request.until)))
        return min(-(-stored // self._piece), MOST_PIECES)

    def _piece_by_piece(self, plan: Plan, parts: Mapping[str, Any], request: Request, count: int) -> pa.Table:
        """The answer made in `count` pieces, by the first octet of signatures, and sorted at the end."""
        assert plan.order is not None
        ends = [256 * number // count for number in range(count + 1)]
        if count <= FEW_PIECES:
            parts = {name: self._register(self.arrow(part)) for name, part in parts.items()}
        found = []
        for low, high in itertools.pairwise(ends):
            piece = {name: _of_signatures(part, low, high) for name, part in parts.items()}
            found.append(self.arrow(plan.merge(piece, request, True)))
        whole = pa.concat_tables(found)
        found.clear()
        return whole.sort_by(plan.order(request)).slice(0, request.rows)

    def partial(self, store: Files, plan: Plan, request: Request) -> Generator[tuple[str, pa.Table], None, None]:
        """One store's half of the answer, part by part. Raises ValueError where a part is too large."""
        with self._answering():
            yield from self._partial(store, plan, request)

    def interrupt(self) -> None:
        """Stop the current question, from any thread: it raises InterruptedError. No effect on a closed engine."""
        self._given_up.set()
        with contextlib.suppress(duckdb.ConnectionException):
            self._con.interrupt()

    def _check(self) -> None:
        if self._given_up.is_set():
            raise InterruptedError(GIVEN_UP)

    def schemas(self, plan: Plan, request: Request) -> dict[str, pa.Schema]:
        """Schemas of the parts of a plan's first half."""
        with self._answering():
            return {name: self.arrow(part).schema for name, part in self._of_nothing(plan, request).items()}

    def schema(self, plan: Plan, request: Request) -> pa.Schema:
        """The answer's schema."""
        with self._answering():
            return self.arrow(plan.merge(self._of_nothing(plan, request), request, True)).schema

    def _of_nothing(self, plan: Plan, request: Request) -> dict[str, Any]:
        tables = Tables(lambda name: self._register(empty(name)), epoch_us)
        parts = plan.partial(tables, request.model_copy(update={"filter": None}))
        return {name: part.expression for name, part in parts.items()}

    def _partial(self, store: Files, plan: Plan, request: Request) -> Iterator[tuple[str, pa.Table]]:
        for name, part in self._parts(store, plan, request).items():
            rows = self.arrow(part.limit(self._partial_rows + 1))
            if rows.num_rows > self._partial_rows:
                most = f"{store.path} would answer with more than {self._partial_rows:,} partial rows"
                raise ValueError(f"{most}; ask for a shorter time, a narrower filter or a coarser group")
            yield name, rows

    def _parts(self, store: Files, plan: Plan, request: Request, *, counted: bool = False) -> dict[str, Any]:
        """The parts as tables of the database: expressions, or rows that kernels have made already. `counted`: it is
        enough to know how many distinct addresses a group has, as it is where there is one store."""
        parts = plan.partial(self.tables_of(store, request.since, request.until), request)
        found = {name: part.expression for name, part in parts.items()}
        if any(isinstance(part, Members | Near | Chosen) for part in parts.values()) and self._is_large(store, request):
            for look in looks(parts, request, pairs=True):
                if not isinstance(look.way, AsTheyCome):
                    for name in look.instead:
                        del found[name]
                    found |= self._read(look, counted)
        return found

    def _is_large(self, store: Files, request: Request) -> bool:
        """Whether there are so many packets that it pays to load kernels."""
        many = self._many if request.filter is None else self._many * FILTERED
        return self._octets(self.files_of("packets", store, request.since, request.until)) >= many

    def _read(self, look: Look, counted: bool) -> Mapping[str, Any]:
        """The parts of a look; expressions where memory is too small for kernels: the database can use the disk."""
        names = None if look.names is None else self.arrow(look.names)
        with self._plainly():
            reader = self._con.sql(to_sql(look.expression)).to_arrow_reader(BATCH_ROWS)
        try:
            parts = self._found(look.way, reader, names, counted=counted)
            found = {name: pa.Table.from_batches(batches, schema) for name, schema, batches in parts}
        except (OverflowError, MemoryError):
            return look.instead
        finally:
            reader.close()
        self._check()
        return {name: self._register(rows) for name, rows in found.items()}

    def _found(
        self,
        way: Way,
        reader: pa.RecordBatchReader,
        names: pa.Table | None,
        *,
        marks: bool = False,
        counted: bool = False,
    ) -> Found:
        """The parts made of a look's rows. Raises OverflowError where kernels have no memory for them."""
        schema = narrow_schema(reader.schema)
        batches = self._checked(narrowed(reader, schema, self._all_files()))
        match way:
            case AsTheyCome(name):
                found: Found = iter([(name, schema, batches)])
            case Addresses():
                found = way.found(batches, self._memory_of_addresses(len(way.names)), marks)
            case Pairs() | ChosenPairs():
                found = way.found(batches, self._memory // 2, counted)
            case NearTotals():
                assert names is not None
                found = way.found(batches, self._memory // 2, names)
            case TotalsAndMembers():
                found = way.found(batches)
        for part in found:
            self._check()
            yield part

    def _memory_of_addresses(self, columns: int) -> int:
        """Octets for each of some columns of addresses, beside the database's memory."""
        return self._memory // 2 // columns

    def _checked(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches until the question is given up: DuckDB ignores an interruption between batches."""
        for batch in batches:
            self._check()
            yield batch

    def _octets(self, files: Sequence[Any]) -> int:
        """The size of some files; DuckDB reports missing ones."""
        return sum(file.stat().st_size for file in files if file.exists())

    def arrow(self, expression: Any) -> pa.Table:
        """Run one expression. (Ibis' own to_pyarrow needs pandas.)"""
        self._check()
        sql = to_sql(expression)
        self._check()
        with self._plainly():
            return narrow(self._con.sql(sql).to_arrow_table())

    def tables_of(self, store: Files, since_us: int | None, until_us: int | None) -> Tables:
        """One store's tables, each from the files that may contain rows of a range."""

        def opened(table: str) -> Any:
            if table == FILES:
                return self._register(stored_files(store, since_us, until_us))
            return self._table(table, self.whole_files(table, store, since_us, until_us))

        return Tables(opened, epoch_us)

    @classmethod
    def whole_files(cls, table: str, store: Files, since_us: int | None, until_us: int | None) -> list[Path]:
        """As `files_of`; raises what the store's `refuse_damage` raises."""
        files = cls.files_of(table, store, since_us, until_us)
        store.refuse_damage(files)
        return files

    @staticmethod
    def files_of(table: str, store: Files, since_us: int | None, until_us: int | None) -> list[Path]:
        """A table's files for a range."""
        ranges = {"payloads": _whole_days(since_us, until_us), "coverage": (None, None)}
        return store.files(table, *ranges.get(table, (since_us, until_us)))

    def _table(self, table: str, files: list[Path]) -> Any:
        if not files:
            return self._register(empty(table))
        name = self._new_name(table)
        self._files[name] = files
        with self._plainly():
            self._con.execute(f"CREATE TEMP VIEW {name} AS {selecting(table, files)}")
        return described_as(name, empty(table).schema)

    def _register(self, rows: pa.Table) -> Any:
        name = self._new_name("rows")
        with self._plainly():
            self._con.register(name, rows)
        return described_as(name, rows.schema)

    def _new_name(self, what: str) -> str:
        self._names += 1
        return f"ims_{what}_{self._names}"

    def _all_files(self) -> Iterator[Path]:
        return itertools.chain.from_iterable(list(self._files.values()))

    def _plainly(self) -> contextlib.AbstractContextManager[None]:
        return plainly(self._all_files())

    def _forget(self) -> None:
        self._files.clear()
        views = "SELECT view_name FROM duckdb_views() WHERE view_name LIKE 'ims!_%' ESCAPE '!'"

        def drop_views() -> None:
            for (name,) in self._con.execute(views).fetchall():
                self._con.execute(f'DROP VIEW IF EXISTS "{name}"')

        self._complete(drop_views)

    @staticmethod
    def _complete(work: Callable[[], object]) -> None:
        """Do some work however often it is interrupted: a deadline interrupts until the question has ended."""
        while True:
            with contextlib.suppress(duckdb.InterruptException):
                work()
                return

    @property
    def broken(self) -> bool:
        """Whether the database ended itself, as DuckDB does after an internal fault, and not by an interruption."""
        try:
            self._con.execute("SELECT 1").fetchall()
        except duckdb.Error as error:
            return not isinstance(error, duckdb.InterruptException)
        return False

    @cached_property
    def version(self) -> str:
        """DuckDB's version."""
        return str(self._con.execute("SELECT version()").fetchone()[0])

    def close(self) -> None:
        """Close the database."""
        self._con.close()


def stored_files(store: Files, since_us: int | None, until_us: int | None) -> pa.Table:
    """The files of hours that may have something of [since, until)."""
    return table_of_files(row for table in COUNTED for row in store.entries(table, since_us, until_us))


def _whole_days(since_us: int | None, until_us: int | None) -> tuple[int | None, int | None]:
    """A packet's payload is stored with the first of its UTC day, which may be before the range."""
    since = None if since_us is None else since_us // DAY_US * DAY_US
    return since, None if until_us is None else -(-until_us // DAY_US) * DAY_US


def _of_signatures(table: Any, low: int, high: int) -> Any:
    """The rows of signatures whose first octet is in [low, high)."""
    found = table.filter(table.signature >= ibis.literal(bytes([low]), "binary"))
    return found if high > 255 else found.filter(found.signature < ibis.literal(bytes([high]), "binary"))
