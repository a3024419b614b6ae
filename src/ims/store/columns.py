"""A batch of packets as Arrow columns, copied only where necessary, split by hour.

NumPy columns become Arrow columns by wrapping their memory; validity bitmaps are packed from the working column
`layers`. A table made here is valid only as long as the batch's distinct options aren't filled again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.arrow import bitmap
from ims.records import CATEGORIES, PACKETS, PAYLOAD, TCP_OPTIONS, arrow_schema, arrow_type
from ims.settings.durations import HOUR_US
from ims.store.schema import dense_schema


class Distinct(NamedTuple):
    """The distinct variable-length values of a batch: value `i` is `octets[offsets[i]:offsets[i + 1]]`."""

    octets: np.ndarray[Any, np.dtype[np.uint8]]
    offsets: np.ndarray[Any, np.dtype[np.int32]]


def binary_column(values: Distinct, kind: pa.DataType | None = None) -> pa.Array:
    """Values as an Arrow binary column; nothing is copied."""
    buffers = [None, pa.py_buffer(values.offsets), pa.py_buffer(values.octets)]
    return pa.Array.from_buffers(kind or pa.binary(), len(values.offsets) - 1, buffers)


@cache
def batch_schema() -> pa.Schema:
    """Schema of a batch in memory: columns whose values repeat are dictionaries."""
    schema = arrow_schema("packets")
    at = schema.get_field_index("tcp_options")
    return schema.set(at, schema.field(at).with_type(pa.dictionary(pa.int32(), pa.binary())))


def distinct_values(column: pa.Array) -> Distinct:
    """The memory of an Arrow binary column, as NumPy arrays."""
    _, offsets, octets = column.buffers()
    return Distinct(
        np.frombuffer(octets, np.uint8) if octets is not None else np.empty(0, np.uint8),
        np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1],
    )


def packets_table(
    batch: Any, rows: int, blocks: Sequence[str], signatures: np.ndarray[Any, Any], options: Distinct
) -> pa.Table:
    """The first `rows` rows of a PacketBatch as a table of `batch_schema()`.

    `signatures`, (n, 16) uint8, is indexed by `signature_entry`, `options` by `options_entry`, `blocks` by `block`.
    """
    order = kept_order(batch, rows)

    def taken(name: str) -> np.ndarray[Any, Any]:
        return np.asarray(getattr(batch, name)[:rows].take(order))

    layers = taken("layers")
    present = int(np.bitwise_or.reduce(layers)) if rows else 0
    dictionaries = {"category": CATEGORIES, "block": blocks}
    columns: list[pa.Array] = []
    for column in PACKETS:
        if column.layer > 0 and not present & column.layer:  # most batches lack some
            columns.append(pa.nulls(rows, batch_schema().field(column.name).type))
            continue
        kind = arrow_type(column.arrow)
        valid = bitmap((layers & column.layer) != 0) if column.layer > 0 else None
        if column.name == "signature":
            columns.append(_signature_column(taken("signature_entry"), signatures, layers))
        elif column.name == "tcp_options":
            entries = np.where(layers & TCP_OPTIONS, taken("options_entry"), 0).astype(np.int32)
            indices = pa.Array.from_buffers(pa.int32(), rows, [valid, pa.py_buffer(entries)])
            columns.append(pa.DictionaryArray.from_arrays(indices, binary_column(options)))
        elif column.name in dictionaries:
            indices = arrow.column(taken(column.name), pa.int32())
            names = arrow.column(dictionaries[column.name], pa.string())
            columns.append(pa.DictionaryArray.from_arrays(indices, names))
        elif column.arrow == "bool":
            columns.append(pa.Array.from_buffers(kind, rows, [valid, bitmap(taken(column.name))]))
        else:
            columns.append(pa.Array.from_buffers(kind, rows, [valid, pa.py_buffer(taken(column.name))]))
    return pa.Table.from_arrays(columns, schema=batch_schema())


def kept_order(batch: Any, rows: int) -> np.ndarray[Any, Any]:
    """The order in which a batch is stored: by hour, then packets of one protocol and of the same TCP flags together,
    each group in order of arrival.

    Nulls and equal values then form long runs: 22.2 bytes a packet instead of 24.8; encoding takes 167 ns instead of
    252, ordering 45. A row group still holds one stretch of time, so a range of time skips the others.
    """
    alike = batch.protocol[:rows].astype(np.uint16) << 8 | (batch.tcp_flags[:rows] & 0xFF)
    order = np.argsort(alike, kind="stable")  # a radix sort, for 16 bits
    hours = batch.time[:rows] // HOUR_US
    if rows and hours.min() != hours.max():
        order = order[np.argsort(hours[order], kind="stable")]
    return order


def _signature_column(entries: Any, signatures: Any, layers: Any) -> pa.Array:
    # Cheaper than an Arrow dictionary (25 against 36 ns a row), which Parquet's writer would unpack and hash again.
    present = (layers & PAYLOAD) != 0
    known = signatures if len(signatures) else np.zeros((1, 16), np.uint8)
    dense = known.view("V16").ravel()[np.where(present, entries, 0)]
    return pa.Array.from_buffers(pa.binary(16), len(entries), [bitmap(present), pa.py_buffer(dense)])


def by_hour(table: pa.Table, time: str) -> Iterator[tuple[int, pa.Table]]:
    """Split a table by the hour of its column `time` (microseconds): (hours since the epoch, rows in order)."""
    if table.num_rows == 0:
        return
    hours = arrow.numbers(table.column(time)) // HOUR_US
    if hours[0] == hours[-1] and (hours == hours[0]).all():
        yield int(hours[0]), table
        return
    # A slice of a dictionary column would take the whole dictionary into every hour's file.
    table = table.cast(dense_schema(table.schema))
    if not (hours[1:] >= hours[:-1]).all():
        order = np.argsort(hours, kind="stable")
        hours, table = hours[order], table.take(order)
    begins = np.flatnonzero(np.r_[True, hours[1:] != hours[:-1]])
    for begin, end in zip(begins, np.r_[begins[1:], len(hours)], strict=True):
        yield int(hours[begin]), table.slice(begin, end - begin)


def complete(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns that `schema` names, in its order, with nulls where rows were stored before a column came."""
    if rows.schema.names == schema.names:
        return rows
    found = set(rows.schema.names)
    fields = [rows.schema.field(field.name) if field.name in found else field for field in schema]
    columns = [rows.column(f.name) if f.name in found else pa.nulls(rows.num_rows, f.type) for f in fields]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same rows, with each column a dictionary or not as `schema` has it: a Parquet file has one schema."""
    for index, field in enumerate(schema):
        column = table.column(index)
        if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(column.type):
            table = table.set_column(index, field.name, column.dictionary_encode())
    return table.cast(schema)
