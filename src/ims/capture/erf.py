"""ERF files, as Endace's cards and libtrace write them. They have no magic number; their first records are checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.capture.erf_walk import HEADER, IPV6, META, MORE_HEADERS, PAD, walk_erf
from ims.capture.file_source import RecordSource
from ims.capture.source import Frames
from ims.capture.stream import OctetStream
from ims.text import quantity

LOOKED_AT = 8
"""Records that must make sense; of a pipe, which may be slow, PIPE_LOOKED_AT."""
PIPE_LOOKED_AT = 2
ENOUGH, ENOUGH_NAMED = 4, 2
"""After so many, one that makes no sense is damage: of any file, and of one that is called .erf."""
YEAR_SECONDS = 366 * 24 * 3600
EARLIEST, LATEST = 0x2000_0000, 0xF000_0000
"""Seconds since the epoch that a first packet may have: 1987 to 2097."""


def is_erf(stream: OctetStream) -> bool:
    """Whether the stream begins like an ERF file: whole records, one after another, whose times make sense. A single
    record is enough if the file ends with it, or is called .erf. Raises InterruptedError."""
    at = before = 0
    named = ".erf" in stream.name.lower()
    enough = ENOUGH_NAMED if named else ENOUGH
    for number in range(PIPE_LOOKED_AT if stream.is_pipe else LOOKED_AT):
        if not stream.need(at + HEADER):
            left = stream.end - stream.begin - at
            return number > 0 and (left == 0 or number > 1 or named)
        octets = stream.peek(at, HEADER)
        kind, length = octets[8] & 0x7F, int.from_bytes(octets[10:12], "big")
        least = HEADER + 8 * bool(octets[8] & MORE_HEADERS) + (kind != PAD)
        if not (1 <= kind <= IPV6 + 1 or kind in (META, PAD)) or length < least:
            return number >= enough
        if kind not in (META, PAD):
            seconds = int.from_bytes(octets[4:8], "little")
            if not EARLIEST <= seconds < LATEST or (before and not before - 1 <= seconds <= before + YEAR_SECONDS):
                return number >= enough
            before = seconds
        at += length
    return True


class ErfSource(RecordSource):
    """Frames of one ERF file. Padding, metadata and counters are no frames."""

    _header, _zero_unit = HEADER, 8

    def _walk(self, frames: Frames, result: np.ndarray[Any, np.dtype[np.int64]]) -> int:
        count: int = walk_erf(frames.octets, self._stream.begin, self._stream.end, frames, result)
        self.frames_lost = int(result[3])
        return count

    def _record_octets(self) -> int:
        return int.from_bytes(self._stream.peek(10, 2), "big")

    def _lie(self, octets: int) -> str:
        return f"a record of {quantity(octets, 'byte')} is none of ERF's"
