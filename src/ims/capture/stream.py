"""The octets of a capture, in order: from a file, compressed or not, or a pipe, through one bounded buffer.

Files are read, never mapped: truncating a mapped one would end the process with SIGBUS. Formats are recognised by their
first octets, not by name. What is consumed is digested (XXH3: 4 % of the time of reading and walking a capture).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from ims.capture.decompression import CompressedReader, format_of
from ims.capture.file import Stop, first_octets, name_of, never, open_file, something_came, unreadable

READ = "pcap (every version and variant), pcapng, ERF; plain or in gzip, zstd, xz, lz4 or bzip2"
CHUNK = 4 << 20
LARGEST_RECORD = 64 << 20
MAGIC_OCTETS = 4


class PlainReader:
    """Octets as they are in the file; its interface is CompressedReader's."""

    def __init__(self, file: FileIO, head: bytes, came: Callable[[], bool]) -> None:
        self._file, self._head, self._came = file, head, came
        self.octets_read = 0
        self.warning: str | None = None

    def readinto(self, target: memoryview) -> int | None:
        """Fill up to len(target) octets; 0 at the end, None where nothing came for a while."""
        if self._head:
            count = min(len(self._head), len(target))
            target[:count] = self._head[:count]
            self._head = self._head[count:]
        elif not self._came():
            return None
        else:
            try:
                came: int | None = self._file.readinto(target)
            except OSError as error:
                self.warning, came = unreadable(self.octets_read, error), 0
            if came is None:
                return None
            count = came
        self.octets_read += count
        return count


class OctetStream:
    """The octets of one capture. `octets[begin:end]` are read and not yet consumed.

    Raises FileNotFoundError, IsADirectoryError, or ValueError for an empty file and for what can't be a capture;
    InterruptedError where `stop` ended the waiting for its first octets.
    """

    def __init__(self, path: str | Path, chunk: int = CHUNK, stop: Stop = never) -> None:
        self.name = name_of(path)
        self._stop = stop
        self._file, self.file_octets = open_file(path)
        try:
            head = first_octets(self._file, MAGIC_OCTETS, stop)
            if not head:
                raise ValueError(f"{self.name} is empty; expected {READ}")
        except BaseException:
            self._file.close()
            raise
        kind = format_of(head)
        self._reader: CompressedReader | PlainReader = (
            CompressedReader(self._file, head, kind, self._came, again=not self.is_pipe)
            if kind is not None
            else PlainReader(self._file, head, self._came)
        )
        self.octets: np.ndarray[Any, np.dtype[np.uint8]] = np.empty(chunk, np.uint8)
        self.begin = self.end = 0
        self.position = 0
        self.at_end = False
        self._hash = xxhash.xxh3_128()
        self._kept: tuple[Any, int, int] | None = None
        self._mark = -1
        self.mark_digest: str | None = None

    def _came(self) -> bool:
        return not self.is_pipe or something_came(self._file)

    def peek(self, at: int, count: int) -> bytes:
        """`count` of the waiting octets, from number `at` on; fewer where there are fewer."""
        begin = self.begin + at
        return self.octets[begin : min(begin + count, self.end)].tobytes()

    def need(self, count: int, patient: bool = True) -> bool:
        """Read until `count` octets wait, or the end; whether they do. Without `patient` a pipe's first silence ends
        it, too. Only before the first frame: raises InterruptedError once `stop` says so."""
        while self.end - self.begin < count and not self.at_end:
            self.refuse_to_wait()
            if not self.fill(count) and not patient:
                break
        return self.end - self.begin >= count

    def refuse_to_wait(self) -> None:
        """Raises InterruptedError once `stop` says so."""
        if self._stop():
            raise InterruptedError("stopped before the capture began")

    @property
    def is_pipe(self) -> bool:
        """Whether octets may be long in coming."""
        return self.file_octets is None

    @property
    def octets_read(self) -> int:
        """Octets read from the file, before decompression."""
        return self._reader.octets_read

    @property
    def plain_octets(self) -> int | None:
        """Size of a file that isn't compressed, else None."""
        return self.file_octets if isinstance(self._reader, PlainReader) else None

    @property
    def warning(self) -> str | None:
        """What is wrong with the file itself, or with its compressed data, if anything."""
        return self._reader.warning

    def fill(self, wanted: int = 1) -> bool:
        """Read more; False where nothing came. A file is read until at least `wanted` octets wait or it ends; a pipe
        once, after at most SILENCE_SECONDS. The buffer grows to `wanted`, which the caller bounds by LARGEST_RECORD."""
        before = self.end - self.begin
        self._kept = None
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
            self.at_end = count == 0
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
        """Have `mark_digest` become the digest of the first `position` octets, once they are consumed; at once where
        they were consumed since `keep`, and are still in the buffer."""
        self._mark, self.mark_digest = position, None
        if self._kept is not None and self._kept[1] <= position < self.position:
            digest, kept, begin = self._kept
            digest = digest.copy()
            digest.update(self.octets[begin : begin + position - kept].data)
            self.mark_digest = str(digest.hexdigest())

    def keep(self) -> None:
        """Let `mark` go back to here, until the buffer is filled again."""
        self._kept = self._hash.copy(), self.position, self.begin

    def digest(self) -> str:
        """Hex digest of all octets consumed."""
        return str(self._hash.hexdigest())

    def close(self) -> None:
        """Close the file (never standard input)."""
        self._file.close()


def stream_digest(path: str | Path, lengths: Sequence[int], chunk: int = CHUNK) -> list[str | None]:
    """Digests of the first N octets (after decompression) for each N; None where there are fewer."""
    found: dict[int, str] = {}
    with contextlib.closing(OctetStream(path, chunk)) as stream:
        for length in sorted(set(lengths)):
            while stream.position < length:
                if stream.begin == stream.end and not stream.fill() and stream.at_end:
                    break
                stream.advance(min(stream.end - stream.begin, length - stream.position))
            if stream.position == length:
                found[length] = stream.digest()
    return [found.get(length) for length in lengths]
