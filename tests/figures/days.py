"""Tables of values by the hour of the day, as analyses pass them to charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pyarrow as pa

from ims import arrow

SCHEMA = pa.schema([
    ("hour", pa.float64()), ("panel", pa.string()), ("value", pa.float64()), ("low", pa.float64()),
    ("high", pa.float64()), ("curve", pa.float64()),
])  # fmt: skip


def day(panels: Mapping[str, Sequence[float | None]], *, begin: float = 0, curve: bool = False) -> pa.Table:
    """Each panel's values, one an hour from `begin` on; with `curve`, a cosine that is highest at 5 hours."""
    rows = []
    for name, values in panels.items():
        for number, value in enumerate(values):
            if value is not None:
                fit = 10 + 5 * math.cos(2 * math.pi * (begin + number + 0.5 - 5) / 24) if curve else None
                row = {
                    "hour": begin + number,
                    "panel": name,
                    "value": value,
                    "low": max(value - 1, 0),
                    "high": value + 1,
                }
                rows.append({**row, "curve": fit})
    return arrow.table(rows, SCHEMA)
