"""How parts of a plan are read: looks at the store, and ways to make parts of their rows (part_ways.py, pair_ways.py).

A part by itself is one look. Two kinds of looks are cheaper. Distinct addresses, alone or by one group that is a
number, are read with all repeats, and kernels distinguish them (distinct/; savings: docs/decisions/0018). And parts of
one table without a group are read in one look: totals with distinct signatures, sources with destinations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.query.engines.pair_ways import KINDS, OF_NEAR, ChosenPairs, NearTotals, Pairs
from ims.query.engines.part_ways import Addresses, AsTheyCome, TotalsAndMembers
from ims.query.plans.part import Chosen, Members, Near, Part, Totals
from ims.query.request import Request

Way = AsTheyCome | TotalsAndMembers | Addresses | Pairs | NearTotals | ChosenPairs


@dataclass(frozen=True)
class Look:
    """An expression to read, and the way to make parts of its rows. `instead`: the same parts by the database alone.
    `names`: what is read first, if anything."""

    expression: Any
    way: Way
    instead: Mapping[str, Any] = field(default_factory=dict)
    names: Any = None


def looks(parts: Mapping[str, Part], request: Request, pairs: bool) -> list[Look]:
    """How some parts are read. `pairs`: whether kernels count addresses of a group, and near ones."""
    left = dict(parts)
    found = list(_together(left))
    for name, part in left.items():
        look = Look(part.expression, AsTheyCome(name))
        if pairs and isinstance(part, Members):
            look = _pairs(name, part, request) or look
        elif pairs and isinstance(part, Chosen) and part.chosen and str(part.rows.member.type()) == "uint32":
            look = Look(part.rows, ChosenPairs(name, tuple(part.chosen)), {name: part.expression})
        elif pairs and isinstance(part, Near):
            look = Look(part.rows, NearTotals(name), {name: part.expression}, part.names)
        found.append(look)
    return found


def _together(left: dict[str, Part]) -> Iterator[Look]:
    """The looks with several parts, which are removed from `left`."""
    alone = {name: part for name, part in left.items() if isinstance(part, Members) and not part.keys}
    addresses = {name: part for name, part in alone.items() if _kind(part) == "uint32"}
    rows = {name: part for name, part in left.items() if isinstance(part, Totals)}
    both = [(t, m) for t in rows for m in alone if m not in addresses and alone[m].table is rows[t].table]
    for totals, members in both[:1]:
        row, member = rows[totals], rows[totals].table[alone[members].column]
        expression = row.table.agg(**row.values, member=member.collect(where=member.notnull(), distinct=True))
        instead = {name: left.pop(name).expression for name in (totals, members)}
        yield Look(expression, TotalsAndMembers(totals, members), instead)
    if addresses:
        table = next(iter(addresses.values())).table
        columns = {name: part.column for name, part in addresses.items() if part.table is table}
        instead = {name: left.pop(name).expression for name in columns}
        expression = table.select(**{name: table[column] for name, column in columns.items()})
        yield Look(expression, Addresses(tuple(columns)), instead)


def _kind(part: Members) -> str:
    return str(part.table[part.column].type())


def _pairs(name: str, part: Members, request: Request) -> Look | None:
    """How kernels count a part's addresses; None for two groups, unless one is a prefix of these addresses, no number,
    or a nullable number of 32 bits."""
    bits = 0
    if part.keys == ("bin", "key") and request.prefix is not None and request.prefix.address == part.column:
        bits = request.prefix.bits
    elif len(part.keys) != 1:
        return None
    if _kind(part) != "uint32":
        return None
    group = part.keys[0]
    kind = str(part.table[group].type())
    if kind not in KINDS or (kind == "uint32" and request.group not in ("source", "destination")):
        return None
    width, origin = (request.bin, (request.origin or 0) % request.bin) if group == "bin" else (1, 0)
    may_lack = kind not in ("int64", "uint32")  # bins, prefixes and addresses are never null
    rows = part.rows
    number = rows[group].cast("int64")
    number = (number + 1).fill_null(0) if may_lack else number - origin if origin else number
    way = Pairs(name, group, kind, width, may_lack, bits, origin)
    return Look(rows.select(number=number, member=rows.member), way, {name: part.expression})


def load_kernels() -> None:
    """Compile and load all kernels of addresses and pairs while their cache is readable and nobody waits for them."""
    from ims.query.distinct.address_set import Distinct
    from ims.query.distinct.bitmap import MARKS, by_eight, mark, no_recent, unlike_before
    from ims.query.distinct.sort_kernels import merge
    from ims.query.distinct.sorted_runs import NOTHING

    one = arrow.numbers(arrow.column(np.arange(8, dtype=np.uint32), pa.uint32()))
    frozen = one.copy()  # an engine's are often read-only: another type to Numba
    frozen.flags.writeable = False
    second, third = one + np.uint32(1 << 24), one + np.uint32(1 << 25)
    for addresses in ([one], [frozen], [frozen, second], [one, second, third]):
        found = Distinct()
        for some in addresses:
            found.add(some)
        found.all()
    ordered, recent = np.empty_like(one), no_recent()
    for some in (one, frozen):
        unlike_before(some, recent, ordered)
        by_eight(some, np.empty(256, np.int64), ordered)
    mark(np.zeros(MARKS, np.uint64), ordered)
    merge(*NOTHING, *NOTHING, *(array.copy() for array in NOTHING))

    def column(values: Any, kind: pa.DataType) -> pa.Array:
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values.tobytes())])  # read-only

    addresses, groups = column(one, pa.uint32()), column(one.astype(np.int64), pa.int64())
    pairs = pa.RecordBatch.from_arrays([groups, addresses], ["number", "member"])
    list(Pairs("members", "bin", "int64", 1, False).found([pairs], 128 << 20))
    places = column(np.ones(8, np.int32), pa.int32())
    near = pa.RecordBatch.from_arrays([places, places, addresses, addresses], list(OF_NEAR))
    names = pa.Table.from_pylist([{"sensors": ["one"], "blocks": ["one"]}])
    list(NearTotals("values").found([near], 128 << 20, names))
