"""Ways to make parts of pairs by kernels: distinct addresses by a group or a chosen value, and nearness by block.

Pairs are told apart by sorting (distinct/sorted_runs.py; docs/decisions/0060).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.query.engines.part_ways import Found
from ims.query.plans.local import NEAR, TOTALS

BATCH_ROWS = 1 << 18
MASK32 = 0xFFFF_FFFF
OCTETS_OF_A_PAIR = 48
"""At most: itself and its count, both twice while two runs are merged, and the columns made of it."""
OF_NEAR = ("sensor", "block", "source", "destination")
KINDS = {"uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32(), "int64": pa.int64()}


def _distinct_pairs(batches: Iterable[pa.RecordBatch], width: int, memory: int) -> Any:
    """The pairs of batches' two columns, a number and an address, each once, ascending. Raises OverflowError."""
    from ims.query.distinct.pair_set import write_pairs
    from ims.query.distinct.sorted_runs import SortedRuns

    with closing(SortedRuns(memory // OCTETS_OF_A_PAIR)) as found:
        for batch in batches:
            numbers, addresses = (arrow.numbers(column) for column in batch.columns)
            while numbers.size:
                room = found.room(numbers.size)
                write_pairs(numbers, addresses, width, room)
                numbers, addresses = numbers[room.size :], addresses[room.size :]
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
        group = KINDS[self.kind]
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
                found.add(near_keys(*(arrow.numbers(batch.column(name)) for name in OF_NEAR)))
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
