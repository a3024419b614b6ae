"""A store's tables in Ibis, without a store."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import ibis
import pyarrow as pa

from ims import arrow
from ims.records import TABLES, StoredFile, arrow_schema

FILES = "files"
"""A table that isn't stored: what a store's manifest, or a lake's ledgers, say of the files of packets, payloads and
raw frames (records.StoredFile)."""
COUNTED = ("packets", "payloads", "frames_raw")
OPENED = (*TABLES, FILES)
"""All tables that plans may use."""
_OF_FILES = pa.schema([("of", pa.string()), ("begin", pa.int64()), ("rows", pa.int64()), ("octets", pa.int64()),
                       ("sensor", pa.string())])  # fmt: skip


def described_as(name: str, schema: pa.Schema) -> Any:
    """An engine's table in Ibis, which has no binary type of fixed size."""
    fields = [f.with_type(pa.binary()) if pa.types.is_fixed_size_binary(f.type) else f for f in schema]
    return ibis.table(ibis.Schema.from_pyarrow(pa.schema(fields)), name=name)


@cache
def empty(table: str) -> pa.Table:
    """One of the tables without rows."""
    if table == FILES:
        return pa.Table.from_batches([], _OF_FILES)
    fields = [(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in arrow_schema(table)]
    # (Schema.empty_table would import pandas: 0.2 s.)
    return pa.Table.from_batches([], pa.schema([*fields, ("sensor", pa.string())]))


def table_of_files(files: Iterable[StoredFile]) -> pa.Table:
    """Rows of FILES."""
    rows = list(files)
    columns = ([row[at] for row in rows] for at in range(len(_OF_FILES)))
    arrays = [arrow.column(values, field.type) for values, field in zip(columns, _OF_FILES, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_OF_FILES)
