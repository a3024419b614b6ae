"""Answers as viewers see them: sums of published cells with their intervals, in rows that tell nothing of what came.

A row without a value would tell that something came. So series without a group have every bin of the range, and a group
has only rows with a published cell.
"""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.portal.privacy.cell_sums import CellSums, Row, Sum
from ims.portal.privacy.cells import CACHE, COUNTED
from ims.portal.privacy.noise import Noise
from ims.portal.privacy.published_periods import published_periods
from ims.portal.privacy.query_policy import NarrowedRequest, wanted_of
from ims.portal.privacy.viewer_policy import MOST_BINS
from ims.query.darkspace import DarkSpace
from ims.query.format.metric_table import darknet_table, replaced
from ims.query.request import Request

MOMENT = pa.timestamp("us", "UTC")
NOT_SHOWN = {"destinations": pa.int64(), "signatures": pa.int64(), "first": MOMENT, "last": MOMENT}
"""Columns of `count` without values: destinations tell a block's size, first and last when one packet came."""
Estimate = tuple[float | None, float | None, float | None]
NOTHING: Estimate = (None, None, None)
"""A value (None: nothing of it is shown), and an interval that holds the true one."""


def table_of(request: NarrowedRequest, found: CellSums, noise: Noise) -> pa.Table:
    """The table of a viewer's answer."""
    made = {"count": _count, "cache": _cache, "series": _series, "top": _top}[request.verb]
    return made(request, found, noise)


def coverage(request: Request, table: pa.Table, unit: int) -> pa.Table:
    """Which blocks were watched, in whole bins."""
    periods = published_periods(request, table, unit).select(["sensor", "block", "since", "until"])
    rows = sorted({tuple(row.values()) for row in periods.to_pylist()})
    kinds = {"sensor": pa.string(), "block": pa.string(), "since": MOMENT, "until": MOMENT}
    return arrow.table([dict(zip(kinds, row, strict=True)) for row in rows], pa.schema(kinds))


def darknet(request: NarrowedRequest, space: DarkSpace, unit: int) -> pa.Table:
    """How many addresses were watched at any time of each published bin, with two digits; of a wider bin their mean."""
    most = MOST_BINS if request.bin > unit else wanted_of(request)
    table, _ = darknet_table(space, request.model_copy(update={"bin": unit, "limit": most}))
    rounded = [float(f"{addresses:.2g}") for addresses in table.column("addresses").to_pylist()]
    table = replaced(table.drop_columns(["answering"]), "addresses", arrow.column(rounded, pa.float64()))
    return table if request.bin == unit else _wider(request, table).slice(0, wanted_of(request))


def _wider(request: NarrowedRequest, table: pa.Table) -> pa.Table:
    """The bins of a darknet's table as wider ones."""
    times, origin = arrow.numbers(table.column("time")), request.origin or 0
    begins = arrow.column(times - (times - origin) % request.bin, MOMENT)
    areas = pc.multiply(table.column("addresses"), table.column("seconds"))
    keys = ["time", *([request.group] if request.group is not None else [])]
    wider = replaced(table, "time", begins).append_column("area", areas)
    sums = wider.group_by(keys).aggregate([("area", "sum"), ("seconds", "sum")])
    seconds = sums.column("seconds_sum")
    columns = {name: sums.column(name) for name in keys}
    columns |= {"addresses": pc.divide(sums.column("area_sum"), seconds), "seconds": seconds}
    return pa.table(columns).sort_by([(name, "ascending") for name in keys])


def _estimate(found: CellSums, noise: Noise, metric: str, row: Row) -> Estimate:
    sum = found.sums[metric].get(row, Sum())
    low, high = noise.interval(metric, sum.value, sum.shown, found.cells - sum.shown)
    return sum.value if sum.shown else None, low, high


def _count(_request: NarrowedRequest, found: CellSums, noise: Noise) -> pa.Table:
    shown = {name: _estimate(found, noise, name, (0, found.view.key)) for name in found.sums}
    columns: dict[str, Any] = {}
    for name in ("packets", "bytes", "sources", "destinations", "payloads", "signatures", "first", "last"):
        columns[name] = arrow.column([shown.get(name, NOTHING)[0]], NOT_SHOWN.get(name, pa.int64()))
    for name in COUNTED:
        columns |= _interval(f"{name}_", [shown.get(name, NOTHING)])
    return pa.table(columns)


