"""Distinct addresses of an answer, told apart by flags or by sorting: exact, and a fifth of what a hash table costs.

A sensor's half of `count` has its distinct sources and destinations, in order; their union is counted where halves
meet.
(Measured: DuckDB's DISTINCT takes 100 to 150 ns a row where most differ.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow

Numbers = np.ndarray[Any, np.dtype[np.uint32]]
MEMBERS = pa.schema([pa.field("member", pa.uint32())])
TOTALS = pa.schema([pa.field(name, pa.int64()) for name in ("packets", "bytes", "payloads", "first", "last")])
SIGNATURES = pa.schema([pa.field("member", pa.binary())])
FLAGGED = 2
"""/8s whose addresses have a flag each."""
AT_ONCE = 1 << 23
"""So many new ones are put among the others together."""
BATCH_ROWS = 1 << 18
COUNTED = ("packets", "bytes", "sources", "destinations", "payloads", "signatures", "first", "last")


class Distinct:
    """Distinct numbers of columns that come batch by batch.

    While each batch is of one /8, and all are of two at most, as a darknet's destinations are, each number sets a flag
    of its own (a byte, 16 MiB a /8); otherwise they are sorted.
    """

    def __init__(self) -> None:
        self._flags: dict[int, np.ndarray[Any, np.dtype[np.bool_]]] = {}
        self._known = np.zeros(0, np.uint32)
        self._new: list[Numbers] = []
        self._waiting = 0
        self._sorting = False

    def add(self, numbers: Numbers) -> None:
        """Numbers as they come; their memory may be used again."""
        eight = int(numbers.min()) >> 24
        if self._sorting or int(numbers.max()) >> 24 != eight or len(self._flags.keys() | {eight}) > FLAGGED:
            self._sorting = True
            self._new.append(numbers.copy())
            self._waiting += numbers.size
            if self._waiting > max(AT_ONCE, self._known.size // 2):
                self._known, self._new, self._waiting = once([self._known, *self._new]), [], 0
            return
        if eight not in self._flags:
            self._flags[eight] = np.zeros(1 << 24, np.bool_)
        self._flags[eight][numbers & 0xFFFFFF] = True

    def all(self) -> Numbers:
        """Each once, ascending."""
        flagged = [
            (np.flatnonzero(flags) + (eight << 24)).astype(np.uint32) for eight, flags in sorted(self._flags.items())
        ]
        if not self._new and not self._known.size:
            return np.concatenate(flagged) if flagged else self._known
        return once([self._known, *self._new, *flagged])


def distinct_addresses(batches: Iterable[pa.RecordBatch]) -> tuple[Numbers, Numbers]:
    """The distinct numbers of the batches' two columns."""
    columns = (Distinct(), Distinct())
    for batch in batches:
        for column, found in zip(batch.columns, columns, strict=True):
            if len(column):
                found.add(arrow.numbers(column))
    return columns[0].all(), columns[1].all()


def totals_and_signatures(
    batches: Iterable[pa.RecordBatch],
) -> Iterator[tuple[str, pa.Schema, Iterator[pa.RecordBatch]]]:
    """The parts `totals` and `signature` of the one row that has both."""
    [row] = pa.Table.from_batches(batches).combine_chunks().to_batches()
    yield "totals", TOTALS, iter([pa.RecordBatch.from_arrays(row.columns[: len(TOTALS)], schema=TOTALS)])
    signatures = row.column(len(TOTALS)).flatten().cast(pa.binary())
    yield "signature", SIGNATURES, iter([pa.RecordBatch.from_arrays([signatures], schema=SIGNATURES)])


def once(parts: Sequence[Numbers]) -> Numbers:
    """All of some arrays, each once, ascending."""
    whole = np.concatenate(parts)
    whole.sort()
    return whole[np.concatenate([[True], whole[1:] != whole[:-1]])] if whole.size else whole


def as_batches(numbers: Numbers) -> Iterator[pa.RecordBatch]:
    """As a part of an answer."""
    for begin in range(0, numbers.size, BATCH_ROWS):
        column = arrow.column(numbers[begin : begin + BATCH_ROWS], pa.uint32())
        yield pa.RecordBatch.from_arrays([column], schema=MEMBERS)


def merged_count(gathered: Mapping[str, Sequence[pa.Table]]) -> pa.Table:
    """The one row of `count`, from halves whose sources and destinations are distinct already."""
    totals = [row for table in gathered.get("totals", ()) for row in table.to_pylist()]
    signatures = gathered.get("signature", ())
    unique = pa.concat_tables(signatures).column("member").unique() if signatures else ()
    row = {
        "packets": sum(total["packets"] for total in totals),
        "bytes": sum(total["bytes"] or 0 for total in totals),
        "sources": _union(gathered.get("source", ())),
        "destinations": _union(gathered.get("destination", ())),
        "payloads": sum(total["payloads"] or 0 for total in totals),
        "signatures": len(unique),
        "first": min((total["first"] for total in totals if total["first"] is not None), default=None),
        "last": max((total["last"] for total in totals if total["last"] is not None), default=None),
    }
    return arrow.table([row], pa.schema([pa.field(name, pa.int64()) for name in COUNTED]))


def _union(tables: Sequence[pa.Table]) -> int:
    """How many numbers are in any of the tables."""
    columns = [table.column("member").combine_chunks() for table in tables if table.num_rows]
    if not columns:
        return 0
    whole = np.concatenate([arrow.numbers(column) for column in columns])
    whole.sort()
    return 1 + int(np.count_nonzero(whole[1:] != whole[:-1]))
