"""The contract of every source of frames: capture files, and a ring on a live interface.

A source yields `Frames`: one buffer of octets and, for each frame in it, where it lies, how much of it was
captured, how long it was on the wire, when it came, and what link it came from. What is yielded is valid until
the next one is asked for. `decode` knows nothing of where frames came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

FRAMES = 1 << 16
"""At most so many frames in one `Frames`."""


class Frames(NamedTuple):
    """Frames in one buffer; all columns have `count` valid entries.

    Every frame lies inside the buffer: `0 <= offset` and `offset + captured <= octets.size`. Sources hold to
    it; kernels check again.
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
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody asks


def empty_frames(octets: np.ndarray[Any, np.dtype[np.uint8]], capacity: int = FRAMES) -> Frames:
    """Frames with columns to fill."""
    wide = [np.empty(capacity, np.int64) for _ in range(4)]
    links, offloaded = np.empty(capacity, np.uint16), np.zeros(capacity, np.uint8)
    return Frames(octets, wide[0], wide[1], wide[2], wide[3], links, offloaded, 0)


class Source(Protocol):
    """What `open_source` gives. `warnings` grows while frames are read; position and digest are those of the
    octets of all records yielded so far, after decompression."""

    name: str
    warnings: list[str]
    first_digest: str | None
    """digest of everything up to the end of the first packet, once it was yielded"""
    complete: bool
    """false once it is known that not everything can be read: cut off, damaged, zeros at the end"""
    frames_lost: int
    """frames that the capturing program says it dropped (pcapng interface statistics)"""

    @property
    def file_octets(self) -> int | None:
        """Size of the file; None of a pipe."""
        ...

    @property
    def mark_digest(self) -> str | None:
        """See `mark`."""
        ...

    @property
    def position(self) -> int:
        """Octets consumed, after decompression, up to the end of the last record yielded."""
        ...

    @property
    def octets_read(self) -> int:
        """Octets read from the file itself, before decompression: what a progress bar shows."""
        ...

    def digest(self) -> str:
        """Hex digest of the first `position` octets."""
        ...

    def mark(self, position: int) -> None:
        """Have `mark_digest` be the digest of the first `position` octets, once they are consumed."""
        ...

    def __iter__(self) -> Iterator[Frames]:
        """All frames, in order. On a pipe, a `Frames` with count 0 comes at least every 200 ms of silence,
        so that the caller can flush what waits."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...
