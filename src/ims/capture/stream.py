"""The octets of a capture, in order: from a file, gzip, zstd or a pipe, through one bounded buffer.

Files are read, never mapped: one that somebody truncates meanwhile would end the process with SIGBUS. Formats
are told by their first octets, not by their names. What is consumed is digested on the way (XXH3: 4 % of the
time of reading and walking a capture).
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import xxhash
import zstandard

CHUNK = 4 << 20
LARGEST_RECORD = 64 << 20
SILENCE_SECONDS = 0.2
ZSTD_WINDOW = 128 << 20
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# A zstd block of 4 octets can stand for 128 KiB of zeros: so little input at once bounds a bomb to 32 MiB.
ZSTD_INPUT = 1 << 10


class Reader(Protocol):
    """Octets after decompression; `octets_read` counts those before it."""

    octets_read: int
    warning: str | None

    def readinto(self, target: memoryview) -> int | None:
        """Fill up to len(target) octets; 0 at the end, None where nothing came for SILENCE_SECONDS."""
        ...


class PlainReader:
    """Octets as they lie in the file."""

    def __init__(self, file: BinaryIO, head: bytes) -> None:
        self._file, self._head = file, head
        self.octets_read = 0
        self.warning: str | None = None

    def readinto(self, target: memoryview) -> int | None:
        """Fill up to len(target) octets; 0 at the end, None where nothing came for SILENCE_SECONDS."""
        if self._head:
            count = min(len(self._head), len(target))
            target[:count] = self._head[:count]
            self._head = self._head[count:]
        elif not _something_came(self._file):
            return None
        else:
            count = self._file.readinto(target)  # type: ignore[attr-defined]
        self.octets_read += count
        return count


class CompressedReader:
    """Octets of a gzip file of any number of members, or of a zstd file of any number of frames."""

    def __init__(self, file: BinaryIO, head: bytes, kind: str) -> None:
        self._file, self._kind = file, kind
        self._waiting = head
        self._ready = b""
        self._more_within = False  # the coder holds octets that it had no room to give
        self._coder: Any = None
        self._ended = False
        self.octets_read = len(head)
        self.warning: str | None = None

    def readinto(self, target: memoryview) -> int | None:
        """Fill up to len(target) octets; 0 at the end, None where nothing came for SILENCE_SECONDS."""
        while not self._ready and not self._ended:
            if not self._waiting and not self._more_within and not _something_came(self._file):
                return None
            try:
                self._more(len(target))
            except (zlib.error, zstandard.ZstdError) as error:
                self._end(f"{self._kind} data is damaged near its byte {self.octets_read:,} ({error})")
        count = min(len(self._ready), len(target))
        target[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _more(self, wanted: int) -> None:
        if not self._waiting and not self._more_within:
            self._waiting = self._file.read(1 << 18) or b""
            self.octets_read += len(self._waiting)
            if not self._waiting:
                cut = self._coder is not None
                self._end(f"{self._kind} data is cut off at its byte {self.octets_read:,}" if cut else None)
                return
        if self._coder is None:
            self._waiting = self._waiting.lstrip(b"\0") if self._kind == "gzip" else self._waiting
            if not self._waiting:
                return
            self._coder = self._new_coder()
        if self._kind == "gzip":
            self._ready = self._coder.decompress(self._waiting, wanted)
            self._waiting = self._coder.unconsumed_tail
            self._more_within = len(self._ready) == wanted and not self._coder.eof
        else:
            self._ready = self._coder.decompress(self._waiting[:ZSTD_INPUT])
            self._waiting = self._waiting[ZSTD_INPUT:]
        if self._coder.eof:
            self._waiting = self._coder.unused_data + (b"" if self._kind == "gzip" else self._waiting)
            self._coder = None

    def _new_coder(self) -> Any:
        if self._kind == "gzip":
            return zlib.decompressobj(wbits=31)
        return zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()

    def _end(self, warning: str | None) -> None:
        self.warning, self._ended = warning, True


class OctetStream:
    """The octets of one capture. `octets[begin:end]` are read and not yet consumed.

    Raises FileNotFoundError, IsADirectoryError, or ValueError for an empty file.
    """

    def __init__(self, path: str | Path, chunk: int = CHUNK) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self._file, self.file_octets = _open(path)
        try:
            head = _first_octets(self._file)
            if not head:
                raise ValueError(f"{self.name} is empty; wanted a pcap or pcapng file")
        except BaseException:
            self._file.close()
            raise
        self._reader: Reader
        if head.startswith(GZIP_MAGIC):
            self._reader = CompressedReader(self._file, head, "gzip")
        elif head.startswith(ZSTD_MAGIC) or _is_skippable_zstd(head):
            self._reader = CompressedReader(self._file, head, "zstd")
        else:
            self._reader = PlainReader(self._file, head)
        self.octets: np.ndarray[Any, np.dtype[np.uint8]] = np.empty(chunk, np.uint8)
        self.begin = self.end = 0
        self.position = 0
        self.at_end = False
        self._hash = xxhash.xxh3_128()
        self._mark = -1
        self.mark_digest: str | None = None

    @property
    def is_pipe(self) -> bool:
        """Whether octets come when they come."""
        return self.file_octets is None

    @property
    def octets_read(self) -> int:
        """Octets read from the file, before decompression."""
        return self._reader.octets_read

    @property
    def plain_octets(self) -> int | None:
        """Size of a file that isn't compressed, else None: how much there is after `position`."""
        return self.file_octets if isinstance(self._reader, PlainReader) else None

    @property
    def warning(self) -> str | None:
        """What was wrong with the compressed data, if anything."""
        return self._reader.warning

    def fill(self, wanted: int = 1) -> bool:
        """Read more, until at least `wanted` octets wait or the end has come; False where nothing came.

        On a pipe this waits at most SILENCE_SECONDS. The buffer grows to `wanted`, which the caller bounds by
        LARGEST_RECORD.
        """
        before = self.end - self.begin
        if wanted > len(self.octets):
            grown = np.empty(min(max(wanted, 2 * len(self.octets)), 2 * LARGEST_RECORD), np.uint8)
            grown[:before] = self.octets[self.begin : self.end]
            self.octets, self.begin, self.end = grown, 0, before
        elif self.begin:
            self.octets[:before] = self.octets[self.begin : self.end].copy()
            self.begin, self.end = 0, before
        while not self.at_end and self.end < len(self.octets):
            count = self._reader.readinto(self.octets.data[self.end :])
            if count is None:
                break
            if count == 0:
                self.at_end = True
            self.end += count
            if self.is_pipe or self.end >= wanted + CHUNK:
                break
        return self.end - self.begin > before

    def advance(self, count: int) -> None:
        """Consume `count` of the waiting octets."""
        consumed = self.octets[self.begin : self.begin + count]
        if self.position <= self._mark <= self.position + count and self.mark_digest is None:
            upto = self._mark - self.position
            self._hash.update(consumed[:upto].data)
            self.mark_digest = self._hash.hexdigest()
            consumed = consumed[upto:]
        self._hash.update(consumed.data)
        self.begin += count
        self.position += count

    def mark(self, position: int) -> None:
        """Have `mark_digest` become the digest of the first `position` octets, once so many are consumed."""
        self._mark, self.mark_digest = position, None

    def digest(self) -> str:
        """Hex digest of all octets consumed."""
        return str(self._hash.hexdigest())

    def close(self) -> None:
        """Close the file (never standard input)."""
        self._file.close()


