"""Values as text: dotted addresses, signatures in hex, and nothing from the network that a terminal interprets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.records import PACKETS
from ims.text import printable_octets

DIGITS = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)
"""The two hex digits of each octet."""


def hexdump(octets: bytes, most: int = 1 << 16) -> str:
    """As `hexdump -C`: offset, sixteen octets in hex, and as ASCII."""
    lines = []
    for at in range(0, min(len(octets), most), 16):
        row = octets[at : at + 16]
        pairs = [f"{octet:02x}" for octet in row]
        lines.append(f"{at:08x}  {' '.join(pairs[:8]):<23}  {' '.join(pairs[8:]):<23}  |{printable_octets(row)}|")
    if len(octets) > most:
        lines.append(f"... {len(octets) - most:,} more")
    return "\n".join(lines)


def dotted(address: int) -> str:
    """An address as 198.51.100.7."""
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def dotted_column(column: pa.ChunkedArray) -> pa.Array:
    """Addresses as text."""
    numbers = column.cast(pa.int64())
    parts = [pc.bit_wise_and(pc.shift_right(numbers, shift), 255).cast(pa.string()) for shift in (24, 16, 8, 0)]
    return _whole(pc.binary_join_element_wise(*parts, "."))


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def time_column(micros: pa.ChunkedArray) -> pa.Array:
    """Microseconds since the epoch as timestamps."""
    return _whole(micros.cast(pa.int64()).cast(pa.timestamp("us", "UTC")))


def nanosecond_column(time: pa.ChunkedArray, time_ns: pa.ChunkedArray) -> pa.Array:
    """Microsecond timestamps and the nanoseconds below them, together."""
    return arrow.column(arrow.numbers(time) * 1000 + arrow.numbers(time_ns), pa.timestamp("ns", "UTC"))


def hex_column(column: pa.ChunkedArray) -> pa.Array:
    """Octets in hex. No text is an object of its own: two million would take 0.4 GB."""
    whole = _whole(column).cast(pa.binary())
    if not len(whole):
        return pa.array([], pa.string())
    valid, ends, octets = whole.buffers()
    offsets = np.frombuffer(ends, np.int32, len(whole) + 1, whole.offset * 4).astype(np.int64)
    shown = np.frombuffer(octets or b"", np.uint8)[offsets[0] : offsets[-1]]
    offsets = 2 * (offsets - offsets[0])
    if offsets[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{offsets[-1]:,} digits in one column; at most 2 GB fit: ask for fewer rows")
    known = None if valid is None else arrow.bitmap(arrow.flags(whole.is_valid()))
    buffers = [known, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(DIGITS[shown])]
    return pa.Array.from_buffers(pa.string(), len(whole), buffers)


def shown_packets(table: pa.Table) -> pa.Table:
    """Packets as printed: sensor and block first, dotted addresses, signatures and options in hex."""
    formats = dict.fromkeys(("source", "destination"), dotted_column)
    formats |= dict.fromkeys(("signature", "tcp_options"), hex_column)
    time = nanosecond_column(table.column("time"), table.column("time_ns"))
    columns = {"time": time, "sensor": table.column("sensor"), "block": table.column("block")}
    for name in (column.name for column in PACKETS if column.name not in ("time", "time_ns", "block")):
        columns[name] = formats[name](table.column(name)) if name in formats else table.column(name)
    return pa.table(columns)


def json_lines(table: pa.Table) -> Iterator[bytes]:
    """One JSON object a row and line, made by column. Texts are ours: no field of a packet is a sender's text."""
    parts: list[Any] = []
    for number, name in enumerate(table.column_names):
        values = table.column(name)
        kind = values.type
        if pa.types.is_timestamp(kind):
            values = pc.binary_join_element_wise('"', pc.strftime(values, "%Y-%m-%dT%H:%M:%S"), 'Z"', "")
        elif pa.types.is_string(kind):
            texts = values.dictionary_encode().combine_chunks()
            quoted = arrow.column([json.dumps(text) for text in texts.dictionary.to_pylist()], pa.string())
            values = quoted.take(texts.indices)
        else:
            values = values.cast(pa.string())
        parts += [("{" if number == 0 else ", ") + json.dumps(name) + ": ", pc.fill_null(values, "null")]
    lines = _whole(pc.binary_join_element_wise(*parts, "}\n", ""))
    yield b"".join(scalar.as_buffer() for scalar in lines)
