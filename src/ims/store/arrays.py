"""Columns of a packets table as NumPy arrays, for kernels: whatever an engine made of the types, nulls as 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims.records import ICMP, PAYLOAD, PORTS, TCP

Array = np.ndarray[Any, Any]


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array that is no dictionary."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def numbers(column: pa.Array | pa.ChunkedArray, kind: str) -> Array:
    """A column of numbers, booleans or moments (as microseconds), as the NumPy type `kind`."""
    column = plain(column)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    filled = column.fill_null(0) if column.null_count else column
    return np.ascontiguousarray(filled.to_numpy(zero_copy_only=False).astype(kind, copy=False))


def present(column: pa.Array | pa.ChunkedArray) -> Array:
    """Where a column isn't null, as booleans."""
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False))


def octet_lengths(column: pa.Array | pa.ChunkedArray) -> Array:
    """Octets of each value of a binary column (int64), 0 for null."""
    return numbers(pc.binary_length(plain(column)), "i8")


def octets(column: pa.Array | pa.ChunkedArray) -> tuple[Array, Array]:
    """A binary column's octets (uint8) and offsets (int64, one more than rows). Raises ValueError for wrong offsets."""
    column = plain(column).cast(pa.large_binary())
    _, offsets, data = column.buffers()
    values = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    if offsets is None or not offsets.size:
        return values, np.zeros(len(column) + 1, np.int64)
    bounds = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    if bounds[0] < 0 or bounds[-1] > values.size or (np.diff(bounds) < 0).any():
        raise ValueError(f"a binary column has offsets outside its {values.size} octets; the store is damaged")
    return values, bounds


def signatures(column: pa.Array | pa.ChunkedArray) -> Array:
    """A column of 16-octet values as uint8 (n, 16), zeros for null. Raises ValueError for other lengths."""
    fixed = plain(column).cast(pa.binary(16))
    if len(fixed) == 0:
        return np.zeros((0, 16), np.uint8)
    values = np.frombuffer(fixed.buffers()[1], np.uint8).reshape(-1, 16)
    values = values[fixed.offset : fixed.offset + len(fixed)].copy()
    values[~present(fixed)] = 0
    return values


def layers(table: pa.Table | pa.RecordBatch) -> Array:
    """The working column `layers` (uint8) of stored packets: a column is null where its layer is absent."""
    found = np.zeros(table.num_rows, np.uint8)
    for layer, name in ((PORTS, "source_port"), (TCP, "tcp_flags"), (ICMP, "icmp_type"), (PAYLOAD, "signature")):
        found[present(table.column(name))] |= layer
    return found
