"""How parts of a plan are read: looks at the store, and what makes the parts of the rows that come.

A part by itself is one look, and its rows are what the database gives. Two kinds of looks are cheaper. Addresses that
are only distinguished, alone or by one group that is a number, are read with all their repeats, and kernels distinguish
them (distinct/address_set.py, distinct/pair_set.py; what it saves is in docs/decisions/0018). And parts of one table
without a group are read in one look: totals with distinct signatures, sources with destinations.
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
"""Parts, each as its batches come: finish one before the next."""
BATCH_ROWS = 1 << 18
OCTETS_OF_A_PAIR = 64
"""At most: its places in two tables while one grows, and in the columns made of it."""


@dataclass(frozen=True)
class AsTheyCome:
    """The rows are the part."""

    name: str


@dataclass(frozen=True)
class TotalsAndMembers:
    """One row: totals, and last the distinct values of a column, in one list."""

    totals: str
    members: str

    def found(self, batches: Iterable[pa.RecordBatch]) -> Found:
        """The two parts."""
        from ims.query.distinct.address_set import totals_and_members

        return totals_and_members(self.totals, self.members, batches)


@dataclass(frozen=True)
class Addresses:
    """Columns of addresses with all their repeats, each of them a part of its own."""

    names: tuple[str, ...]

    def found(self, batches: Iterable[pa.RecordBatch], memory: int, marks: bool = False) -> Found:
        """The parts; with `marks`, dense addresses in parts beside them. `memory`: octets of one column; raises
        OverflowError where its addresses are more than they have room for."""
        from ims.query.distinct import address_set
        from ims.query.distinct.address_set import MARKED, MEMBERS, as_batches, as_marks

        most = memory // address_set.OCTETS_OF_AN_ADDRESS
        columns = address_set.distinct_addresses(batches, len(self.names), most)
        for name, addresses in zip(self.names, columns, strict=True):
            dense = addresses.dense() if marks else {}
            yield name, MEMBERS, as_batches(addresses.all())
            if marks:
                yield f"{name}{MARKS_PART}", MARKED, as_marks(dense)


@dataclass(frozen=True)
class Pairs:
    """A group's number, and an address: distinct pairs of both. The number is a bin's begin, of which each is a
    multiple of `width`, or the group itself; one more, and 0 for null, if it `may_lack`."""

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
        """The part. Raises OverflowError where there are more pairs than so many octets have room for, or where a
        group's number has more than 32 bits."""
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
    """An expression to read, and what makes parts of its rows. `instead`: the same parts by the database alone."""

    expression: Any
    way: Way
    instead: Mapping[str, Any] = field(default_factory=dict)


def looks(parts: Mapping[str, Part], request: Request, together: bool, pairs: bool) -> list[Look]:
    """How some parts are read. `together`: those without a group in one look where they can be; `pairs`: whether
    kernels count distinct addresses of a group."""
    found: list[Look] = []
    left = dict(parts)
    if together:
        found += _together(left)
    for name, part in left.items():
        pair = _pairs(name, part, request) if pairs and isinstance(part, Members) else None
        found.append(pair or Look(part.expression, AsTheyCome(name)))
    return found


def _together(left: dict[str, Part]) -> Iterator[Look]:
    """The looks that give several parts, which are taken out."""
    alone = {name: part for name, part in left.items() if isinstance(part, Members) and not part.keys}
    totals = next(((name, part) for name, part in left.items() if isinstance(part, Totals)), None)
    addresses = {name: part for name, part in alone.items() if _kind(part) == "uint32"}
    if totals is not None:
        for name, part in alone.items():
            if name not in addresses and part.table is totals[1].table:
                member = part.table[part.column]
                both = totals[1].table.agg(
                    **totals[1].values, member=member.collect(where=member.notnull(), distinct=True)
                )
                instead = {each: left.pop(each).expression for each in (totals[0], name)}
                yield Look(both, TotalsAndMembers(totals[0], name), instead)
                break
    if addresses:
        table = next(iter(addresses.values())).table
        columns = {name: part.column for name, part in addresses.items() if part.table is table}
        instead = {name: left.pop(name).expression for name in columns}
        yield Look(
            table.select(**{name: table[column] for name, column in columns.items()}),
            Addresses(tuple(columns)),
            instead,
        )


def _kind(part: Members) -> str:
    return str(part.table[part.column].type())


def _pairs(name: str, part: Members, request: Request) -> Look | None:
    """How kernels count a part's distinct addresses; None where it is by two groups, or by one of another kind, such as
    a text or a number that any packet may lack and that has 32 bits, which is left to the database."""
    if len(part.keys) != 1 or _kind(part) != "uint32":
        return None
    [group] = part.keys
    kind = str(part.table[group].type())
    if kind not in _KINDS or (kind == "uint32" and request.group not in ("source", "destination")):
        return None
    width = request.bin if group == "bin" else 1
    may_lack = kind not in ("int64", "uint32")  # bins, prefixes, addresses: no packet is without
    rows = part.rows
    number = rows[group].cast("int64")
    number = (number + 1).fill_null(0) if may_lack else number
    way = Pairs(name, group, kind, width, may_lack)
    return Look(rows.select(number=number, member=rows.member), way, {name: part.expression})


def load_kernels() -> None:
    """Have the kernels that distinguish addresses  compiled and loaded, by some addresses of one /8 and of two, and by
    pairs: while their cache can be read, as long as nobody waits for an answer."""
    from ims.query.distinct.address_set import Distinct
    from ims.query.distinct.bitmap import MARKS, by_eight, mark, no_recent, unlike_before
    from ims.query.distinct.hash_kernels import move

    one = arrow.numbers(arrow.column(np.arange(8, dtype=np.uint32), pa.uint32()))
    frozen = one.copy()  # an engine's are often not to be written to: to Numba another kind of array
    frozen.flags.writeable = False
    for addresses in (
        [one],
        [frozen],
        [frozen, frozen + np.uint32(1 << 24)],
        [one, one + np.uint32(1 << 24), one + np.uint32(1 << 25)],
    ):
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
