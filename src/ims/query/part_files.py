"""A table's Parquet files as DuckDB reads them, those too that were written before some columns came.

DuckDB takes the columns of the first file as all files', unless it is told to look into each one first, with
`union_by_name`, which makes answers from 2,000 small files three times as slow (0.45 s and 1.3 s). So files are told
apart by the end of each: 20 us the first time, and they never change.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ims.query.duck import quoted
from ims.query.shapes import empty
from ims.records import LENGTHS, TABLES
from ims.stored_file import refuse_links

_KINDS = {"uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER"}
_END = 1 << 12
"""Octets at a file's end in which its last column's name stands: after each row group's columns, and in its schema."""


@lru_cache(1 << 17)
def has_lengths(file: str) -> bool:
    """Whether a file of `packets` has the columns `LENGTHS`. What can't be read is said to, for DuckDB to refuse."""
    try:
        with Path(file).open("rb") as octets:
            octets.seek(max(0, octets.seek(0, 2) - _END))
            end = octets.read()
    except OSError:
        return True
    footer = int.from_bytes(end[-8:-4], "little")
    return end[-4:] != b"PAR1" or LENGTHS[-1].encode() in end[-8 - footer : -8]


def selecting(table: str, files: Sequence[Path]) -> str:
    """SQL of all columns of a table from files, at least one; nulls where a file lacks one. Raises OSError where one
    is a link."""
    refuse_links(files)
    columns = ", ".join(f'"{name}"' for name in empty(table).column_names)
    older = [file for file in files if table == "packets" and not has_lengths(str(file))]
    if not older:
        return f"SELECT {columns} FROM {_reading(files)}"  # noqa: S608  (names and paths are ours, quoted)
    kinds = {column.name: _KINDS[column.arrow] for column in TABLES[table] if column.name in LENGTHS}
    nulls = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in kinds.items())
    sql = f"SELECT {columns} FROM (SELECT *, {nulls} FROM {_reading(older)})"  # noqa: S608  # likewise
    newer = [file for file in files if has_lengths(str(file))]
    return f"{sql} UNION ALL SELECT {columns} FROM {_reading(newer)}" if newer else sql  # noqa: S608  # likewise


def _reading(files: Sequence[Path]) -> str:
    listed = ", ".join(quoted(str(file)) for file in files)
    # Types of the folders' columns are fixed: a sensor called 007 is a text.
    types = "{'sensor': VARCHAR, 'date': VARCHAR, 'hour': VARCHAR}"
    return f"read_parquet([{listed}], hive_partitioning = true, hive_types = {types})"
