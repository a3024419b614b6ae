"""pcap files: both byte orders, micro- and nanoseconds, and Kuznetzov's modified records (libpcap, sf-pcap.c)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from ims.capture.file_source import FileSource
from ims.capture.pcap_walk import DAMAGED, FULL, LARGEST_CAPTURED, ZEROS, walk_pcap
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


class PcapSource(FileSource):
    """Frames of one pcap file. Raises ValueError where its header can't be right."""

    def __init__(self, stream: OctetStream, head: bytes) -> None:
        super().__init__(stream)
        found = magic_of(head)
        assert found is not None
        self._order, self._header, self._fraction_ns = found
        stream.need(FILE_HEADER)
        header = stream.octets[stream.begin : min(stream.begin + FILE_HEADER, stream.end)].tobytes()
        if len(header) < FILE_HEADER:
            raise ValueError(f"{self.name} is cut off within its 24-byte pcap header, at byte {len(header)}")
        major, minor, _, _, _, network = struct.unpack(self._order + "HHiIII", header[4:])
        if major != 2:
            raise ValueError(f"{self.name} is pcap version {major}.{minor}; wanted 2.x")
        self._link = network & 0xFFFF  # above it: whether and how long an FCS is
        stream.advance(FILE_HEADER)

    def __iter__(self) -> Iterator[Frames]:
        stream = self._stream
        frames = empty_frames(stream.octets)
        result = np.zeros(3, np.int64)
        while True:
            frames = frames._replace(octets=stream.octets)
            count = walk_pcap(
                stream.octets, stream.begin, stream.end, self._order == ">", self._header, self._fraction_ns,
                self._link, frames, result,
            )  # fmt: skip
            self._consume(frames, count, int(result[0]))
            if count:
                yield frames._replace(count=count)
            if result[1] == DAMAGED:
                self._damaged(f"a record claims {int(result[2]):,} captured bytes, more than {LARGEST_CAPTURED:,}")
                return
            if result[1] == ZEROS:
                if (yield from self._zeros(self._header)):
                    return
                continue
            if result[1] == FULL:
                continue
            wanted = self._whole_record(stream.end - stream.begin)
            if not stream.fill(wanted):
                if stream.at_end:
                    self._ended("record")
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
