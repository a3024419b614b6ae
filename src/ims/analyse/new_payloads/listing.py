"""The payloads themselves: where each came in turn, and which one place alone has.

There may be millions, so that no row is an object of its own here.
"""

from __future__ import annotations

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

Array = np.ndarray[Any, Any]
COLUMNS = schema(ANALYSES["new-payloads"].columns)


def listed_payloads(data: Data) -> tuple[pa.Table, list[str]]:
    """The payloads themselves, and notes on those that are left out."""
    found = data.sightings
    micros = arrow.numbers(found.column("first").cast(pa.timestamp("us", "UTC")))
    encoded = found.column(data.by).combine_chunks().dictionary_encode()
    places, at = encoded.dictionary.to_pylist(), arrow.numbers(encoded.indices)
    known = data.known_since(places)[at] <= micros
    watched = _others_watched_until(data, places)[at] > micros
    is_only = (arrow.numbers(found.column(f"{data.by}s")) == 1) & watched
    kept = known if data.only is None else known & is_only
    only = encoded.dictionary.take(_where(is_only, at))
    rows = rows_table(found.append_column("only", only), None if kept.all() else kept)
    notes = []
    if joined := int((~known).sum()):
        notes.append(f"{quantity(joined, 'payload')} of places that had just joined: not listed")
    if alone := 0 if data.only is None else int((~is_only).sum()):
        notes.append(f"{quantity(alone, 'payload')} came while no other {data.by} was watched: not listed")
    total = _matching(data)
    if len(found) < total:
        order = "with the most packets" if data.only else f"that came to the most {data.by}s, and with the most packets"
        notes.append(
            f"rows are of {len(found):,} of {quantity(total, 'payload')}, those {order}; series and estimates are of "
            "all"
        )
    return rows, notes


def _where(is_only: Array, at: Array) -> pa.Array:
    """Which name of the dictionary a row has; null where none."""
    return pc.if_else(arrow.column(is_only, pa.bool_()), arrow.column(at, pa.int32()), pa.scalar(None, pa.int32()))


def _others_watched_until(data: Data, places: list[str]) -> Array:
    """When any other than each of these places was watched for the last time (microseconds); 0: never."""
    return np.array([max((end for _, end in data.watch.others(place)), default=0) for place in places], np.int64)


def _matching(data: Data) -> int:
    """How many payloads would be listed without a limit."""
    table = data.novelty
    if data.only is not None:
        table = table.filter(pc.and_(pc.equal(table.column("place"), data.only), pc.is_null(table.column("second"))))
    return int(pc.sum(table.column("payloads")).as_py() or 0)


def rows_table(found: pa.Table, kept: Array | None = None) -> pa.Table:
    """The verb's rows, or those of them that are `kept` (bool), in the analysis's columns."""
    rows = found.select(COLUMNS.names)
    return (rows if kept is None else rows.filter(arrow.column(kept, pa.bool_()))).cast(COLUMNS)