def stream_digest(path: str | Path, lengths: Sequence[int], chunk: int = CHUNK) -> list[str | None]:
    """Digests of the first N octets (after decompression) for each N; None where there are fewer."""
    found: dict[int, str] = {}
    stream = OctetStream(path, chunk)
    with contextlib.closing(stream):
        for length in sorted(set(lengths)):
            while stream.position < length:
                if stream.begin == stream.end and not stream.fill() and stream.at_end:
                    break
                stream.advance(min(stream.end - stream.begin, length - stream.position))
            if stream.position == length:
                found[length] = stream.digest()
    return [found.get(length) for length in lengths]


def _open(path: str | Path) -> tuple[BinaryIO, int | None]:
    if str(path) == "-":
        file: BinaryIO = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    else:
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path} is a folder; wanted a capture file (or --watch for a folder)")
        try:
            file = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115  (the caller closes it)
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: no such file") from None
    status = os.fstat(file.fileno())
    return file, status.st_size if stat.S_ISREG(status.st_mode) else None


def _something_came(file: BinaryIO) -> bool:
    """Wait for a pipe's octets or end, at most SILENCE_SECONDS; files have theirs always."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(SILENCE_SECONDS * 1000))


def _first_octets(file: BinaryIO) -> bytes:
    head = b""
    while len(head) < len(ZSTD_MAGIC):
        more = file.read(len(ZSTD_MAGIC) - len(head))
        if not more:
            break
        head += more
    return head


def _is_skippable_zstd(head: bytes) -> bool:
    return len(head) == 4 and head[1:] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50
