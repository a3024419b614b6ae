"""The format of an answer's parts: several tables in one Flight stream, piece by piece.

The stream has no columns: each of its messages has a piece as its metadata, which Flight doesn't read. A piece is the
part's name (its length in two octets, then UTF-8, padded with zeros to a multiple of 8), and an Arrow IPC stream with
some rows of that part, compressed by LZ4. The last one's name is empty; it holds the `End`. The reader checks all
against the schemas and limits that it expects: docs/decisions/0040.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from ims.link.contract import End, read_end, written
from ims.link.message_size import unfolded
from ims.query.plans.part import MARKS_PART
from ims.records import LATER

ENVELOPE = pa.schema([])
EMPTY = pa.RecordBatch.from_arrays([], schema=ENVELOPE)
"""What the stream itself has for each piece."""
PIECE_ROWS, PIECE_OCTETS = 1 << 18, 4 << 20
LONGEST_BODY = 2 * PIECE_OCTETS
"""Octets of a piece's compressed body. It may decompress to 250 times that, which is counted beforehand."""
WORDS_OCTETS = 1 << 10
"""Of a message with a schema, beside twice the portal's own: other columns are refused by name."""
OF_A_COLUMN = 1 << 10  # octets that Arrow takes beside the data for each column and each batch (900 measured)
NOT_OURS = "its answer isn't one of ours"
_DAYS = -719_162, 2_932_896  # 0001-01-01 to 9999-12-31, since the epoch: Python's range
_A_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def put(part: str, body: bytes | pa.Buffer) -> pa.Buffer:
    """One piece."""
    return pa.py_buffer(_name(part) + bytes(body))


def _name(part: str) -> bytes:
    name = part.encode()
    return (len(name).to_bytes(2, "little") + name).ljust(_named(len(name)), b"\0")


def _named(length: int) -> int:
    """Octets that a name of so many takes with padding, which aligns the body for Arrow."""
    return (2 + length + 7) // 8 * 8


def opened(piece: pa.Buffer) -> tuple[str, pa.Buffer]:
    """A piece's name and body. Raises UnreadableError."""
    if piece.size < 2:
        raise UnreadableError(NOT_OURS)
    length = int.from_bytes(piece.slice(0, 2).to_pybytes(), "little")
    if _named(length) > piece.size:
        raise UnreadableError(NOT_OURS)
    try:
        return str(piece.slice(2, length), "utf-8"), piece.slice(_named(length))
    except UnicodeDecodeError:
        raise UnreadableError(NOT_OURS) from None


