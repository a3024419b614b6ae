"""What sources of capture files share: the loop over records, and the warnings about a file that isn't whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from ims.capture.pcap_walk import DAMAGED, MORE, ZEROS
from ims.capture.source import Frames, Source, empty_frames
from ims.text import quantity

WARNINGS = 100
"""At most so many of a file."""


class FileSource(Source):
    """A source that tells what is wrong with its file."""

    def _consume(self, frames: Frames, count: int, upto: int) -> None:
        """Consume the octets before `upto` in the buffer; take the first packet's digest, up to the end of its octets:
        what follows them in its record doesn't matter."""
        stream = self._stream
        if count and self.first_digest is None:
            stream.advance(int(frames.offset[0] + frames.captured[0]) - stream.begin)
            self.first_digest = stream.digest()
            stream.keep()
        stream.advance(upto - stream.begin)

    def _say(self, warning: str) -> None:
        if warning not in self.warnings and len(self.warnings) < WARNINGS:
            self.warnings.append(warning)

    def _damaged(self, problem: str) -> None:
        """Reading ends here: what is here can't be right."""
        self.complete = False
        stream, rest = self._stream, ""
        if stream.plain_octets is not None:
            rest = f", the last {quantity(stream.plain_octets - stream.position, 'was not', 'were not')}"
        self._say(f"damaged at byte {stream.position:,}: {problem}; everything before it was read{rest}")

    def _ended(self, kind: str, begin: int | None = None) -> None:
        """The file ends here; within a record (`kind`) that begins at `begin`, if octets are left."""
        stream = self._stream
        if stream.warning:
            self.complete = False
            self._say(stream.warning)
        end = stream.position + stream.end - stream.begin
        begin = stream.position if begin is None else begin
        if end > begin:
            self.complete = False
            self._say(
                f"cut off at byte {end:,}, within a {kind} that begins at byte {begin:,}; everything before it was read"
            )

    def _zeros(self, unit: int) -> Generator[Frames, None, bool]:
        """Skip zeros where a record should begin, `unit` octets at a time; whether reading ends here: the file ends
        with them (it lost power, or its space was reserved), or they are fewer than `unit`, which is damage."""
        stream = self._stream
        self.complete = False
        begin = stream.position
        while True:
            waiting = stream.octets[stream.begin : stream.end]
            other = int((waiting != 0).argmax()) if waiting.any() else len(waiting)
            if other < len(waiting) or stream.at_end:
                break
            stream.advance(other // unit * unit)
            if not stream.fill(unit) and not stream.at_end:
                yield empty_frames(stream.octets, 0)
        at_end = other == len(waiting)
        stream.advance(other if at_end else other // unit * unit)
        passed = stream.position - begin
        if at_end:
            those = "it" if passed == 1 else "them"
            self._say(f"ends in {quantity(passed, 'zero')}, from byte {begin:,} on; everything before {those} was read")
            if stream.warning:
                self._say(stream.warning)
        elif passed:
            self._say(f"{passed:,} zeros at byte {begin:,}, where a packet should begin, were passed over")
        else:
            self._damaged(quantity(other, "zero is no record", "zeros are no record"))
        return at_end or not passed


class RecordSource(FileSource):
    """Frames of a file that is one record after another. `_header`: octets of a record's header; `_zero_unit`: octets
    of zeros that could be a record."""

    _header: int
    _zero_unit: int

    @abstractmethod
    def _walk(self, frames: Frames, result: np.ndarray[Any, np.dtype[np.int64]]) -> int:
        """Fill the columns of `frames` from the stream; returns how many. `result` is as of walk_pcap."""

    @abstractmethod
    def _record_octets(self) -> int:
        """Length of the next record, whose header waits, as far as one can tell."""

    @abstractmethod
    def _lie(self, octets: int) -> str:
        """What is wrong with a record of that length."""

    def __iter__(self) -> Iterator[Frames]:
        stream = self._stream
        frames = empty_frames(stream.octets)
        result = np.zeros(4, np.int64)
        while True:
            frames = frames._replace(octets=stream.octets)
            count = self._walk(frames, result)
            self._consume(frames, count, int(result[0]))
            if count:
                yield frames._replace(count=count)
            if result[1] == DAMAGED:
                self._damaged(self._lie(int(result[2])))
                return
            if result[1] == ZEROS:
                if (yield from self._zeros(self._zero_unit)):
                    return
            elif result[1] == MORE:
                header_waits = stream.end - stream.begin >= self._header
                if not stream.fill(self._record_octets() if header_waits else self._header):
                    if stream.at_end:
                        self._ended("record")
                        return
                    yield frames._replace(count=0)
