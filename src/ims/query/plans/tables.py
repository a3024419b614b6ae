"""A store's tables as Ibis sees them, without a store."""

from __future__ import annotations

from functools import cache
from typing import Any

import ibis
import pyarrow as pa

from ims.records import arrow_schema


def described_as(name: str, schema: pa.Schema) -> Any:
    """A table of the engine as Ibis sees it, which knows no binary of fixed size."""
    fields = [f.with_type(pa.binary()) if pa.types.is_fixed_size_binary(f.type) else f for f in schema]
    return ibis.table(ibis.Schema.from_pyarrow(pa.schema(fields)), name=name)


@cache
def empty(table: str) -> pa.Table:
    """One of a store's tables without rows."""
    schema = arrow_schema(table)
    fields = [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in schema]
    return pa.Table.from_batches([], pa.schema([*fields, pa.field("sensor", pa.string())]))
