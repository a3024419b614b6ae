"""DuckDB's manners: its errors as built-in ones, its numbers as a store's, and values in its SQL."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """DuckDB's errors as built-in ones, in one line: a damaged or missing file, or too little memory."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise InterruptedError("the question was given up") from error
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(f"the question needs more memory than it may have: {_first_line(error)}") from error
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise unread(error) from error
    except OSError as error:  # the same, from a stream of batches: their kind is in the text
        if error.filename is not None:
            raise
        if "INTERRUPT Error" in str(error):
            raise InterruptedError("the question was given up") from error
        if "Out of Memory Error" in str(error):
            raise MemoryError(f"the question needs more memory than it may have: {_first_line(error)}") from error
        raise unread(error) from error


def unread(error: Exception) -> OSError:
    """DuckDB's error of a file as OSError with the file's name and the system's cause: what is missing, is a folder, or
    lies in a folder that may not be looked into is alike to DuckDB, which says that no file matches."""
    line = _first_line(error)
    for named in re.findall(r"""["'](/.+?)["'](?=[\s:,.)]|$)""", line):
        try:
            with Path(named).open("rb"):
                pass
        except OSError as found:
            return OSError(found.errno, found.strerror, named)
    return OSError(f"stored rows can't be read: {line}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def narrow(table: pa.Table) -> pa.Table:
    """DuckDB sums integers in 128 bits and hands them on as decimals; 64 are enough for what a store counts."""
    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(pa.int64()))
    return table


def narrowed(reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches of an answer as they come, as `narrow` makes them."""
    with plainly():
        for batch in reader:
            if batch.schema.equals(schema):
                yield batch
            else:
                yield from pa.Table.from_batches([batch]).cast(schema).to_batches()


def quoted(value: Any) -> str:
    """A value in SQL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(quoted(item) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
