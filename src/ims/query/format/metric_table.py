"""Tables of a metric as people see them: groups in their own form, bins in which nothing came, values by /24."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ims import arrow
from ims.query.bins import bin_begin
from ims.query.darkspace import DarkSpace
from ims.query.format import display
from ims.query.request import Request

MOST_ZEROS = 86_400
"""Bins without packets in a series: those of a day by seconds."""


def group_column(keys: pa.ChunkedArray, request: Request) -> pa.Array:
    """The keys of a table's rows, in what the request's group is of: dotted addresses, networks, signatures in hex."""
    if request.prefix is not None:
        bits = request.prefix.bits
        return arrow.column([f"{display.dotted(key)}/{bits}" for key in keys.to_pylist()], pa.string())
    if request.group in ("source", "destination"):
        return display.dotted_column(keys)
    if request.group == "signature":
        return display.hex_column(keys)
    return keys.combine_chunks()


def with_empty_bins(table: pa.Table, request: Request, space: DarkSpace) -> tuple[pa.Table, int]:
    """Bins without packets in which something was watched, as zeros; none of them, and how many they are, where that
    would be more rows than the limit, or zeros by the hundred thousand."""
    known = dict(zip(table.column("bin").to_pylist(), table.column("value").to_pylist(), strict=True))
    spans = [
        (bin_begin(since, request.bin, request.origin or 0), until)
        for since, until in space.periods(request.since, request.until)
    ]
    watched = sum(-(-(until - first) // request.bin) for first, until in spans)  # the two ends of a hole may share one
    if watched - len(known) > MOST_ZEROS or watched > request.rows:
        return table, max(0, watched - len(known))
    bins = set(known).union(*(range(first, until, request.bin) for first, until in spans))
    rows = [{"bin": begin, "value": known.get(begin, 0)} for begin in sorted(bins)]
    return arrow.table(rows, pa.schema([("bin", pa.int64()), ("value", pa.int64())])), 0


def values_per_24(table: pa.Table, request: Request, space: DarkSpace) -> pa.Table:
    """`value` divided by the mean size, in /24s, of what was watched in the row's bin, or in the request's time; of the
    row's block or sensor alone where those are the group. Null where nothing was."""
    sizes: dict[Any, float] = {}
    divided = []
    named = request.group in ("block", "sensor")
    keys = table.column("key").to_pylist() if "key" in table.column_names else [None] * len(table)
    bins = table.column("bin").to_pylist() if "bin" in table.column_names else [None] * len(table)
    for begin, key, value in zip(bins, keys, table.column("value").to_pylist(), strict=True):
        which = (begin, key if named else None)
        if which not in sizes:
            until = request.until if begin is None else begin + request.bin
            only = {request.group: key} if named else {}
            sizes[which] = space.size_24(request.since if begin is None else begin, until, **only)  # type: ignore[arg-type]
        divided.append(value / sizes[which] if sizes[which] else None)
    return replaced(table, "value", arrow.column(divided, pa.float64()))


def replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    """A table with other values in one column."""
    return table.set_column(table.column_names.index(name), name, values)
