"""Compressed captures, as they are read: gzip, zstd, xz, lz4 and bzip2, of any number of members or frames.

What a coder gave before damage is kept, but it discards what it made in the call that finds the damage. So gzip's is
copied before each call; others are restarted where the damaged part of the file began, and reach the damage by single
octets. A pipe can't be read again: the begin and the end of what was read are decoded by single octets (checksums are
at the end), and up to STEP octets between may be lost.
"""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import FileIO
from typing import Any, NamedTuple

import zstandard

from ims.capture.file import unreadable

ZSTD_WINDOW = 128 << 20
XZ_MEMORY = 128 << 20
"""`xz -9` takes 65 MiB."""
READ = 1 << 18
STEP = 1 << 10
"""Octets given to a coder at once. A zstd block of 4 octets can be 128 KiB of zeros, so 32 MiB may come of it.
(Steps of 256 octets make reading zstd 40 % slower.)"""
SINGLE = 4096
"""Octets at the begin of a file that are given one at a time, so that all packets before a small file's damage come."""
TAIL = 64
LZ4_BLOCK = 4 << 20
"""With a lower limit, or none, the coder keeps a block's end, and has no way to say so (lz4 4.4)."""
MOST = 1 << 20
"""Octets at once of coders that accept a limit."""


class Format(NamedTuple):
    """A compression format: how it begins, its coder, and what may be between its parts."""

    name: str
    magics: tuple[bytes, ...]
    coder: Callable[[], Any]
    padding: bytes
    bounded: bool
    """its coder accepts a limit of what it gives, and keeps the rest"""


def _zstd() -> Any:
    return zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()


def _lz4() -> Any:
    import lz4.frame

    return lz4.frame.LZ4FrameDecompressor()


SKIPPABLE = tuple(bytes([0x50 | low]) + b"\x2a\x4d\x18" for low in range(16))  # RFC 8878, section 3.1.2; lz4's too
FORMATS = (
    Format("gzip", (b"\x1f\x8b",), partial(zlib.decompressobj, wbits=31), b"\0", bounded=True),
    Format("zstd", (b"\x28\xb5\x2f\xfd", *SKIPPABLE), _zstd, b"", bounded=False),
    Format("xz", (b"\xfd7zX",), partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, XZ_MEMORY), b"\0", bounded=True),
    Format("lz4", (b"\x04\x22\x4d\x18",), _lz4, b"", bounded=False),
    Format("bzip2", (b"BZh",), bz2.BZ2Decompressor, b"", bounded=True),
)
ERRORS = (zlib.error, zstandard.ZstdError, lzma.LZMAError, RuntimeError, OSError, EOFError, ValueError)
"""What coders raise: lz4's a RuntimeError, bzip2's an OSError."""


def format_of(head: bytes) -> Format | None:
    """The compression of a file that begins so; None where there is none."""
    return next((each for each in FORMATS if head.startswith(each.magics)), None)


