"""ERF files, as Endace's cards and libtrace write them. They have no magic number: their first records tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ims.capture.erf_walk import HEADER, IPV6, META, MORE_HEADERS, PAD, walk_erf
from ims.capture.file_source import FileSource
from ims.capture.pcap_walk import DAMAGED, FULL, ZEROS
from ims.capture.source import Frames, empty_frames
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


class Record(NamedTuple):
    """A record's header, as far as it tells whether it is one."""

    kind: int
    length: int
    seconds: int


def is_erf(stream: OctetStream) -> bool:
    """Whether the stream begins like an ERF file: whole records, one after another, whose times make sense. A single
    record will do if the file ends with it, or is called .erf. Raises InterruptedError."""
    at, before = 0, 0
    named = ".erf" in stream.name.lower()
    enough = ENOUGH_NAMED if named else ENOUGH
    for number in range(PIPE_LOOKED_AT if stream.is_pipe else LOOKED_AT):
        if not stream.need(at + HEADER):
            left = stream.end - stream.begin - at
            return number > 0 and (left == 0 or number > 1 or named)
        begin = stream.begin + at
        octets = stream.octets[begin : begin + HEADER].tobytes()
        record = Record(octets[8] & 0x7F, int.from_bytes(octets[10:12], "big"), int.from_bytes(octets[4:8], "little"))
        least = HEADER + 8 * bool(octets[8] & MORE_HEADERS) + (record.kind != PAD)
        if not (1 <= record.kind <= IPV6 + 1 or record.kind in (META, PAD)) or record.length < least:
            return number >= enough
        if record.kind not in (META, PAD):
            if not EARLIEST <= record.seconds < LATEST:
                return number >= enough
            if before and not before - 1 <= record.seconds <= before + YEAR_SECONDS:
                return number >= enough
            before = record.seconds
        at += record.length
    return True


class ErfSource(FileSource):
    """Frames of one ERF file. Padding, metadata and counters are no frames."""

    def __iter__(self) -> Iterator[Frames]:
        stream = self._stream
        frames = empty_frames(stream.octets)
        result = np.zeros(4, np.int64)
        while True:
            frames = frames._replace(octets=stream.octets)
            count = walk_erf(stream.octets, stream.begin, stream.end, frames, result)
            self._consume(frames, count, int(result[0]))
            self.frames_lost = int(result[3])
            if count:
                yield frames._replace(count=count)
            if result[1] == DAMAGED:
                self._damaged(f"a record of {quantity(int(result[2]), 'byte')} is none of ERF's")
                return
            if result[1] == ZEROS:
                if (yield from self._zeros(8)):
                    return
                continue
            if result[1] == FULL:
                continue
            if not stream.fill(self._whole_record(stream.end - stream.begin)):
                if stream.at_end:
                    self._ended("record")
                    return
                yield frames._replace(count=0)

    def _whole_record(self, waiting: int) -> int:
        if waiting < HEADER:
            return HEADER
        begin = self._stream.begin
        return int.from_bytes(self._stream.octets[begin + 10 : begin + 12].tobytes(), "big")
