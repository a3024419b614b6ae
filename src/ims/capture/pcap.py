"""pcap files: both byte orders, micro- and nanoseconds, and Kuznetzov's modified records (libpcap, sf-pcap.c)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from ims.capture.pcap_walk import DAMAGED, FULL, LARGEST_CAPTURED, walk_pcap
from ims.capture.source import Frames, empty_frames
from ims.capture.stream import OctetStream

# Magic number as read in the file's byte order -> (octets of a record's header, nanoseconds of its fraction)
MAGICS = {0xA1B2C3D4: (16, 1000), 0xA1B23C4D: (16, 1), 0xA1B2CD34: (24, 1000)}
FILE_HEADER = 24


def magic_of(head: bytes) -> tuple[str, int, int] | None:
    """(struct's byte order, octets of a record's header, nanoseconds of its fraction) of a pcap file."""
    for order in "<>":
        number = struct.unpack(order + "I", head[:4])[0]
        if number in MAGICS:
            return (order, *MAGICS[number])
    return None


class PcapSource:
    """Frames of one pcap file. Raises ValueError where its header can't be right."""

    def __init__(self, stream: OctetStream, head: bytes) -> None:
        self._stream = stream
        self.name = stream.name
        self.warnings: list[str] = []
        self.frames_lost = 0
        self.first_digest: str | None = None
        found = magic_of(head)
        assert found is not None
        self._order, self._header, self._fraction_ns = found
        while stream.end - stream.begin < FILE_HEADER and not stream.at_end:
            stream.fill(FILE_HEADER)
        header = stream.octets[stream.begin : min(stream.begin + FILE_HEADER, stream.end)].tobytes()
        if len(header) < FILE_HEADER:
            raise ValueError(f"{self.name} is cut off within its 24-byte pcap header, at byte {len(header)}")
        major, minor, _, _, _, network = struct.unpack(self._order + "HHiIII", header[4:])
        if major != 2:
            raise ValueError(f"{self.name} is pcap version {major}.{minor}; wanted 2.x")
        self._link = network & 0xFFFF  # above it: whether and how long an FCS is
        stream.advance(FILE_HEADER)

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

    def __iter__(self) -> Iterator[Frames]:
        stream = self._stream
        frames = empty_frames(stream.octets)
        result = np.zeros(3, np.int64)
        wanted = 1
        while True:
            frames = frames._replace(octets=stream.octets)
            count = walk_pcap(
                stream.octets, stream.begin, stream.end, self._order == ">", self._header, self._fraction_ns,
                self._link, frames, result,
            )  # fmt: skip
            consumed = int(result[0]) - stream.begin
            if count:
                if self.first_digest is None:
                    first = int(frames.offset[0] + frames.captured[0]) - stream.begin
                    stream.advance(first)
                    self.first_digest = stream.digest()
                    consumed -= first
                stream.advance(consumed)
                yield frames._replace(count=count)
            if result[1] == DAMAGED:
                self.warnings.append(
                    f"damaged at byte {stream.position:,}: a record claims {int(result[2]):,} captured bytes, more "
                    f"than {LARGEST_CAPTURED:,}; everything before it was read"
                )
                return
            if result[1] == FULL:
                continue
            waiting = stream.end - stream.begin
            wanted = self._whole_record(waiting)
            if not stream.fill(wanted):
                if stream.at_end:
                    self._say_how_it_ended(stream.end - stream.begin)
                    return
                yield frames._replace(count=0)

    def _whole_record(self, waiting: int) -> int:
        """Octets that the record at the stream's begin needs, as far as one can tell."""
        if waiting < self._header:
            return self._header
        begin = self._stream.begin
        field = self._stream.octets[begin + 8 : begin + 12].tobytes()
        captured: int = struct.unpack(self._order + "I", field)[0]
        return self._header + min(captured, LARGEST_CAPTURED)

    def _say_how_it_ended(self, left: int) -> None:
        if self._stream.warning:
            self.warnings.append(self._stream.warning)
        if left:
            self.warnings.append(
                f"cut off at byte {self._stream.position + left:,}, within a record that begins at byte "
                f"{self._stream.position:,}; everything before it was read"
            )
