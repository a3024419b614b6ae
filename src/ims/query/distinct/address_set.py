"""Distinct addresses of an answer: exact, and much cheaper than a hash table.

A sensor's half of `count` has its distinct sources and destinations, ascending; their union is counted when merging.
See bitmap.py for how. (Measured: DuckDB's DISTINCT takes 100 to 150 ns a row where most differ.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.query.distinct.bitmap import MARKS, PLACES, by_eight, mark, marked, no_recent, unlike_before
from ims.query.plans.part import MARKS_PART

Numbers = np.ndarray[Any, np.dtype[np.uint32]]
Marks = np.ndarray[Any, np.dtype[np.uint64]]
MEMBERS = pa.schema([pa.field("member", pa.uint32())])
MARKED = pa.schema([pa.field("eight", pa.uint8()), pa.field("marks", pa.binary(MARKS * 8))])
"""A /8, and a bit for each of its addresses."""
DENSE = 1 << 19
"""Addresses of a /8 from which on marks are smaller than numbers."""
SIGNATURES = pa.schema([pa.field("member", pa.binary())])
MOST_MARKED = 8
"""/8s whose addresses are marked at once, 2 MiB each."""
AT_ONCE = 1 << 23
"""So many other addresses are collected before they are distinguished, more when many are known."""
LEAST_AT_ONCE = 1 << 16
FEW = 1 << 21
"""Below this, sorting is faster than reading the marks of 256 /8s."""
MANY = 1 << 20
"""From so many on, it pays to remember recent ones."""
OCTETS_OF_AN_ADDRESS = 24
"""At most: its number, half as many waiting, both twice while they are distinguished, and as part of an answer."""
BATCH_ROWS = 1 << 18
_EIGHTS = np.arange(256, dtype=np.uint32) << 24


class Distinct:
    """Distinct addresses of a column's batches. While each batch is of one /8, and all are of at most MOST_MARKED, as a
    darknet's destinations are, they are marked at once; otherwise AT_ONCE are collected, without most of the recent
    ones. `most`: limit for this second case, in which about half as many are waiting."""

    def __init__(self, most: int = 1 << 32) -> None:
        self._most, self._at_once = most, min(AT_ONCE, max(most // 2, LEAST_AT_ONCE))
        self._recent: Numbers | None = None
        self._marks = defaultdict[int, Marks](lambda: np.zeros(MARKS, np.uint64))
        self._known = np.zeros(0, np.uint32)
        self._new: list[Numbers] = []
        self._waiting, self._mixed = 0, False

    def add(self, numbers: Numbers) -> None:
        """Add a batch, whose memory may be reused. Raises OverflowError beyond `most`."""
        eight = int(numbers.min()) >> 24
        if self._mixed or int(numbers.max()) >> 24 != eight or len(self._marks.keys() | {eight}) > MOST_MARKED:
            self._mixed = True
            new = self._unlike_before(numbers)
            self._new.append(new)
            self._waiting += new.size
            if self._waiting > max(self._at_once, self._known.size // 2):
                self._known, self._new, self._waiting = self._few(once([self._known, *self._new])), [], 0
            return
        mark(self._marks[eight], numbers)

    def _unlike_before(self, numbers: Numbers) -> Numbers:
        if self._waiting + numbers.size < MANY:
            return numbers.copy()
        if self._recent is None:
            self._recent = no_recent()
        new = np.empty_like(numbers)
        new = new[: unlike_before(numbers, self._recent, new)]
        return new if new.size > numbers.size // 2 else new.copy()  # or the rest of its memory would wait too

    def dense(self) -> dict[int, Marks]:
        """The marks of the /8s with at least DENSE addresses, which `all` then leaves out."""
        if self._mixed:
            return {}
        many = [eight for eight, marks in self._marks.items() if count_of(marks) >= DENSE]
        return {eight: self._marks.pop(eight) for eight in sorted(many)}

    def all(self) -> Numbers:
        """Each once, ascending; ends adding. Raises OverflowError beyond `most`."""
        parts = [_read(marks, eight) for eight, marks in sorted(self._marks.items())]
        if not self._mixed:
            return np.concatenate(parts) if parts else self._known
        return self._few(once([self._known, *self._new, *parts]))

    def _few(self, addresses: Numbers) -> Numbers:
        if addresses.size > self._most:
            raise OverflowError(f"{addresses.size:,} distinct addresses; at most {self._most:,} are counted")
        return addresses


def once(parts: Sequence[Numbers]) -> Numbers:
    """The arrays' values, each once, ascending."""
    whole = np.concatenate(parts)
    if whole.size < FEW:
        whole.sort()
        return whole[np.concatenate([[True], whole[1:] != whole[:-1]])] if whole.size else whole
    ordered, ends = np.empty_like(whole), np.empty(256, np.int64)
    by_eight(whole, ends, ordered)
    marks, at, begin = np.zeros(MARKS, np.uint64), 0, 0
    for eight, end in enumerate(ends.tolist()):
        if end > begin:
            mark(marks, ordered[begin:end])
            at = marked(marks, eight, PLACES, whole, at)
            begin = end
    return whole[:at]


def distinct_addresses(batches: Iterable[pa.RecordBatch], columns: int, most: int = 1 << 32) -> tuple[Distinct, ...]:
    """The distinct numbers of each column of the batches. Raises OverflowError beyond `most` in one."""
    found = tuple(Distinct(most) for _ in range(columns))
    for batch in batches:
        for column, addresses in zip(batch.columns, found, strict=True):
            if len(column):
                addresses.add(arrow.numbers(column))
    return found


