"""Rows as JSON and CSV, the same from command line and portal. A text that begins like a formula is quoted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ims.text import printable

LEFT_OUT = {"payloads": ("payload",)}
"""Columns of a verb's answer that aren't written: octets, which are also in `text` and `hexdump`."""


def written_columns(verb: str, table: pa.Table) -> pa.Table:
    """The columns of a verb's answer that are written."""
    return table.drop_columns([name for name in LEFT_OUT.get(verb, ()) if name in table.column_names])


def iso(value: Any) -> str:
    """A moment as 2003-08-11T16:00:00.000000Z; nanoseconds where it has them."""
    text = value.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{text}{value.nanosecond:03d}Z" if hasattr(value, "nanosecond") else f"{text}Z"


def json_value(value: Any) -> Any:
    """A value as JSON has it: moments as text, octets in hex."""
    if hasattr(value, "isoformat"):  # also pandas' Timestamp
        return iso(value)
    return value.hex() if isinstance(value, bytes) else value


def json_row(row: Mapping[str, Any]) -> str:
    """One row as a JSON object, in ASCII."""
    return json.dumps({name: json_value(value) for name, value in row.items()}, ensure_ascii=True)


def csv_cell(value: Any) -> str:
    """One cell: printable, and never a formula."""
    if value is None or isinstance(value, int | float):
        return "" if value is None else str(value)
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(json_value(value))
    text = "\n".join(printable(line) for line in text.split("\n"))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def csv_lines(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> str:
    """Lines of CSV, with `names` above them if there are any."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    if names:
        writer.writerow(names)
    writer.writerows([[csv_cell(value) for value in row.values()] for row in rows])
    return lines.getvalue()
