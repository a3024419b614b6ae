"""Tables of a metric as printed: groups as text, bins without packets, values by /24."""

from __future__ import annotations

from functools import cache
from typing import Any

import pyarrow as pa

from ims import arrow
from ims.query.bins import bin_begin
from ims.query.darkspace import DarkSpace
from ims.query.format import display
from ims.query.request import Request

MOST_ZEROS = 86_400
"""Most bins without packets in a series: a day's in seconds."""


def group_column(keys: pa.ChunkedArray, request: Request) -> pa.Array:
    """The keys of a table's rows as printed: dotted addresses, networks, signatures in hex."""
    if request.prefix is not None:
        bits = request.prefix.bits
        return arrow.column([f"{display.dotted(key)}/{bits}" for key in keys.to_pylist()], pa.string())
    if request.group in ("source", "destination"):
        return display.dotted_column(keys)
    if request.group == "signature":
        return display.hex_column(keys)
    return keys.combine_chunks()


def with_empty_bins(table: pa.Table, request: Request, space: DarkSpace) -> tuple[pa.Table, int]:
    """The table with zeros for watched bins without packets; without, and their number, where they are too many."""
    known = dict(zip(table.column("bin").to_pylist(), table.column("value").to_pylist(), strict=True))
    periods, origin = space.periods(request.since, request.until), request.origin or 0
    spans = [(bin_begin(since, request.bin, origin), until) for since, until in periods]
    watched = sum(-(-(until - first) // request.bin) for first, until in spans)  # the two ends of a hole may share one
    if watched - len(known) > MOST_ZEROS or watched > request.rows:
        return table, max(0, watched - len(known))
    bins = set(known).union(*(range(first, until, request.bin) for first, until in spans))
    rows = [{"bin": begin, "value": known.get(begin, 0)} for begin in sorted(bins)]
    return arrow.table(rows, pa.schema([("bin", pa.int64()), ("value", pa.int64())])), 0


def values_per_24(table: pa.Table, request: Request, space: DarkSpace) -> pa.Table:
    """`value` divided by the mean size, in /24s, of what was watched in the row's bin, or in the request's time: of the
    row's block or sensor only where those are the group. Null where nothing was watched."""

    @cache
    def size(begin: int | None, name: str | None) -> float:
        since, until = (request.since, request.until) if begin is None else (begin, begin + request.bin)
        sensor, block = (name if request.group == kind else None for kind in ("sensor", "block"))
        return space.size_24(since, until, sensor, block)

    nothing = [None] * len(table)
    bins = table.column("bin").to_pylist() if "bin" in table.column_names else nothing
    names = table.column("key").to_pylist() if request.group in ("block", "sensor") else nothing
    values = table.column("value").to_pylist()
    sizes = map(size, bins, names)
    per_24 = [value / size_24 if size_24 else None for value, size_24 in zip(values, sizes, strict=True)]
    return replaced(table, "value", arrow.column(per_24, pa.float64()))


def darknet_table(space: DarkSpace, request: Request) -> tuple[pa.Table, int]:
    """The bins of a request of `darknet` up to its limit, and how many there are."""
    ends = request.since, request.until
    found = space.bins(request.bin, request.origin or 0, *ends, request.group, request.rows)
    columns = {"time": arrow.column(found.begins, pa.timestamp("us", "UTC"))}
    if request.group is not None:
        columns[request.group] = arrow.column(found.names, pa.string()).take(arrow.column(found.groups, pa.int64()))
    means = {"addresses": found.addresses, "answering": found.answering, "seconds": found.spent / 1e6}
    columns |= {name: arrow.column(values, pa.float64()) for name, values in means.items()}
    return pa.table(columns), found.matching


def replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    """A table with other values in one column."""
    return table.set_column(table.column_names.index(name), name, values)
