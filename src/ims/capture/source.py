"""The contract of every source of frames: capture files, and a ring on a live interface.

A source yields `Frames`: one buffer of octets and a column for each property of the frames in it. What is yielded is
valid until the next one is requested. `decode` doesn't know where frames come from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ims.capture.stream import OctetStream

FRAMES = 1 << 16
"""At most so many in one `Frames`."""


class Frames(NamedTuple):
    """Frames in one buffer; all columns have `count` valid entries.

    Every frame lies inside the buffer: `0 <= offset` and `offset + captured <= octets.size`; kernels check it again.
    """

    octets: np.ndarray[Any, np.dtype[np.uint8]]
    offset: np.ndarray[Any, np.dtype[np.int64]]
    captured: np.ndarray[Any, np.dtype[np.int64]]
    """octets present in the buffer"""
    length: np.ndarray[Any, np.dtype[np.int64]]
    """octets on the wire; never less than captured"""
    time: np.ndarray[Any, np.dtype[np.int64]]
    """nanoseconds since the epoch"""
    link: np.ndarray[Any, np.dtype[np.uint16]]
    """LINKTYPE_ number (tcpdump.org/linktypes.html), per frame: pcapng mixes interfaces"""
    offloaded: np.ndarray[Any, np.dtype[np.uint8]]
    """1: the sender's kernel left the transport checksum to hardware that never saw the frame, so it says nothing"""
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls


def empty_frames(octets: np.ndarray[Any, np.dtype[np.uint8]], capacity: int = FRAMES) -> Frames:
    """Frames with columns to fill."""
    wide = [np.empty(capacity, np.int64) for _ in range(4)]
    links, offloaded = np.empty(capacity, np.uint16), np.zeros(capacity, np.uint8)
    return Frames(octets, wide[0], wide[1], wide[2], wide[3], links, offloaded, 0)


class Source(ABC):
    """A capture file's frames, as `open_source` gives them. Position and digests are those of the octets of all records
    yielded so far, after decompression."""

    def __init__(self, stream: OctetStream) -> None:
        self._stream, self.name = stream, stream.name
        self.file_octets = stream.file_octets
        """size of the file; None of a pipe"""
        self.warnings: list[str] = []
        """grows while frames are read"""
        self.complete = True
        """False once it is known that not everything can be read: cut off, damaged, zeros at the end"""
        self.frames_lost = 0
        """frames that the capturing program says it dropped (pcapng interface statistics)"""
        self.first_digest: str | None = None
        """digest of everything up to the end of the first packet, once it was yielded"""
        self.digest, self.mark, self.close = stream.digest, stream.mark, stream.close

    @property
    def mark_digest(self) -> str | None:
        """See `mark`."""
        return self._stream.mark_digest

    @property
    def position(self) -> int:
        """Octets consumed, after decompression, up to the end of the last record yielded."""
        return self._stream.position

    @property
    def octets_read(self) -> int:
        """Octets read from the file itself, before decompression: what a progress bar shows."""
        return self._stream.octets_read

    @abstractmethod
    def __iter__(self) -> Iterator[Frames]:
        """All frames, in order. On a pipe, a `Frames` with count 0 comes at least every 200 ms of silence,
        so that the caller can flush what waits."""
