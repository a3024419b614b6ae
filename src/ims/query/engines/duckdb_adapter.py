"""DuckDB's adapter: its errors as built-in ones, its numbers as a store's, and values in its SQL."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ims.records import TABLES

OF_FILES = (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException)
"""DuckDB's errors about missing or damaged files, beside its plain `Error`."""
GIVEN_UP = "the question was given up"
CTRL_C = "Query interrupted"
"""What DuckDB says in a RuntimeError of its own, in place of what a signal's handler raised while it worked."""
TOO_LARGE = "the question needs more memory than it may have"
DAMAGED = "it is damaged, or no Parquet file"
ASIDE = re.compile(r"""IO Error.*["']\.tmp["'/]""")
"""DuckDB's words about the folder, or a file in it, for what doesn't fit memory."""


@contextlib.contextmanager
def plainly(files: Iterable[Path] = ()) -> Iterator[None]:
    """DuckDB's errors as built-in ones with our own message: the question was given up, Ctrl-C, too little memory, a
    damaged or missing file (searched among `files`). What DuckDB says, with SQL and paths, is only in their cause."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise InterruptedError(GIVEN_UP) from error
    except RuntimeError as error:
        if str(error) == CTRL_C:
            raise KeyboardInterrupt from error
        raise
    except (duckdb.OutOfMemoryException, pa.ArrowMemoryError) as error:
        raise MemoryError(TOO_LARGE) from error
    except (duckdb.Error, pa.ArrowException) as error:
        raise _of_batches(error) or unread(error, files) from error
    except OSError as error:  # the same, from a stream of batches: only the text tells which
        if error.filename is not None or isinstance(error, InterruptedError):
            raise
        raise _of_batches(error) or unread(error, files) from error


def _of_batches(error: Exception) -> Exception | None:
    if "INTERRUPT Error" in str(error):
        return InterruptedError(GIVEN_UP)
    if ASIDE.search(str(error)):
        return MemoryError(f"{TOO_LARGE}, and the rest can't be put aside in .tmp, of the folder that this runs in")
    # "Arrow Appender": more octets than fit one column of Arrow's
    too_large = any(words in str(error) for words in ("Out of Memory Error", "Arrow Appender"))
    return MemoryError(TOO_LARGE) if too_large else None


def unread(error: Exception, files: Iterable[Path] = ()) -> OSError:
    """DuckDB's error about a file, as OSError with name and cause: DuckDB says "no file matches" also of folders
    and in unreadable ones. Where it names none, the first of `files` whose footer can't be read is taken, if any."""
    of_a_file = isinstance(error, OF_FILES) or not isinstance(error, duckdb.Error) or type(error) is duckdb.Error
    named = [Path(found) for found in re.findall(r"""["'](/.+?)["'](?=[\s:,.)]|$)""", str(error).splitlines()[0])]
    for path in named:
        try:
            with path.open("rb"):
                pass
        except OSError as found:
            return OSError(found.errno, found.strerror, str(path))
    if of_a_file and named:
        return OSError(errno.EIO, DAMAGED, str(named[0]))
    for path in files:
        try:
            columns = set(pq.read_schema(path).names)
        except FileNotFoundError as found:
            return OSError(found.errno, found.strerror, str(path))
        except (OSError, pa.ArrowException):
            return OSError(errno.EIO, DAMAGED, str(path))
        if isinstance(error, duckdb.BinderException) and any(f'"{name}"' in str(error) for name in _missing(columns)):
            return OSError(errno.EIO, DAMAGED, str(path))
    if of_a_file:
        return OSError("stored rows can't be read: a file is damaged, and the database doesn't say which")
    return OSError("the database failed; IMS_DEBUG=1 shows what it says")


def _missing(columns: set[str]) -> set[str]:
    """Columns that the table with the most of these has besides."""
    tables = [{column.name for column in table} for table in TABLES.values()]
    return max(tables, key=lambda table: len(table & columns)) - columns


def narrow(table: pa.Table) -> pa.Table:
    """DuckDB sums integers in 128 bits and returns decimals; 64 bits are enough for a store's counts."""
    return table.cast(narrow_schema(table.schema))


def narrow_schema(schema: pa.Schema) -> pa.Schema:
    """As `narrow` makes it."""
    return pa.schema([f.with_type(pa.int64()) if pa.types.is_decimal(f.type) else f for f in schema])


def narrowed(reader: pa.RecordBatchReader, schema: pa.Schema, files: Iterable[Path] = ()) -> Iterator[pa.RecordBatch]:
    """An answer's batches, each as `narrow` makes it. `files`: see `plainly`."""
    with plainly(files):
        for batch in reader:
            if batch.schema.equals(schema):
                yield batch
            else:
                yield from pa.Table.from_batches([batch]).cast(schema).to_batches()


def quoted(value: Any) -> str:
    """A value in SQL."""
    if isinstance(value, list):
        return "[" + ", ".join(map(quoted, value)) + "]"
    if isinstance(value, int):  # or bool
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"
