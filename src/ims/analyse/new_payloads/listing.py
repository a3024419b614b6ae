"""The payloads themselves: where each came in turn, and which one place alone has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.result import schema
from ims.text import quantity

if TYPE_CHECKING:
    from ims.analyse.new_payloads.data import Data

COLUMNS = schema(ANALYSES["new-payloads"].columns)


def listed_payloads(data: Data) -> tuple[pa.Table, list[str]]:
    """The payloads themselves, and notes on those that are left out."""
    rows, joined, alone = [], 0, 0
    found = arrow.rows(data.sightings)
    micros = arrow.numbers(data.sightings.column("first").cast(pa.timestamp("us", "UTC")))
    place = np.array([row[data.by] for row in found], object)
    for row, known, at in zip(found, data.is_known(place, micros), micros.tolist(), strict=True):
        only = row[data.by] if row[f"{data.by}s"] == 1 and _others_watched(data, row[data.by], at) else None
        joined += not known
        alone += bool(data.only) and only is None
        if known and (data.only is None or only is not None):
            rows.append(row | {"only": only})
    notes = []
    if joined:
        notes.append(f"{quantity(joined, 'payload')} of places that had just joined: not listed")
    if alone:
        notes.append(f"{quantity(alone, 'payload')} came while no other {data.by} was watched: not listed")
    total = _matching(data)
    if len(found) < total:
        order = "with the most packets" if data.only else f"that came to the most {data.by}s, and with the most packets"
        notes.append(
            f"rows are of {len(found):,} of {quantity(total, 'payload')}, those {order}; a narrower filter or a "
            "shorter time has fewer; series and estimates are of all"
        )
    return rows_table(rows), notes


def _others_watched(data: Data, place: str, since: int) -> bool:
    return any(end > since for _, end in data.watch.others(place))


def _matching(data: Data) -> int:
    """How many payloads would be listed without a limit."""
    table = data.novelty
    if data.only is not None:
        table = table.filter(pc.and_(pc.equal(table.column("place"), data.only), pc.is_null(table.column("second"))))
    return int(pc.sum(table.column("payloads")).as_py() or 0)


def rows_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows in the analysis's columns."""
    return arrow.table([{name: _plain(row[name]) for name in COLUMNS.names} for row in rows], COLUMNS)


def _plain(value: Any) -> Any:
    """A moment as Arrow takes it."""
    if isinstance(value, datetime):
        return (value - arrow.EPOCH) // timedelta(microseconds=1)
    return value
