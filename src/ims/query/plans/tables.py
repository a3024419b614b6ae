"""A store's tables in Ibis, without a store."""

from __future__ import annotations

from functools import cache
from typing import Any

import ibis
import pyarrow as pa

from ims.records import arrow_schema


def described_as(name: str, schema: pa.Schema) -> Any:
    """An engine's table in Ibis, which has no binary type of fixed size."""
    fields = [f.with_type(pa.binary()) if pa.types.is_fixed_size_binary(f.type) else f for f in schema]
    return ibis.table(ibis.Schema.from_pyarrow(pa.schema(fields)), name=name)


@cache
def empty(table: str) -> pa.Table:
    """One of a store's tables without rows."""
    fields = [(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in arrow_schema(table)]
    # (Schema.empty_table would import pandas: 0.2 s.)
    return pa.Table.from_batches([], pa.schema([*fields, ("sensor", pa.string())]))
