"""pcapng files (draft-ietf-opsawg-pcapng): sections of either byte order, many interfaces, every packet block.

Packet blocks are walked by a kernel; rare ones (section, interface, statistics) are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator

import numpy as np

from ims.capture import pcapng_walk as walk
from ims.capture.file_source import FileSource
from ims.capture.pcapng_walk import MOST_LOST, NO_LINK, Interfaces
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
        self._order = "<"
        self._count = self._untimely = 0
        links, resolutions = np.full(INTERFACES, NO_LINK, np.uint16), np.full(INTERFACES, MICROSECONDS, np.uint8)
        snapshots, offsets, dropped = (np.zeros(INTERFACES, np.int64) for _ in range(3))
        self._interfaces = Interfaces(links, snapshots, resolutions, offsets, dropped)
        self._dropped: dict[int, dict[int, int]] = {}
        self._passed_from: int | None = None
        problem = self._outcome(self._section())
        if problem is not None:
            raise ValueError(f"{self.name} is no pcapng file: {problem}")

    def _outcome(self, reading: Generator[Frames, None, str | None]) -> str | None:
        """What a reader returns, however long it waits. Raises InterruptedError."""
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
        finally:  # also where the caller stops early
            self._add_up_dropped()
            self._tell_of_times()

    def _frames(self) -> Iterator[Frames]:
        stream = self._stream
        frames = empty_frames(stream.octets)
        result = np.zeros(4, np.int64)
        while True:
            frames = frames._replace(octets=stream.octets)
            count = walk.walk_pcapng(
                stream.octets, stream.begin, stream.end, self._order == ">", self._interfaces, self._count,
                LARGEST_READ, frames, result,
            )  # fmt: skip
            self._consume(frames, count, int(result[0]))
            self._untimely, result[3] = self._untimely + int(result[3]), 0
            if count:
                if (frames.link[:count] == NO_LINK).any():
                    self.complete = False
                    self._say("some packets name an interface that was not described; they are not decoded")
                yield frames._replace(count=count)
            why, found = int(result[1]), int(result[2])
            if why == walk.DAMAGED:
                if found == 0 and self._number(0) == 0:
                    if (yield from self._zeros(4)):
                        return
                    continue
                self._damaged(f"a block claims a length of {found:,}")
                return
            if why == walk.READ:
                problem = yield from self._read(found)
                if problem:
                    self._damaged(problem)
                    return
                if problem is not None:
                    self._ended("block", self._passed_from)
                    return
            elif why == walk.MORE:
                whole = 12 if stream.end - stream.begin < 12 else min(self._number(4), LARGEST_READ)
                if not stream.fill(whole):
                    if stream.at_end:
                        self._ended("block")
                        return
                    yield frames._replace(count=0)

    def _number(self, at: int) -> int:
        number: int = struct.unpack(self._order + "I", self._stream.peek(at, 4))[0]
        return number

    def _wait_for(self, octets: int) -> Generator[Frames, None, bool]:
        """Whether so many octets come before the file ends; yields empty frames in a pipe's silence."""
        stream = self._stream
        while stream.end - stream.begin < octets and not stream.at_end:
            if not stream.fill(octets) and not stream.at_end:
                yield empty_frames(stream.octets, 0)
        return stream.end - stream.begin >= octets

    def _read(self, total: int) -> Generator[Frames, None, str | None]:
        """Read a block that isn't a packet's. None: go on; a text: it is wrong; an empty one: the file ends in it."""
        kind = self._number(0)
        if kind == walk.SECTION:
            return (yield from self._section())
        if total > LARGEST_READ:
            return (yield from self._pass_over(total))
        if not (yield from self._wait_for(total)):
            return ""
        if self._number(total - 4) != total:
            return f"a block of {quantity(total, 'byte')} does not say so at its end"
        block = self._stream.peek(0, total)
        self._stream.advance(total)
        if kind == walk.INTERFACE:
            return self._interface(block)
        if kind == walk.STATISTICS:
            self._statistics(block)
        return None

    def _pass_over(self, total: int) -> Generator[Frames, None, str | None]:
        stream = self._stream
        if self._number(0) == walk.INTERFACE and self._count < INTERFACES:
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
        cut_off = "it ends within a section header" if stream.position == 0 else ""
        if not (yield from self._wait_for(28)):
            return cut_off
        order = BYTE_ORDERS.get(stream.peek(8, 4))
        if order is None:
            return "a section header has no byte-order magic"
        self._order = order
        total = self._number(4)
        major = struct.unpack(order + "H", stream.peek(12, 2))[0]
        if major != 1:
            return f"its version is {major}; expected 1"
        if total < 28 or total % 4 or total > LARGEST_READ:
            return f"a section header claims a length of {total:,}"
        if not (yield from self._wait_for(total)):
            return cut_off
        if self._number(total - 4) != total:
            return f"a section header of {total:,} bytes does not say so at its end"
        stream.advance(total)
        self._add_up_dropped()
        self._count = 0
        return None

    def _interface(self, block: bytes) -> str | None:
        if len(block) < 20:
            return f"an interface block is {len(block)} bytes long; expected at least 20"
        if self._count == INTERFACES:
            self._say(f"more than {INTERFACES:,} interfaces in a section; packets of the others are not decoded")
            return None
        known, which = self._interfaces, self._count
        known.link[which], _, known.snapshot[which] = struct.unpack(self._order + "HHI", block[8:16])
        known.resolution[which], known.offset[which] = MICROSECONDS, 0
        for code, value in _options(block[16:-4], self._order):
            if code == IF_TSRESOL and len(value) == 1:
                known.resolution[which] = value[0]
            elif code == IF_TSOFFSET and len(value) == 8:
                known.offset[which] = struct.unpack(self._order + "q", value)[0]
        self._count += 1
        return None

    def _statistics(self, block: bytes) -> None:
        if len(block) < 24:
            return
        which = struct.unpack(self._order + "I", block[8:12])[0]
        for code, value in _options(block[20:-4], self._order):
            if code in ISB_DROPS and len(value) == 8 and which < self._count:
                # They count from the capture's begin on, so an interface's last block has the total.
                self._dropped.setdefault(which, {})[code] = min(struct.unpack(self._order + "Q", value)[0], MOST_LOST)

    def _add_up_dropped(self) -> None:
        """A section is over. Of an interface, statistics and packets may both say what was lost: the larger counts."""
        of_packets = self._interfaces.dropped
        lost = sum(max(sum(each.values()), int(of_packets[which])) for which, each in self._dropped.items())
        lost += int(of_packets[: self._count].sum()) - int(of_packets[list(self._dropped)].sum())
        self.frames_lost = min(self.frames_lost + lost, MOST_LOST)
        self._dropped.clear()
        of_packets[: self._count] = 0

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
