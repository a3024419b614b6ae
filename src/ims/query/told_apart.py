"""Which distinct rows of a plan are told apart by our kernels instead of by DuckDB, and how.

A plan's distinct addresses, alone or by one group that is a number, are the costly part of large questions. Here
DuckDB only reads: addresses alone are marked (distinct.py), those of a group become pairs of 64 bits
(distinct_pairs.py). What it saves is in docs/decisions/0018.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import ibis.expr.operations as ops
import numpy as np
import pyarrow as pa

from ims import arrow
from ims.query.request import Request


@dataclass(frozen=True)
class Packed:
    """`rows`: an expression of what to read, with all its repeats: the group's number, if there is a group, and the
    address. The number is a bin's begin, of which each is a multiple of `width`, or the group itself; one more, and 0
    for null, if it `may_lack`."""

    rows: Any
    schema: pa.Schema
    width: int
    may_lack: bool

    def told_apart(self, batches: Iterable[pa.RecordBatch], most: int) -> pa.Table:
        """The distinct rows, of `schema`. Raises OverflowError where they are more than `most`, or where a
        group's number has more than 32 bits."""
        if len(self.schema) == 1:
            return self._addresses(batches, most)
        from ims.query.distinct_pairs import DistinctPairs, as_pairs

        with closing(DistinctPairs(most)) as found:
            for batch in batches:
                groups, members = (arrow.numbers(column) for column in batch.columns)
                found.add(as_pairs(groups, members, self.width))
            numbers, addresses = found.all()
        group = self.schema[0].type
        if not self.may_lack:
            column = arrow.column(numbers * self.width, group)
        else:
            values = pa.py_buffer((numbers - 1).astype(group.to_pandas_dtype()))
            column = pa.Array.from_buffers(group, numbers.size, [arrow.bitmap(numbers > 0), values])
        return pa.Table.from_arrays([column, arrow.column(addresses, pa.uint32())], schema=self.schema)

    def _addresses(self, batches: Iterable[pa.RecordBatch], most: int) -> pa.Table:
        from ims.query.distinct import Distinct

        found = Distinct(most)
        for batch in batches:
            if len(batch):
                found.add(arrow.numbers(batch.column(0)))
        return pa.Table.from_arrays([arrow.column(found.all(), pa.uint32())], schema=self.schema)


def packed(part: Any, request: Request) -> Packed | None:
    """How a plan's part is told apart here; None where it isn't one of distinct addresses, or they are by two groups,
    or by one of another kind, such as a text or a number that any packet may lack and that has 32 bits, which is left
    to the engine."""
    kinds = {name: str(kind) for name, kind in part.schema().items()}
    if not isinstance(part.op(), ops.Distinct) or kinds.pop("member", "") != "uint32":
        return None
    rows = part.op().parent.to_expr()
    if not kinds:
        return Packed(rows, _schema(), 1, False)
    [(name, kind), *more] = kinds.items()
    if more or kind not in _KINDS or (kind == "uint32" and request.group not in ("source", "destination")):
        return None
    width = request.bin if name == "bin" else 1
    may_lack = kind not in ("int64", "uint32")  # bins, prefixes, addresses: no packet is without
    number = rows[name].cast("int64")
    number = (number + 1).fill_null(0) if may_lack else number
    return Packed(rows.select(number=number, member=rows.member), _schema(name, kind), width, may_lack)


_KINDS = {"uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32(), "int64": pa.int64()}


def _schema(name: str = "", kind: str = "") -> pa.Schema:
    group = [(name, _KINDS[kind])] if name else []
    return pa.schema([*group, ("member", pa.uint32())])


def load_kernels() -> None:
    """Have the kernels that tell addresses apart compiled and loaded, by some addresses of one /8 and of two, and by
    pairs: while their cache can be read, as long as nobody waits for an answer."""
    from ims.query.distinct import Distinct
    from ims.query.hashed import move
    from ims.query.marks import MARKS, by_eight, mark, no_recent, unlike_before

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
    Packed(None, _schema("bin", "int64"), 1, False).told_apart([batch], 1 << 20)
