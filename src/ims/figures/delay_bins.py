"""Delays as bins of panels, on a logarithmic axis: seconds to days of steps that are even in their logarithm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.figures.panel_bins import PanelBins, panel_bins

CELLS_A_DECADE = 48
NUMBERS = ("value", "low", "high")
TICKS = (
    (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (6 * 3600, "6 h"), (86_400, "1 d"),
    (7 * 86_400, "1 week"), (30 * 86_400, "30 d"), (365 * 86_400, "1 year"),
)  # fmt: skip
"""Seconds, and what they are called."""


def delay_bins(table: pa.Table, names: Sequence[str], most: int) -> PanelBins:
    """These panels' bins, at most so many in each, from columns `delay` (seconds, from 1 on), `panel`, `value`, `low`
    and `high`: at each delay the values from there on, up to those of the next; the last row of a panel ends it. A bin
    is a cell of the logarithm, its number a microsecond."""
    delays = arrow.floats(table.column("delay"))
    panel = np.array(table.column("panel").to_pylist(), object)
    cells = delay_cell(float(delays.max())) if len(delays) else 0
    begins = 10 ** (np.arange(max(math.ceil(cells), 1)) / CELLS_A_DECADE)
    tables = []
    for name in names:
        rows = np.flatnonzero(panel == name)
        rows = rows[np.argsort(delays[rows], kind="stable")]
        if not len(rows):
            continue
        at = np.searchsorted(delays[rows], begins * (1 + 1e-9), side="right") - 1
        inside = np.flatnonzero((at >= 0) & (begins <= delays[rows[-1]]))
        columns = {each: arrow.floats(table.column(each))[rows[at[inside]]] for each in NUMBERS}
        tables.append(pa.table({
            "time": arrow.column(inside, pa.timestamp("us", "UTC")),
            "panel": pa.array([name] * len(inside), pa.string()),
            **{each: arrow.column(values, pa.float64()) for each, values in columns.items()},
        }))  # fmt: skip
    if tables:  # the axis begins at a second, whatever is known of it
        begin = {"time": arrow.column(np.zeros(1, np.int64), pa.timestamp("us", "UTC")), "panel": pa.array([names[0]])}
        tables.append(pa.table(begin | {each: pa.nulls(1, pa.float64()) for each in NUMBERS}))
    kinds = [("time", pa.timestamp("us", "UTC")), ("panel", pa.string()), *((name, pa.float64()) for name in NUMBERS)]
    empty = pa.Table.from_batches([], pa.schema(kinds))
    return panel_bins(pa.concat_tables(tables) if tables else empty, names, 1, most)


def delay_cell(seconds: float) -> float:
    """Where a delay stands: 0 is a second, each decade so many cells."""
    return math.log10(max(seconds, 1.0)) * CELLS_A_DECADE


def delay_ticks(bins: PanelBins, most: int) -> list[tuple[float, str]]:
    """At most so many delays that have a name, as cells and labels; always the first."""
    found = [(delay_cell(seconds), label) for seconds, label in TICKS]
    found = [(cell, label) for cell, label in found if cell <= bins.until_us]
    step = -(-len(found) // max(most, 1))
    return found[::step]
