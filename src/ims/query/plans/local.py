"""The plan of `local`: how much came from sources near to what they sent to, and how that is spread over sources.

Packets of one source depend on each other, so what is known of a share or a rate depends on how many sources made it.
Hence the squares: a sum over sources of what each has sent, squared. They are made of one row for each source at a
block of a sensor, which is the cost: of 50 million packets from 20 million sources, DuckDB takes 17 s of processor time
and 4.3 GB. So kernels make many of them (distinct/near_totals.py): 2.9 s and 0.9 GB.

Where a sensor's packets may be in two places, those rows are what a store answers; else each store adds its own up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis

from ims.query.plans.part import Near, Parts, Rows, Table
from ims.query.plans.plan import Plan, Tables, selected
from ims.query.request import Request

NEAR = {"/16": "in_16", "/8": "in_8", "elsewhere": "elsewhere", "all": "packets"}
"""How near a source is to what it sends to: in the same /16, else in the same /8, else elsewhere. Names of columns."""
TOTALS = ("packets", "sources", "squares", "most")
_PLACE = ("sensor", "block", "source")


@ibis.udf.scalar.builtin(name="list_position")  # type: ignore[untyped-decorator]
def place_in(values: ibis.dtype("array<string>"), value: str) -> ibis.dtype("int32"):  # type: ignore[valid-type]
    """The place of a text in a list, from 1 on, as DuckDB names it: for a dictionary's values, not for each row."""
    return 0


def _by_source(tables: Tables, request: Request) -> Table:
    """A row for each source at a block of a sensor: all its packets, and those that were near."""
    packets = selected(tables, request)
    source, destination = (packets[name].cast("int64") for name in ("source", "destination"))
    apart = source ^ destination  # of addresses in one /16, the first 16 bits are alike
    same = [(apart < ibis.literal(1 << 32 - bits, "int64")).cast("int64") for bits in (16, 8)]
    packets = packets.select(*_PLACE, in_16=same[0], in_8=same[1] - same[0], elsewhere=1 - same[1], packets=1)
    return _added(packets, _PLACE)


def _added(table: Table, keys: tuple[str, ...]) -> Table:
    return table.group_by(keys).agg(**{name: table[name].cast("int64").sum() for name in NEAR.values()})


def _totals(by_source: Table) -> Table:
    """By block, and of all blocks together (whose name is null): what is added up, of each nearness."""
    together = _added(by_source, ("sensor", "source"))
    together = together.select(block=ibis.null("string"), **{name: together[name] for name in NEAR.values()})
    both = by_source.select("block", *NEAR.values()).union(together)
    totals: dict[str, Any] = {}
    for name in NEAR.values():
        sent = both[name].cast("int64")
        square = sent.cast("float64") * sent.cast("float64")  # of integers, Spark's would wrap around
        found = {"packets": sent.sum(), "sources": (sent > 0).cast("int64").sum(), "squares": square.sum(),
                 "most": sent.max()}  # fmt: skip
        totals |= {f"{name}_{what}": value for what, value in found.items()}
    return both.group_by("block").agg(**totals)


def _partial(tables: Tables, request: Request) -> Parts:
    by_source = _by_source(tables, request)
    if request.parted:
        return {"by_source": Rows(by_source)}
    every, packets = tables.packets, selected(tables, request)
    lists = {f"{name}s": every[name].collect(distinct=True, order_by=every[name]) for name in _PLACE[:2]}
    names = every.agg(**lists)
    places = {name: place_in(names[f"{name}s"].as_scalar(), packets[name]) for name in _PLACE[:2]}
    rows = packets.select(**places, source=packets.source, destination=packets.destination)
    return {"values": Near(names, rows, _totals(by_source))}


def _merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    values = _totals(_added(parts["by_source"], _PLACE)) if request.parted else parts["values"]
    if not request.parted and not whole:
        added = {
            name: values[name].max() if name.endswith("most") else values[name].sum() for name in values.columns[1:]
        }
        values = values.group_by("block").agg(**added)
    return values.order_by(values.block.asc(nulls_first=True)).limit(request.rows)


LOCAL = Plan(_partial, _merge)
"""By block and nearness."""
