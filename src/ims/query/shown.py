"""How values are shown: dotted addresses, signatures in hex, and nothing from the network left to interpret."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import numpy as np
import pyarrow as pa


def printable(text: str) -> str:
    """Text with everything escaped that a terminal might obey or that hides what is there: C0 and C1 controls,
    escape sequences, bidirectional overrides, line separators, lone surrogates."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() and unicodedata.category(c)[0] != "C" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable_octets(octets: bytes) -> str:
    """Octets as ASCII, a dot for what is none."""
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in octets)


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
    return pa.array([None if value is None else dotted(value) for value in column.to_pylist()], pa.string())


def time_column(micros: pa.ChunkedArray) -> pa.Array:
    """Microseconds since the epoch as timestamps."""
    return pa.array(micros.cast(pa.int64()).combine_chunks(), pa.int64()).cast(pa.timestamp("us", "UTC"))


def nanosecond_column(time: pa.ChunkedArray, time_ns: pa.ChunkedArray) -> pa.Array:
    """Microsecond timestamps and the nanoseconds below them, together."""
    micros = time.cast(pa.int64()).to_numpy()
    return pa.array(micros * 1000 + time_ns.to_numpy().astype(np.int64), pa.timestamp("ns", "UTC"))


def hex_column(column: Iterable[pa.Scalar]) -> pa.Array:
    """Octets in hex."""
    return pa.array([None if (value := scalar.as_py()) is None else value.hex() for scalar in column], pa.string())
