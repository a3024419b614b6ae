"""What sources of capture files share: the stream below them, and what they say of a file that isn't whole."""

from __future__ import annotations

from collections.abc import Generator

from ims.capture.source import Frames, empty_frames
from ims.capture.stream import OctetStream
from ims.text import quantity

WARNINGS = 100
"""At most so many of one file."""


class FileSource:
    """A capture's stream, and the books of its reader. `Source` of source.py says what each member means."""

    def __init__(self, stream: OctetStream) -> None:
        self._stream = stream
        self.name = stream.name
        self.warnings: list[str] = []
        self.complete = True
        self.frames_lost = 0
        self.first_digest: str | None = None

    @property
    def file_octets(self) -> int | None:
        """Size of the file; None of a pipe."""
        return self._stream.file_octets

    @property
    def octets_read(self) -> int:
        """Octets read from the file, before decompression."""
        return self._stream.octets_read

    @property
    def position(self) -> int:
        """Octets consumed, after decompression."""
        return self._stream.position

    def digest(self) -> str:
        """Digest of the first `position` octets."""
        return self._stream.digest()

    def mark(self, position: int) -> None:
        """Have `mark_digest` be the digest of the first `position` octets once they are consumed."""
        self._stream.mark(position)

    @property
    def mark_digest(self) -> str | None:
        """See `mark`."""
        return self._stream.mark_digest

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _consume(self, frames: Frames, count: int, upto: int) -> None:
        """Consume the octets before `upto` in the buffer. The first packet's digest is taken on the way: up to the end
        of its octets, for what follows them in its record doesn't matter."""
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
        """Reading ends here, for what stands here can't be right."""
        self.complete = False
        stream = self._stream
        rest = ""
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
        """Pass over zeros where a record should begin, `unit` octets at a time; whether reading ends here: the file
        ends with them, or they are fewer than `unit`, which is damage.

        A file system that lost power, or a file whose space was reserved, ends so.
        """
        stream = self._stream
        self.complete = False
        begin = stream.position
        passed = 0
        while True:
            waiting = stream.octets[stream.begin : stream.end]
            other = int((waiting != 0).argmax()) if waiting.any() else len(waiting)
            if other < len(waiting) or stream.at_end:
                break
            step = other // unit * unit
            stream.advance(step)
            passed += step
            if not stream.fill(unit) and not stream.at_end:
                yield empty_frames(stream.octets, 0)
        at_end = other == len(waiting)
        step = other if at_end else other // unit * unit
        stream.advance(step)
        passed += step
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