def totals_and_members(
    totals: str, members: str, batches: Iterable[pa.RecordBatch]
) -> Iterator[tuple[str, pa.Schema, Iterator[pa.RecordBatch]]]:
    """Two parts of one row, whose last column is a list of members."""
    [row] = pa.Table.from_batches(batches).combine_chunks().to_batches()
    schema = pa.schema(list(row.schema)[:-1])
    yield totals, schema, iter([pa.RecordBatch.from_arrays(row.columns[:-1], schema=schema)])
    values = row.columns[-1].flatten().cast(pa.binary())
    yield members, SIGNATURES, iter([pa.RecordBatch.from_arrays([values], schema=SIGNATURES)])


def as_batches(numbers: Numbers) -> Iterator[pa.RecordBatch]:
    """As a part of an answer."""
    for begin in range(0, numbers.size, BATCH_ROWS):
        column = arrow.column(numbers[begin : begin + BATCH_ROWS], pa.uint32())
        yield pa.RecordBatch.from_arrays([column], schema=MEMBERS)


def as_marks(dense: Mapping[int, Marks]) -> Iterator[pa.RecordBatch]:
    """Marks as a part of an answer, a batch each."""
    for eight, marks in dense.items():
        octets = pa.Array.from_buffers(pa.binary(MARKS * 8), 1, [None, pa.py_buffer(marks)])
        yield pa.RecordBatch.from_arrays([pa.array([eight], pa.uint8()), octets], schema=MARKED)


def count_of(marks: Marks) -> int:
    """How many bits are set."""
    return int(np.bitwise_count(marks).sum(dtype=np.int64))


def counted_members(schemas: Mapping[str, pa.Schema], gathered: Mapping[str, Sequence[pa.Table]]) -> dict[str, int]:
    """How many distinct members several stores' parts have. `schemas`: of the parts, of addresses or of signatures;
    `gathered`: the tables of each, and of the marks beside it."""

    def count(part: str) -> int:
        tables = gathered.get(part, ())
        if schemas[part] == MEMBERS:
            return _union(tables, gathered.get(f"{part}{MARKS_PART}", ()))
        return _distinct_signatures(tables)

    with ThreadPoolExecutor(max(1, len(schemas))) as pool:  # sorting releases the interpreter
        return dict(zip(schemas, pool.map(count, schemas), strict=True))


def _distinct_signatures(tables: Sequence[pa.Table]) -> int:
    """How many signatures, of 16 octets, are in any of the tables. Only those with equal first halves are compared."""
    columns = [table.column("member").combine_chunks() for table in tables if table.num_rows]
    try:
        halves = [_words(column.cast(pa.binary(16))) for column in columns]
    except pa.ArrowInvalid:  # a sensor sent something else
        return len(pa.chunked_array(columns).unique())
    if not halves:
        return 0
    whole = np.concatenate(halves)
    order = np.argsort(whole[:, 0])
    first = whole[order, 0]
    alike = np.zeros(first.size + 1, np.bool_)
    alike[1:-1] = first[1:] == first[:-1]
    doubtful = whole[order[alike[1:] | alike[:-1]]]
    return int(first.size) - len(doubtful) + len({(a, b) for a, b in doubtful.tolist()})


def _words(column: pa.Array) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Values of 16 octets as two words each."""
    words = np.frombuffer(column.buffers()[1], np.uint64).reshape(-1, 2)
    return words[column.offset : column.offset + len(column)]


def _union(tables: Sequence[pa.Table], marked: Sequence[pa.Table] = ()) -> int:
    """How many addresses are in any of the tables, as numbers or marked."""
    parts = [_ascending(arrow.numbers(table.column("member"))) for table in tables if table.num_rows]
    dense = defaultdict[int, list[Marks]](list)
    for batch in (batch for table in marked for batch in table.to_batches()):
        for eight, octets in zip(batch.column(0).to_pylist(), batch.column(1), strict=True):
            dense[eight].append(np.frombuffer(octets.as_buffer(), np.uint64))
    if not dense and sum(part.size for part in parts) < FEW:
        whole = np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.uint32)
        return int(np.count_nonzero(whole[1:] != whole[:-1])) + min(1, whole.size)
    marks, count = np.zeros(MARKS, np.uint64), 0
    limits = [[*np.searchsorted(part, _EIGHTS).tolist(), part.size] for part in parts]
    for eight in range(256):
        all_slices = (part[ends[eight] : ends[eight + 1]] for part, ends in zip(parts, limits, strict=True))
        slices = [some for some in all_slices if some.size]
        if len(slices) == 1 and eight not in dense:
            count += slices[0].size
            continue
        for some in slices:
            mark(marks, some)
        for others in dense.get(eight, ()):
            np.bitwise_or(marks, others, out=marks)
        if slices or eight in dense:
            count += count_of(marks)
            marks.fill(0)
    return count


def _ascending(numbers: Numbers) -> Numbers:
    """Each once, ascending: our own halves are already, those of DuckDB, Spark or others may not be."""
    return numbers if bool(np.all(numbers[1:] > numbers[:-1])) else once([numbers])


def _read(marks: Marks, eight: int) -> Numbers:
    found = np.empty(1 << 24, np.uint32)
    return found[: marked(marks, eight, PLACES, found, 0)].copy()
