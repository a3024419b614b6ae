"""Tables of values over time, as analyses pass them to charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ims import arrow
from ims.figures.theme import Heading
from ims.figures.time_panels import time_panels

MARCH_US = 1_078_099_200_000_000
"""2004-03-01T00:00:00Z."""
BIN_US = 300_000_000
SCHEMA = pa.schema([
    ("time", pa.timestamp("us", "UTC")), ("panel", pa.string()), ("value", pa.float64()), ("low", pa.float64()),
    ("high", pa.float64()),
])  # fmt: skip


def table(panels: dict[str, Sequence[float | None]], bin_us: int = BIN_US, band: float | None = 0.5) -> pa.Table:
    """Each panel's values from MARCH_US on; None: not watched; `band`: this far around the value, None: there is none."""
    rows: list[tuple[Any, ...]] = []
    for name, values in panels.items():
        for number, value in enumerate(values):
            low, high = (None, None) if value is None or band is None else (max(value - band, 0), value + band)
            rows.append((MARCH_US + number * bin_us, name, value, low, high))
    return arrow.table([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def with_curve(made: pa.Table, curve: Sequence[float | None]) -> pa.Table:
    """A table with the curve of its rows."""
    return made.append_column("curve", pa.array(curve, pa.float64()))


def chart(made: pa.Table, names: Sequence[str], heading: Heading | None = None, **options: Any) -> Any:
    options = {"value_title": "packets/s", "log": False, "band_title": "95 %", "bin_us": BIN_US, **options}
    panels = [(name, f"panel {name}") for name in names]
    return time_panels(made, heading or Heading("Packet rate", ("of two days",)), panels=panels, **options)