def _series(request: NarrowedRequest, found: CellSums, noise: Noise) -> pa.Table:
    [metric] = found.sums
    if request.group is None:
        rows: list[Row] = [(begin, found.view.key) for begin in _grid(request)]
    else:
        rows = sorted(found.sums[metric], key=lambda row: (row[0], _order(row[1])))
    rows = rows[: wanted_of(request)]
    estimates = [_per_24(request, found, row, _estimate(found, noise, metric, row)) for row in rows]
    columns: dict[str, Any] = {"time": arrow.column([begin for begin, _ in rows], MOMENT)}
    if request.group_name is not None:
        columns[request.group_name] = _keys(request, [key for _, key in rows])
    return pa.table(columns | _values(request, estimates))


def _top(request: NarrowedRequest, found: CellSums, noise: Noise) -> pa.Table:
    [metric] = found.sums
    rows = {row: _per_24(request, found, row, _estimate(found, noise, metric, row)) for row in found.sums[metric]}
    order = sorted(rows, key=lambda row: (-(rows[row][0] or 0), _order(row[1])))[: wanted_of(request)]
    keys = {request.group_name or "": _keys(request, [key for _, key in order])}
    return pa.table(keys | _values(request, [rows[row] for row in order]))


def _cache(request: NarrowedRequest, found: CellSums, noise: Noise) -> pa.Table:
    grid = _grid(request)
    columns: dict[str, Any] = {"time": arrow.column(grid, MOMENT)}
    each = {name: [_estimate(found, noise, name, (begin, None)) for begin in grid] for name in CACHE}
    for suffix in ("", "_without_icmp_errors"):
        payloads, hits = each[f"payloads{suffix}"], each[f"hits{suffix}"]
        pairs = [(p[0], h[0]) for p, h in zip(payloads, hits, strict=True)]
        rates = [None if h is None or not p else min(1.0, h / p) for p, h in pairs]
        columns[f"payloads{suffix}"] = arrow.column([p for p, _ in pairs], pa.int64())
        columns[f"hits{suffix}"] = arrow.column([h for _, h in pairs], pa.int64())
        columns[f"hit_rate{suffix}"] = arrow.column(rates, pa.float64())
    for name in CACHE:
        columns |= _interval(f"{name}_", each[name])
    return pa.table(columns)


def _values(request: Request, estimates: list[Estimate]) -> dict[str, Any]:
    if request.per_24:
        named = enumerate(("value", "low", "high"))
        return {name: arrow.column([each[at] for each in estimates], pa.float64()) for at, name in named}
    return {"value": arrow.column([value for value, _, _ in estimates], pa.int64())} | _interval("", estimates)


def _interval(prefix: str, estimates: list[Estimate]) -> dict[str, Any]:
    """Two columns, of whole numbers."""
    lows = [None if low is None else math.floor(low) for _, low, _ in estimates]
    highs = [None if high is None else math.ceil(high) for _, _, high in estimates]
    return {f"{prefix}low": arrow.column(lows, pa.int64()), f"{prefix}high": arrow.column(highs, pa.int64())}


def _per_24(request: Request, found: CellSums, row: Row, estimate: Estimate) -> Estimate:
    """Divided by the size of what was watched, of which viewers see two digits; without a value if that is 0."""
    if not request.per_24:
        return estimate
    begin, key = row
    since, until = (begin, begin + request.bin) if request.verb == "series" else (request.since, request.until)
    only = {found.view.table: key} if found.view.table in ("block", "sensor") and key is not None else {}
    size = float(f"{found.space.size_24(since, until, **only):.2g}")
    value, low, high = (None if each is None or not size else each / size for each in estimate)
    return value, low, high


def _keys(request: Request, keys: list[Any]) -> pa.Array:
    kinds = {"destination_port": pa.uint16(), "icmp_type": pa.uint8(), "protocol": pa.uint8()}
    return arrow.column(keys, kinds.get(request.group or "", pa.string()))


def _order(key: Any) -> str:
    return f"{key:020}" if isinstance(key, int) else str(key)


def _grid(request: Request) -> list[int]:
    return list(range(request.since or 0, request.until or 0, request.bin))
