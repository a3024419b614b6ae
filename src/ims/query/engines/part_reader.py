"""How parts of a plan are read: looks at the store, and ways to make parts of their rows.

A part by itself is one look. Two kinds of looks are cheaper. Distinct addresses, alone or by one group that is a
number, are read with all repeats, and kernels distinguish them (distinct/; savings: docs/decisions/0018). And parts of
one table without a group are read in one look: totals with distinct signatures, sources with destinations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.query.plans.local import NEAR, TOTALS
from ims.query.plans.part import MARKS_PART, Chosen, Members, Near, Part, Totals
from ims.query.request import Request

Found = Iterator[tuple[str, pa.Schema, Iterator[pa.RecordBatch]]]
"""Parts as streams of batches: finish one before the next."""
BATCH_ROWS = 1 << 18
MASK32 = 0xFFFF_FFFF
OCTETS_OF_A_PAIR = 48
"""At most: itself and its count, both twice while two runs are merged, and the columns made of it."""


@dataclass(frozen=True)
class AsTheyCome:
    """The rows are the part."""

    name: str


@dataclass(frozen=True)
class TotalsAndMembers:
    """One row: totals, and last a list of a column's distinct values."""

    totals: str
    members: str

    def found(self, batches: Iterable[pa.RecordBatch]) -> Found:
        """The two parts."""
        from ims.query.distinct.address_set import totals_and_members

        return totals_and_members(self.totals, self.members, batches)


@dataclass(frozen=True)
class Addresses:
    """Columns of addresses with all repeats, each a part of its own."""

    names: tuple[str, ...]

    def found(self, batches: Iterable[pa.RecordBatch], memory: int, marks: bool = False) -> Found:
        """The parts; with `marks`, dense addresses in parts beside them. Raises OverflowError where one column's
        addresses need more than `memory` octets."""
        from ims.query.distinct import address_set

        most = memory // address_set.OCTETS_OF_AN_ADDRESS
        columns = address_set.distinct_addresses(batches, len(self.names), most)
        for name, addresses in zip(self.names, columns, strict=True):
            dense = addresses.dense() if marks else {}
            yield name, address_set.MEMBERS, address_set.as_batches(addresses.all())
            if marks:
                yield f"{name}{MARKS_PART}", address_set.MARKED, address_set.as_marks(dense)


