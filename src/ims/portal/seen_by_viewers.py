"""Answers as viewers see them: rounded cells on a grid that doesn't depend on what came.

A row that is there without a value would tell that something came; so series without a group have every bin of the
range, and rows of a group are there only where their value is.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pyarrow as pa

from ims import arrow
from ims.portal.narrowed import wanted_of
from ims.portal.rounded import BYTES_A_PACKET, Rounding
from ims.portal.viewers import mark_of
from ims.query.request import Request
from ims.query.tree import Expression

MOMENT = pa.timestamp("us", "UTC")
MARKS = {"destination_port": "port", "icmp_type": "icmp"}
"""Groups whose values a sender may choose to be found by."""


def shown(request: Request, tree: Expression | None, table: pa.Table, rounding: Rounding) -> pa.Table:
    """The table of a viewer's answer. `request`: as the gate narrowed it; raises ValueError for one that wasn't."""
    if request.since is None or request.until is None:
        raise ValueError("this request didn't pass the gate: it has no range; call check first")
    kinds = {"count": _count, "series": _series, "top": _top, "cache": _cache, "coverage": _coverage}
    return kinds[request.verb](request, tree, table, rounding)


def _scaled(rounding: Rounding, metric: str) -> Rounding:
    return dataclasses.replace(rounding, scale=rounding.scale * (BYTES_A_PACKET if metric == "bytes" else 1))


def _count(request: Request, tree: Expression | None, table: pa.Table, rounding: Rounding) -> pa.Table:
    """Destinations tell a block's size, and first and last arrival when one packet came: none of them is shown."""
    mark = mark_of(tree)
    columns = {}
    for field in table.schema:
        values: list[Any] = [None] * len(table)
        if field.name in ("packets", "bytes", "sources", "payloads", "signatures"):
            cell = _scaled(rounding, field.name)
            values = [_whole(cell.shown(v, *_range(request), mark)) for v in table.column(field.name).to_pylist()]
        columns[field.name] = arrow.column(values, field.type)
    return pa.table(columns)


def _series(request: Request, tree: Expression | None, table: pa.Table, rounding: Rounding) -> pa.Table:
    cell = _scaled(rounding, request.metric)
    kind = table.schema.field("value").type
    begins = table.column("time").cast(pa.int64()).to_pylist()
    values = table.column("value").to_pylist()
    if request.group_name is None:
        mark = mark_of(tree)
        known = dict(zip(begins, values, strict=True))
        grid = _grid(request)
        rounded = [_like(kind, cell.shown(known.get(begin), begin, begin + request.bin, mark)) for begin in grid]
        columns = {"time": arrow.column(grid, pa.int64()).cast(MOMENT), "value": arrow.column(rounded, kind)}
        return pa.table(columns).slice(0, wanted_of(request))
    keys = table.column(request.group_name).to_pylist()
    kept, rounded = [], []
    inside = range(request.since or 0, request.until or 0)
    for at, (begin, key, value) in enumerate(zip(begins, keys, values, strict=True)):
        found = cell.shown(value, begin, begin + request.bin, _mark(request, tree, key)) if begin in inside else None
        if found is not None:
            kept.append(at)
            rounded.append(_like(kind, found))
    taken = table.take(arrow.column(kept, pa.int64())).drop_columns(["value"])
    return taken.append_column("value", arrow.column(rounded, kind)).slice(0, wanted_of(request))


def _top(request: Request, tree: Expression | None, table: pa.Table, rounding: Rounding) -> pa.Table:
    """In the order of what is shown: which of two is first would tell more."""
    cell = _scaled(rounding, request.metric)
    kind = table.schema.field("value").type
    name = request.group_name or ""
    found = []
    for at, (key, value) in enumerate(zip(*(table.column(n).to_pylist() for n in (name, "value")), strict=True)):
        rounded = cell.shown(value, *_range(request), _mark(request, tree, key))
        if rounded is not None:
            found.append((-rounded, key is None, f"{key:020}" if isinstance(key, int) else str(key), at))
    found.sort()
    found = found[: wanted_of(request)]
    taken = table.take(arrow.column([row[-1] for row in found], pa.int64())).drop_columns(["value"])
    return taken.append_column("value", arrow.column([_like(kind, -row[0]) for row in found], kind))


def _cache(request: Request, tree: Expression | None, table: pa.Table, rounding: Rounding) -> pa.Table:
    begins = table.column("time").cast(pa.int64()).to_pylist()
    grid, mark = _grid(request), mark_of(tree)
    columns: dict[str, Any] = {"time": arrow.column(grid, pa.int64()).cast(MOMENT)}
    for suffix in ("", "_without_icmp_errors"):
        for name in (f"payloads{suffix}", f"hits{suffix}"):
            known = dict(zip(begins, table.column(name).to_pylist(), strict=True))
            values = [_whole(rounding.shown(known.get(b), b, b + request.bin, mark)) for b in grid]
            columns[name] = arrow.column(values, table.schema.field(name).type)
        pairs = zip(columns[f"payloads{suffix}"].to_pylist(), columns[f"hits{suffix}"].to_pylist(), strict=True)
        rates = [None if hits is None or not payloads else hits / payloads for payloads, hits in pairs]
        columns[f"hit_rate{suffix}"] = arrow.column(rates, pa.float64())
    return pa.table(columns).select(table.column_names)


def _coverage(request: Request, tree: Expression | None, table: pa.Table, rounding: Rounding) -> pa.Table:
    """Which blocks were watched, in whole bins: a period may end with the last packet of a capture."""
    since, until = _range(request)
    unit = rounding.unit_us
    named = [tuple(row.values()) for row in arrow.rows(table.select(["sensor", "block"]))]
    spans = (table.column(name).cast(pa.int64()).to_pylist() for name in ("since", "until"))
    periods = [
        (*words, max(since, begin // unit * unit), min(until, -(-end // unit) * unit))
        for words, begin, end in zip(named, *spans, strict=True)
    ]
    rows = sorted({period for period in periods if period[-2] < period[-1]})
    names = ("sensor", "block", "since", "until")
    kinds = (pa.string(), pa.string(), MOMENT, MOMENT)
    return pa.table(
        {
            name: arrow.column([row[at] for row in rows], pa.int64() if kind == MOMENT else kind).cast(kind)
            for at, (name, kind) in enumerate(zip(names, kinds, strict=True))
        }
    )


def _range(request: Request) -> tuple[int, int]:
    return request.since or 0, request.until or 0


def _grid(request: Request) -> list[int]:
    since, until = _range(request)
    return list(range(since, until, request.bin))


def _mark(request: Request, tree: Expression | None, key: Any) -> str:
    """The mark of a group's cell: the group's own where it is one a sender may choose, else the filter's."""
    if request.group in MARKS and key is not None:
        return f"{MARKS[request.group]} {key}"
    return mark_of(tree)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _like(kind: pa.DataType, value: float | None) -> float | int | None:
    return value if pa.types.is_floating(kind) else _whole(value)
