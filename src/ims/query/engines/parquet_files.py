"""A table's Parquet files as DuckDB reads them, also those older than some columns.

DuckDB takes the first file's columns as those of all, unless it reads the schema of each first with `union_by_name`,
which makes answers from 2,000 small files three times as slow (0.45 s and 1.3 s). So files, which never change, are
distinguished by their last octets: 20 us the first time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ims.query.engines.duckdb_adapter import quoted
from ims.query.plans.tables import empty
from ims.records import LATER, TABLES
from ims.stored_file import refuse_links

_KINDS = {"bool": "BOOLEAN", "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER"}
_END = 1 << 12
"""Octets at a file's end that have the names of its last columns: after each row group's, and in its schema."""


@lru_cache(1 << 17)
def lacking(file: str) -> tuple[str, ...]:
    """Which of the later columns (records.LATER) a file of `packets` lacks: an addition is there whole or not at all.
    Empty for a file that can't be read: DuckDB refuses it."""
    try:
        with Path(file).open("rb") as octets:
            octets.seek(max(0, octets.seek(0, 2) - _END))
            end = octets.read()
    except OSError:
        return ()
    footer = int.from_bytes(end[-8:-4], "little")
    if end[-4:] != b"PAR1":
        return ()
    last = {addition: name for name, addition in LATER.items()}
    there = {addition for addition, name in last.items() if bytes([len(name)]) + name.encode() in end[-8 - footer : -8]}
    return tuple(name for name, addition in LATER.items() if addition not in there)


def selecting(table: str, files: Sequence[Path]) -> str:
    """SQL for all columns of a table from at least one file; nulls where one is lacking. Raises OSError for a link."""
    refuse_links(files)
    columns = ", ".join(f'"{name}"' for name in empty(table).column_names)
    alike: dict[tuple[str, ...], list[Path]] = {}
    for file in files:
        alike.setdefault(lacking(str(file)) if table == "packets" else (), []).append(file)
    kinds = {column.name: _KINDS[column.arrow] for column in TABLES[table] if column.later}
    parts = []
    for absent, those in sorted(alike.items(), reverse=True):
        nulls = "".join(f', CAST(NULL AS {kinds[name]}) AS "{name}"' for name in absent)
        rows = f"(SELECT *{nulls} FROM {_reading(those)})" if absent else _reading(those)  # noqa: S608  # ours, quoted
        parts.append(f"SELECT {columns} FROM {rows}")  # noqa: S608  # likewise
    return " UNION ALL ".join(parts)


def _reading(files: Sequence[Path]) -> str:
    listed = ", ".join(quoted(str(file)) for file in files)
    # Types of the folders' columns are fixed: a sensor called 007 is a text.
    types = "{'sensor': VARCHAR, 'date': VARCHAR, 'hour': VARCHAR}"
    return f"read_parquet([{listed}], hive_partitioning = true, hive_types = {types})"