def pieces(part: str, table: pa.Table) -> Iterator[pa.Buffer]:
    """A table, piece by piece; an empty one is a piece too."""
    rows = max(1, min(PIECE_ROWS, table.num_rows * PIECE_OCTETS // max(1, table.nbytes)))
    batches = table.combine_chunks().to_batches(max_chunksize=rows)
    for batch in batches or [pa.RecordBatch.from_pylist([], schema=table.schema)]:
        sink = pa.BufferOutputStream()
        sink.write(_name(part))
        with pa.ipc.new_stream(sink, table.schema, options=_OPTIONS) as writer:
            writer.write_batch(batch)
        yield sink.getvalue()


def ending(end: End) -> pa.Buffer:
    """The last piece."""
    return put("", written(end))


class UnreadableError(ValueError):
    """What was received isn't an answer."""


def gathered(
    told: Iterable[pa.Buffer],
    wanted: Mapping[str, pa.Schema],
    most_rows: int,
    most_octets: int,
    take: Callable[[int], None] = lambda octets: None,
) -> tuple[dict[str, pa.Table], End]:
    """The parts, from an answer's pieces, and its end. `take` is called with the octets of each piece before it is
    decompressed, and with what its batches take beyond that before they are kept; batches without rows aren't kept, and
    count as a column. Raises UnreadableError for other parts or columns, more than was asked for, or no end; and what
    `take` raises."""
    found: dict[str, list[pa.RecordBatch]] = {name: [] for name in wanted}
    count = octets = 0

    def counted(more: int, kept: bool = True) -> None:
        nonlocal octets
        octets += more
        if octets > most_octets:
            raise UnreadableError(f"its answer has more than the {most_octets:,} octets that were asked for")
        if kept and more:
            take(more)

    end: End | None = None
    for piece in told:
        if end is not None:
            raise UnreadableError("something came after the end of its answer")
        name, body = opened(piece)
        if body.size > LONGEST_BODY:
            raise UnreadableError(f"its answer has a piece of more than {LONGEST_BODY:,} octets")
        if name == "":
            with _reading("its answer's end"):
                end = read_end(body.to_pybytes())
            continue
        if name not in found:
            raise UnreadableError("its answer has a part that nobody asked for")
        with _reading("its answer"):
            ahead = unfolded(body, 2 * wanted[name].serialize().size + WORDS_OCTETS)
        counted(ahead)
        for batch, held in _batches(body, wanted[name]):
            counted(max(0, held - ahead), kept=batch.num_rows > 0)
            ahead = max(0, ahead - held)
            count += batch.num_rows
            if count > most_rows:
                raise UnreadableError(f"its answer has more than the {most_rows:,} rows that were asked for")
            if batch.num_rows:
                found[name].append(batch)
    if end is None:
        raise UnreadableError("its answer was cut off")
    for name, batches in found.items():
        expected = end.parts.get(name, 0 if name.endswith(MARKS_PART) else None)
        if expected != sum(batch.num_rows for batch in batches):
            raise UnreadableError(f"its answer lacks rows of {name}")
    return {name: pa.Table.from_batches(batches, wanted[name]) for name, batches in found.items()}, end


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Its errors as UnreadableError."""
    try:
        yield
    except UnreadableError:
        raise
    except (ValueError, pa.ArrowException, OSError) as error:
        raise UnreadableError(f"{what} can't be read") from error


def _own(batch: pa.RecordBatch, schema: pa.Schema, message: pa.Buffer) -> pa.RecordBatch:
    """With nulls in the columns that an older daemon doesn't know, and without references to the message, which
    uncompressed columns still have."""
    known = set(batch.schema.names)
    columns = [batch.column(f.name) if f.name in known else pa.nulls(batch.num_rows, f.type) for f in schema]
    return pa.RecordBatch.from_arrays([_own_column(column, message) for column in columns], schema=schema)


def _own_column(column: pa.Array, message: pa.Buffer) -> pa.Array:
    if isinstance(column, pa.DictionaryArray):
        parts = (_own_column(column.indices, message), _own_column(column.dictionary, message))
        return pa.DictionaryArray.from_arrays(*parts, ordered=column.type.ordered)
    begin, end = message.address, message.address + message.size
    lies_in = any(buffer is not None and begin <= buffer.address <= end for buffer in column.buffers())
    return pa.concat_arrays([column]) if lies_in else column


def _is_shown(column: pa.Array) -> bool:
    """Whether its moments, if any, are in Python's range; Arrow takes any number."""
    if pa.types.is_timestamp(column.type):
        numbers, a_day = column.cast(pa.int64()), _A_DAY[column.type.unit]
    elif pa.types.is_date32(column.type):
        numbers, a_day = column.cast(pa.int32()), 1
    else:
        return True
    found = pc.min_max(numbers).as_py()
    first, last = _DAYS
    return found["min"] is None or (first * a_day <= found["min"] and found["max"] < (last + 1) * a_day)


def _earlier(schema: pa.Schema) -> Iterator[pa.Schema]:
    """A schema as daemons send it: of now, and of before each addition to `packets`."""
    for addition in range(max(LATER.values()), -1, -1):
        yield pa.schema([field for field in schema if LATER.get(field.name, 0) <= addition])


def _batches(octets: pa.Buffer, schema: pa.Schema) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Batches, each with the octets that it takes."""
    with _reading("its answer"), pa.ipc.open_stream(octets) as reader:
        if not any(reader.schema.equals(earlier) for earlier in _earlier(schema)):
            raise UnreadableError("its answer has other columns than were asked for")
        words = reader.schema.serialize().size  # a column's type keeps those of its fields
        for batch in reader:
            batch.validate(full=True)
            if not all(map(_is_shown, batch.columns)):
                raise UnreadableError("its answer has moments outside the years 1 to 9999")
            own = _own(batch, schema, octets)
            yield own, own.nbytes + OF_A_COLUMN * (own.num_columns + 1) + words if own.num_rows else OF_A_COLUMN
