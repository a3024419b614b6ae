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
from ims.query.plans.part import MARKS_PART, Members, Part, Totals
from ims.query.request import Request

Found = Iterator[tuple[str, pa.Schema, Iterator[pa.RecordBatch]]]
"""Parts as streams of batches: finish one before the next."""
BATCH_ROWS = 1 << 18
OCTETS_OF_A_PAIR = 64
"""At most: its places in two tables while one grows, and in the columns made of it."""


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


@dataclass(frozen=True)
class Pairs:
    """Distinct pairs of a group's number and an address. The number is a bin's begin, a multiple of `width`, or the
    group itself; plus one, and 0 for null, if it `may_lack`."""

    name: str
    group: str
    kind: str
    width: int
    may_lack: bool

    @property
    def schema(self) -> pa.Schema:
        """The part's."""
        return pa.schema([(self.group, _KINDS[self.kind]), ("member", pa.uint32())])

    def found(self, batches: Iterable[pa.RecordBatch], memory: int) -> Found:
        """The part. Raises OverflowError where the pairs need more memory, or a group's number more than 32 bits."""
        from ims.query.distinct.pair_set import DistinctPairs, as_pairs

        with closing(DistinctPairs(memory // OCTETS_OF_A_PAIR)) as found:
            for batch in batches:
                groups, members = (arrow.numbers(column) for column in batch.columns)
                found.add(as_pairs(groups, members, self.width))
            numbers, addresses = found.all()
        group = _KINDS[self.kind]
        if not self.may_lack:
            column = arrow.column(numbers * self.width, group)
        else:
            values = pa.py_buffer((numbers - 1).astype(group.to_pandas_dtype()))
            column = pa.Array.from_buffers(group, numbers.size, [arrow.bitmap(numbers > 0), values])
        rows = pa.Table.from_arrays([column, arrow.column(addresses, pa.uint32())], schema=self.schema)
        yield self.name, self.schema, iter(rows.to_batches(max_chunksize=BATCH_ROWS))


Way = AsTheyCome | TotalsAndMembers | Addresses | Pairs
_KINDS = {"uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32(), "int64": pa.int64()}


@dataclass(frozen=True)
class Look:
    """An expression to read, and the way to make parts of its rows. `instead`: the same parts by the database alone."""

    expression: Any
    way: Way
    instead: Mapping[str, Any] = field(default_factory=dict)


def looks(parts: Mapping[str, Part], request: Request, pairs: bool) -> list[Look]:
    """How some parts are read. `pairs`: whether kernels count distinct addresses of a group."""
    left = dict(parts)
    found = list(_together(left))
    for name, part in left.items():
        pair = _pairs(name, part, request) if pairs and isinstance(part, Members) else None
        found.append(pair or Look(part.expression, AsTheyCome(name)))
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
    """How kernels count a part's addresses; None for two groups, no number, or a nullable number of 32 bits."""
    if len(part.keys) != 1 or _kind(part) != "uint32":
        return None
    [group] = part.keys
    kind = str(part.table[group].type())
    if kind not in _KINDS or (kind == "uint32" and request.group not in ("source", "destination")):
        return None
    width = request.bin if group == "bin" else 1
    may_lack = kind not in ("int64", "uint32")  # bins, prefixes and addresses are never null
    rows = part.rows
    number = rows[group].cast("int64")
    number = (number + 1).fill_null(0) if may_lack else number
    way = Pairs(name, group, kind, width, may_lack)
    return Look(rows.select(number=number, member=rows.member), way, {name: part.expression})


def load_kernels() -> None:
    """Compile and load all kernels of addresses and pairs while their cache is readable and nobody waits for them."""
    from ims.query.distinct.address_set import Distinct
    from ims.query.distinct.bitmap import MARKS, by_eight, mark, no_recent, unlike_before
    from ims.query.distinct.hash_kernels import move

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
    move(np.zeros(64, np.uint64), np.uint64(1), np.uint64(1), np.zeros(128, np.uint64))
    batch = pa.RecordBatch.from_arrays([pa.array(range(8), pa.int64()), arrow.column(one, pa.uint32())], ["a", "b"])
    list(Pairs("members", "bin", "int64", 1, False).found([batch], 128 << 20))
