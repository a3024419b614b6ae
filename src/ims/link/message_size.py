"""The size of a message in Arrow's format once decompressed, computed beforehand: LZ4, the only compression that is
accepted, may grow it 250 times, which is counted before memory is allocated."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyarrow as pa

SCHEMA, DICTIONARY, RECORDS = 1, 2, 3  # kinds of messages: arrow/format/Message.fbs, MessageHeader
_VERSION, _KIND, _HEADER, _MORE = 0, 1, 2, 4
_DATA = 1
_BUFFERS, _COMPRESSION = 2, 3
_CODEC = 0
"""Places of fields in the tables Message, DictionaryBatch, RecordBatch and BodyCompression."""
V5, LZ4 = 4, 0  # earlier versions may be compressed as only a message's own metadata says
AS_IT_IS = -1  # in place of the length of a buffer that isn't compressed


def unfolded(octets: pa.Buffer, longest_schema: int) -> int:
    """Octets of all buffers of an IPC stream once decompressed, as its messages say, which Arrow enforces.
    `longest_schema`: most octets of a message with a schema, since Arrow may take much more for it. Raises ValueError,
    pyarrow.ArrowException, OSError where it can't be read."""
    total = 0
    for message in pa.ipc.MessageReader.open_stream(octets):
        try:
            total += _of_message(memoryview(message.metadata), memoryview(message.body or b""), longest_schema)
        except (struct.error, TypeError) as error:
            raise ValueError("a message's metadata can't be read") from error
    return total


def _of_message(words: memoryview, body: memoryview, longest_schema: int) -> int:
    message = _Table(words, _offset(words, 0))
    kind, header = message.number(_KIND, "<B"), message.table(_HEADER)
    if message.number(_VERSION, "<h") != V5 or message.table(_MORE) is not None:
        raise ValueError("a message isn't of the format's fifth version, or has metadata of its own")
    if kind == SCHEMA and len(words) <= longest_schema:
        return 0
    if kind == DICTIONARY and header is not None:
        header = header.table(_DATA)
    if kind not in (DICTIONARY, RECORDS) or header is None:
        raise ValueError("a message has no rows, or too many column descriptors")
    compressed = header.table(_COMPRESSION)
    if compressed is not None and compressed.number(_CODEC, "<b") != LZ4:
        raise ValueError("a message isn't compressed by LZ4")
    total = 0
    for offset, length in header.pairs(_BUFFERS):
        if length < 0 or offset < 0:
            raise ValueError("negative buffer offset")
        own = AS_IT_IS
        if compressed is not None and length:
            [own] = struct.unpack_from("<q", body, offset)
            length -= 8
        total += max(0, length if own == AS_IT_IS else own)
    return total


def _offset(words: memoryview, at: int) -> int:
    return at + int(struct.unpack_from("<I", words, at)[0])


class _Table:
    """A table of FlatBuffers: its vtable has each field's offset by place; 0 where one is absent."""

    def __init__(self, words: memoryview, at: int) -> None:
        self._words, self._at = words, at
        self._vtable = at - struct.unpack_from("<i", words, at)[0]
        if self._vtable < 0:
            raise ValueError("a table's fields lie before its message")

    def _field(self, place: int) -> int | None:
        [size] = struct.unpack_from("<H", self._words, self._vtable)
        if 4 + 2 * place + 2 > size:
            return None
        [offset] = struct.unpack_from("<H", self._words, self._vtable + 4 + 2 * place)
        return self._at + int(offset) if offset else None

    def number(self, place: int, form: str) -> int:
        at = self._field(place)
        return 0 if at is None else int(struct.unpack_from(form, self._words, at)[0])

    def table(self, place: int) -> _Table | None:
        at = self._field(place)
        return None if at is None else _Table(self._words, _offset(self._words, at))

    def pairs(self, place: int) -> Iterator[tuple[int, int]]:
        """A vector of structures of two numbers of 64 bits."""
        at = self._field(place)
        if at is None:
            return
        at = _offset(self._words, at)
        [count] = struct.unpack_from("<I", self._words, at)
        if 16 * count > len(self._words):
            raise ValueError("a message announces more buffers than it can have")
        yield from struct.iter_unpack("<qq", self._words[at + 4 : at + 4 + 16 * count])
