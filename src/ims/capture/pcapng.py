"""pcapng files (draft-ietf-opsawg-pcapng): sections of either byte order, many interfaces, every packet block.

Packet blocks are walked by a kernel; the rare ones (section, interface, statistics) are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator

import numpy as np

from ims.capture.file_source import FileSource
from ims.capture.pcapng_walk import (
    DAMAGED,
    FULL,
    INTERFACE,
    MORE,
    MOST_LOST,
    NO_LINK,
    READ,
    SECTION,
    STATISTICS,
    Interfaces,
    walk_pcapng,
)
from ims.capture.source import Frames, empty_frames
from ims.capture.stream import OctetStream
from ims.text import quantity

SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
INTERFACES = 1 << 16
LARGEST_READ = 1 << 20
IF_TSRESOL, IF_TSOFFSET = 9, 14
ISB_DROPS = (5, 7)
"""isb_ifdrop, isb_osdrop: what the interface lost, and what the system below the capturing program lost."""
MICROSECONDS = 6


class PcapngSource(FileSource):
    """Frames of one pcapng file. Raises ValueError where its first section header can't be right."""

    def __init__(self, stream: OctetStream) -> None:
        super().__init__(stream)
        self._swapped = False
        self._count = 0
        self._interfaces = Interfaces(
            np.full(INTERFACES, NO_LINK, np.uint16),
            np.zeros(INTERFACES, np.int64),
            np.full(INTERFACES, MICROSECONDS, np.uint8),
            np.zeros(INTERFACES, np.int64),
            np.zeros(INTERFACES, np.int64),
        )
        self._dropped: dict[int, dict[int, int]] = {}
        self._passed_from: int | None = None
        self._untimely = 0
        problem = self._outcome(self._section())
        if problem is not None:
            raise ValueError(f"{self.name} is no pcapng file: {problem}")

    def _outcome(self, reading: Generator[Frames, None, str | None]) -> str | None:
        """What a reader returns in the end, whatever it waits for. Raises InterruptedError."""
        while True:
            try:
                next(reading)
            except StopIteration as done:
                outcome: str | None = done.value
                return outcome
            self._stream.refuse_to_wait()

    def __iter__(self) -> Iterator[Frames]:
        try:
            yield from self._frames()
        finally:  # whoever stops early learns it too
            self._add_up_dropped()
            self._tell_of_times()

    def _frames(self) -> Iterator[Frames]:
        stream = self._stream
        frames = empty_frames(stream.octets)
        result = np.zeros(4, np.int64)
        while True:
            frames = frames._replace(octets=stream.octets)
            count = walk_pcapng(
                stream.octets, stream.begin, stream.end, self._swapped, self._interfaces, self._count, LARGEST_READ,
                frames, result,
            )  # fmt: skip
            self._consume(frames, count, int(result[0]))
            self._untimely, result[3] = self._untimely + int(result[3]), 0
            if count:
                self._tell_of_unknown(frames, count)
                yield frames._replace(count=count)
            why, found = int(result[1]), int(result[2])
            if why == DAMAGED:
                if found == 0 and self._number(0) == 0:
                    if (yield from self._zeros(4)):
                        return
                    continue
                self._damaged(f"a block claims a length of {found:,}")
                return
            if why == READ:
                problem = yield from self._read(found)
                if problem is not None:
                    if problem:
                        self._damaged(problem)
                    else:
                        self._ended("block", self._passed_from)
                    return
            elif why == MORE and not stream.fill(self._whole_block()):
                if stream.at_end:
                    self._ended("block")
                    return
                yield frames._replace(count=0)
            else:
                assert why in (MORE, FULL)

    def _whole_block(self) -> int:
        waiting = self._stream.end - self._stream.begin
        if waiting < 12:
            return 12
        return min(self._number(4), LARGEST_READ)

    def _number(self, at: int) -> int:
        begin = self._stream.begin + at
        return int.from_bytes(self._stream.octets[begin : begin + 4].tobytes(), "big" if self._swapped else "little")

    def _wait_for(self, octets: int) -> Generator[Frames, None, bool]:
        """Whether so many octets come before the file ends; frames of none in a pipe's silence."""
        stream = self._stream
        while stream.end - stream.begin < octets and not stream.at_end:
            if not stream.fill(octets) and not stream.at_end:
                yield empty_frames(stream.octets, 0)
        return stream.end - stream.begin >= octets

    def _read(self, total: int) -> Generator[Frames, None, str | None]:
        """Read a block that isn't a packet's. None: go on; a text: it lies; an empty one: the file ends in it."""
        kind = self._number(0)
        if kind == SECTION:
            return (yield from self._section())
        if total > LARGEST_READ:
            return (yield from self._pass_over(total))
        if not (yield from self._wait_for(total)):
            return ""
        begin = self._stream.begin
        block = self._stream.octets[begin : begin + total].tobytes()
        if int.from_bytes(block[-4:], "big" if self._swapped else "little") != total:
            return f"a block of {quantity(total, 'byte')} does not say so at its end"
        self._stream.advance(total)
        if kind == INTERFACE:
            return self._interface(block)
        if kind == STATISTICS:
            self._statistics(block)
        return None

    def _pass_over(self, total: int) -> Generator[Frames, None, str | None]:
        stream = self._stream
        if self._number(0) == INTERFACE and self._count < INTERFACES:
            self._interfaces.link[self._count] = NO_LINK  # so that those after it keep their numbers
            self._count += 1
        at, left = stream.position, total
        while left:
            if not (yield from self._wait_for(1)):
                self._passed_from = at
                return ""
            step = min(left, stream.end - stream.begin)
            stream.advance(step)
            left -= step
        self._say(f"a block of {quantity(total, 'byte')} at byte {at:,} was passed over")
        return None

    def _section(self) -> Generator[Frames, None, str | None]:
        stream = self._stream
        if not (yield from self._wait_for(28)):
            return "it ends within a section header" if stream.position == 0 else ""
        begin = stream.begin
        order = BYTE_ORDERS.get(stream.octets[begin + 8 : begin + 12].tobytes())
        if order is None:
            return "a section header has no byte-order magic"
        self._swapped = order == ">"
        total = self._number(4)
        major = struct.unpack(order + "H", stream.octets[begin + 12 : begin + 14].tobytes())[0]
        if major != 1:
            return f"its version is {major}; expected 1"
        if total < 28 or total % 4 or total > LARGEST_READ:
            return f"a section header claims a length of {total:,}"
        if not (yield from self._wait_for(total)):
            return "it ends within a section header" if stream.position == 0 else ""
        if self._number(total - 4) != total:
            return f"a section header of {total:,} bytes does not say so at its end"
        stream.advance(total)
        self._add_up_dropped()
        self._count = 0
        return None

    def _interface(self, block: bytes) -> str | None:
        order = ">" if self._swapped else "<"
        if len(block) < 20:
            return f"an interface block is {len(block)} bytes long; expected at least 20"
        if self._count == INTERFACES:
            self._say(f"more than {INTERFACES:,} interfaces in a section; packets of the others are not decoded")
            return None
        link, _, snapshot = struct.unpack(order + "HHI", block[8:16])
        which = self._count
        self._interfaces.link[which] = link
        self._interfaces.snapshot[which] = snapshot
        self._interfaces.resolution[which] = MICROSECONDS
        self._interfaces.offset[which] = 0
        for code, value in _options(block[16:-4], order):
            if code == IF_TSRESOL and len(value) == 1:
                self._interfaces.resolution[which] = value[0]
            elif code == IF_TSOFFSET and len(value) == 8:
                self._interfaces.offset[which] = struct.unpack(order + "q", value)[0]
        self._count += 1
        return None

    def _statistics(self, block: bytes) -> None:
        order = ">" if self._swapped else "<"
        if len(block) < 24:
            return
        which = struct.unpack(order + "I", block[8:12])[0]
        for code, value in _options(block[20:-4], order):
            if code in ISB_DROPS and len(value) == 8 and which < self._count:
                # They count from the capture's begin on, so the last block of an interface says it all.
                self._dropped.setdefault(which, {})[code] = min(struct.unpack(order + "Q", value)[0], MOST_LOST)

    def _add_up_dropped(self) -> None:
        """A section is over. Of an interface, statistics and packets may both say what was lost: the larger counts."""
        of_packets = self._interfaces.dropped
        lost = sum(max(sum(each.values()), int(of_packets[which])) for which, each in self._dropped.items())
        counted = list(self._dropped)
        lost += int(of_packets[: self._count].sum()) - int(of_packets[counted].sum())
        self.frames_lost = min(self.frames_lost + lost, MOST_LOST)
        self._dropped.clear()
        of_packets[: self._count] = 0

    def _tell_of_unknown(self, frames: Frames, count: int) -> None:
        if (frames.link[:count] == NO_LINK).any():
            self.complete = False
            self._say("some packets name an interface that was not described; they are not decoded")

    def _tell_of_times(self) -> None:
        if self._untimely:
            one, several = "packet has a time that", "packets have times that"
            stored = "it is stored" if self._untimely == 1 else "they are stored"
            self._say(
                f"{quantity(self._untimely, one, several)} can't be kept, before 1677 or after 2262; "
                f"{stored} as of the first or last moment of these"
            )


def _options(octets: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Options of a block: code, length, value padded to four."""
    at = 0
    while at + 4 <= len(octets):
        code, length = struct.unpack(order + "HH", octets[at : at + 4])
        if code == 0 or at + 4 + length > len(octets):
            return
        yield code, octets[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