class CompressedReader:
    """Octets of a compressed file. `came`: waits a moment for octets, and says whether it can be read; `again`:
    whether it can be read once more. `octets_read` counts octets before decompression."""

    def __init__(self, file: FileIO, head: bytes, kind: Format, came: Callable[[], bool], again: bool) -> None:
        self._file, self._kind, self._came, self._again = file, kind, came, again
        self._part_at = self._part_given = 0  # where the part that is decoded began, and how much came of it
        self._coder: Any = None
        self._waiting, self._ready = memoryview(head), memoryview(b"")
        self._given: Iterator[bytes] = iter(())
        self._ended = False
        self._taken = 0
        self.octets_read = len(head)
        self.warning: str | None = None

    def readinto(self, target: memoryview) -> int | None:
        """Fill up to len(target) octets; 0 at the end, None where nothing came for a while."""
        while not self._ready and not self._ended:
            try:
                given = next(self._given, None)
            except ERRORS as error:
                words = " ".join(str(error).split()) or type(error).__name__
                self._end(f"{self._kind.name} data is damaged near its byte {self.octets_read:,} ({words})")
                break
            if given is not None:
                self._ready = memoryview(given)
            elif self._waiting:
                self._given = self._decode()
            else:
                try:
                    more = self._file.read(READ) if self._came() else None
                except OSError as error:
                    self._end(unreadable(self.octets_read, error))
                    break
                if more is None:
                    return None
                self.octets_read += len(more)
                self._waiting = memoryview(more)
                if not more:
                    cut = self._coder is not None
                    self._end(f"{self._kind.name} data is cut off at its byte {self.octets_read:,}" if cut else None)
        count = min(len(self._ready), len(target))
        target[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _decode(self) -> Iterator[bytes]:
        """What the waiting octets give, in pieces. Raises ERRORS after everything before the damage was given."""
        while self._waiting:
            if self._coder is None:
                if self._kind.padding and self._waiting[:1] == self._kind.padding:
                    self._waiting = memoryview(self._waiting.tobytes().lstrip(self._kind.padding))
                    continue
                self._coder = self._kind.coder()
                self._part_at, self._part_given = self._decoded, 0
            yield from self._decode_gzip() if self._kind.name == "gzip" else self._decode_step()

    def _decode_gzip(self) -> Iterator[bytes]:
        before, octets = self._coder.copy(), self._waiting
        try:
            given = self._coder.decompress(octets, MOST)
        except zlib.error:
            for at in range(len(octets)):  # again, by single octets: all before the damage comes
                yield before.decompress(octets[at : at + 1])
            raise
        self._waiting = memoryview(self._coder.unconsumed_tail)
        yield given
        while len(given) == MOST and not self._waiting and not self._coder.eof:
            given = self._coder.decompress(b"", MOST)
            yield given
        if self._coder.eof:
            self._waiting = memoryview(self._coder.unused_data or self._waiting)
            self._coder = None

    @property
    def _decoded(self) -> int:
        """Octets of the file that coders were given."""
        return self.octets_read - len(self._waiting)

    def _decode_step(self) -> Iterator[bytes]:
        single = self._taken < SINGLE or len(self._waiting) <= TAIL
        step = 1 if single else min(STEP, len(self._waiting) - TAIL)
        at = self._decoded
        octets = self._waiting[:step].tobytes()
        self._waiting = self._waiting[step:]
        self._taken += step
        try:
            for given in self._give(self._coder, octets):
                self._part_given += len(given)
                yield given
        except ERRORS:
            if step > 1 and self._again:
                yield from self._once_more(at)
            raise
        if self._coder.eof:
            if self._coder.unused_data:
                self._waiting = memoryview(self._coder.unused_data + self._waiting.tobytes())
            self._coder = None

    def _give(self, coder: Any, octets: bytes) -> Iterator[bytes]:
        if self._kind.bounded:
            given = coder.decompress(octets, MOST)
            yield given
            # bzip2's says that it needs input once it has taken all, though most of a block may be still to come.
            while not coder.eof and (not coder.needs_input or (given and self._kind.name == "bzip2")):
                given = coder.decompress(b"", MOST)
                yield given
        elif self._kind.name == "lz4":
            yield coder.decompress(octets, LZ4_BLOCK)
        else:
            yield coder.decompress(octets)

    def _once_more(self, damaged_at: int) -> Iterator[bytes]:
        """What the coder discarded: decodes the part again, by single octets from `damaged_at` on. Raises ERRORS."""
        coder, at, known = self._kind.coder(), self._part_at, self._part_given
        while octets := os.pread(self._file.fileno(), min(STEP, damaged_at - at) if at < damaged_at else 1, at):
            at += len(octets)
            for given in self._give(coder, octets):
                yield given[known:]
                known = max(0, known - len(given))

    def _end(self, warning: str | None) -> None:
        self.warning, self._ended = warning, True
