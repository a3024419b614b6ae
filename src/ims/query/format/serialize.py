"""Rows as JSON and CSV: what the command line prints and the portal answers, the same octet for octet.

Nothing is left that a spreadsheet computes: a text that begins like a formula is quoted as text.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from ims.text import printable

LEFT_OUT = {"payloads": ("payload",)}
"""Columns of a verb's answer that aren't written: octets, which `text` and `hexdump` show."""


def written_columns(verb: str, table: pa.Table) -> pa.Table:
    """The columns that are written of an answer to this verb."""
    return table.drop_columns([name for name in LEFT_OUT.get(verb, ()) if name in table.column_names])


def iso(value: Any) -> str:
    """A moment as 2003-08-11T16:00:00.000000Z; nanoseconds where it has them."""
    nanos = getattr(value, "nanosecond", 0)
    text = value.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{text}{nanos:03d}Z" if hasattr(value, "nanosecond") else f"{text}Z"


def json_value(value: Any) -> Any:
    """A value as JSON has it: moments as text, octets in hex."""
    if isinstance(value, datetime) or hasattr(value, "isoformat"):
        return iso(value)
    if isinstance(value, bytes):
        return value.hex()
    return value


def json_row(row: Mapping[str, Any]) -> str:
    """One row as a JSON object, in ASCII."""
    return json.dumps({name: json_value(value) for name, value in row.items()}, ensure_ascii=True)


def csv_cell(value: Any) -> str:
    """One cell: printable, and never a formula."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        text = " ".join(str(item) for item in value)
    else:
        text = str(json_value(value))
    if isinstance(value, int | float):
        return text
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