def _distinct_pairs(batches: Iterable[pa.RecordBatch], width: int, memory: int) -> Any:
    """The pairs of batches' two columns, a number and an address, each once, ascending. Raises OverflowError."""
    from ims.query.distinct.pair_set import as_pairs
    from ims.query.distinct.sorted_runs import SortedRuns

    with closing(SortedRuns(memory // OCTETS_OF_A_PAIR)) as found:
        for batch in batches:
            numbers, addresses = (arrow.numbers(column) for column in batch.columns)
            found.add(as_pairs(numbers, addresses, width))
        return found.all().numbers


@dataclass(frozen=True)
class Pairs:
    """Distinct pairs of a group's number and an address. The number is a bin's begin less `origin`, a multiple of
    `width`, or the group itself; plus one, and 0 for null, if it `may_lack`. `bits`: of the address, which is also
    grouped by these first ones of itself (`key`)."""

    name: str
    group: str
    kind: str
    width: int
    may_lack: bool
    bits: int = 0
    origin: int = 0

    def found(self, batches: Iterable[pa.RecordBatch], memory: int, counted: bool = False) -> Found:
        """The part; if `counted`, instead the part `values`: how many addresses each group has. Raises OverflowError
        where the pairs need more memory, or a group's number more than 32 bits."""
        from ims.query.distinct.pair_set import apart, members_counted

        pairs = _distinct_pairs(batches, self.width, memory)
        if counted:
            pairs, values = members_counted(pairs, self.bits)
        numbers, addresses = apart(pairs)
        del pairs
        columns = {self.group: self._group(numbers)}
        if self.bits:
            first = addresses & np.uint32((MASK32 << 32 - self.bits) & MASK32)
            columns["key"] = arrow.column(first.astype(np.int64), pa.int64())
        if counted:
            columns["value"] = arrow.column(values, pa.int64())
        else:
            columns["member"] = arrow.column(addresses, pa.uint32())
        rows = pa.Table.from_arrays(list(columns.values()), names=list(columns))
        yield "values" if counted else self.name, rows.schema, iter(rows.to_batches(max_chunksize=BATCH_ROWS))

    def _group(self, numbers: Any) -> pa.Array:
        """The groups' column."""
        group = _KINDS[self.kind]
        if not self.may_lack:
            begins = numbers * self.width if self.width > 1 else numbers
            return arrow.column(begins + self.origin if self.origin else begins, group)
        values = pa.py_buffer((numbers - 1).astype(group.to_pandas_dtype()))
        return pa.Array.from_buffers(group, numbers.size, [arrow.bitmap(numbers > 0), values])


@dataclass(frozen=True)
class NearTotals:
    """Totals by block and nearness of packets, of each source at a time (plans/local.py)."""

    name: str

    def found(self, batches: Iterable[pa.RecordBatch], memory: int, names: pa.Table) -> Found:
        """The part. `names`: of sensors and blocks. Raises OverflowError where sources need more memory."""
        from ims.query.distinct.near_totals import near_keys, near_totals
        from ims.query.distinct.sorted_runs import SortedRuns

        blocks = names.column("blocks").to_pylist()[0] or []
        with closing(SortedRuns(memory // OCTETS_OF_A_PAIR, counted=True)) as found:
            for batch in batches:
                found.add(near_keys(*(arrow.numbers(batch.column(name)) for name in _OF_NEAR)))
            totals, squares = near_totals(*found.all(), len(blocks))
        came = np.flatnonzero(totals[:, -1, 0])
        columns = {"block": arrow.column([[*blocks, None][at] for at in came.tolist()], pa.string())}
        for near, name in enumerate(NEAR.values()):
            packets, sources, most = totals[came, near].T
            for what, values in zip(TOTALS, (packets, sources, squares[came, near], most), strict=True):
                columns[f"{name}_{what}"] = arrow.column(values, pa.from_numpy_dtype(values.dtype))
        rows = pa.Table.from_arrays(list(columns.values()), names=list(columns))
        yield self.name, rows.schema, iter(rows.to_batches())


@dataclass(frozen=True)
class ChosenPairs:
    """Distinct pairs of a chosen value's place and an address (plans/details.py)."""

    name: str
    chosen: tuple[Any, ...]

    def found(self, batches: Iterable[pa.RecordBatch], memory: int, counted: bool = False) -> Found:
        """The part; if `counted`, instead the part `values`: how many addresses each chosen value has. Raises
        OverflowError where the pairs need more memory."""
        from ims.query.distinct.pair_set import apart, members_counted

        pairs = _distinct_pairs(batches, 1, memory)
        if counted:
            pairs, values = members_counted(pairs)
        numbers, addresses = apart(pairs)
        key = arrow.column(self.chosen, pa.uint32() if isinstance(self.chosen[0], int) else pa.binary())
        columns = {"key": key.take(arrow.column(numbers, pa.int64()))}
        columns |= {"value": arrow.column(values, pa.int64())} if counted else {
            "other": arrow.column(addresses, pa.uint32())}  # fmt: skip
        rows = pa.Table.from_arrays(list(columns.values()), names=list(columns))
        yield "values" if counted else self.name, rows.schema, iter(rows.to_batches(max_chunksize=BATCH_ROWS))


Way = AsTheyCome | TotalsAndMembers | Addresses | Pairs | NearTotals | ChosenPairs
_OF_NEAR = ("sensor", "block", "source", "destination")
_KINDS = {"uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32(), "int64": pa.int64()}


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
    if kind not in _KINDS or (kind == "uint32" and request.group not in ("source", "destination")):
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
    near = pa.RecordBatch.from_arrays([places, places, addresses, addresses], list(_OF_NEAR))
    names = pa.Table.from_pylist([{"sensors": ["one"], "blocks": ["one"]}])
    list(NearTotals("values").found([near], 128 << 20, names))
