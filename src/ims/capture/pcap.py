"""pcap files in all their dialects: both byte orders, micro- and nanoseconds, versions 2.0 to 2.4 and 543.0, and what
patched libpcaps, AIX, Ixia and Nokia wrote (libpcap, sf-pcap.c; Wireshark, wiretap/libpcap.c)."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np

from ims.capture.file_source import RecordSource
from ims.capture.pcap_walk import CAPTURED_FIRST, LARGEST_CAPTURED, LENGTH_FIRST, SMALLER_FIRST, walk_pcap
from ims.capture.source import Frames
from ims.capture.stream import OctetStream

FILE_HEADER = 24
LARGEST_LENGTH = 1 << 27


class Magic(NamedTuple):
    """What a magic number says. `headers`: octets of a record's header, the likeliest first, where patches that didn't
    change the number made them longer; `after`: octets between the file's header and the first record."""

    headers: tuple[int, ...]
    fraction_ns: int
    after: int = 0


MAGICS = {
    0xA1B2C3D4: Magic((16, 24, 20), 1000),  # 24: Red Hat 6.1's libpcap; 20: Nokia's
    0xA1B23C4D: Magic((16,), 1),
    0xA1B2CD34: Magic((24, 28), 1000),  # Kuznetzov's patch; 28: SuSE 6.3's
    0x1C0001AC: Magic((16,), 1, after=4),  # Ixia's, hardware and software
    0x1C0001AB: Magic((16,), 1000, after=4),
}
AIX_LINKS = {6: 1, 9: 6, 15: 10, 24: 0}
"""AIX wrote version 2.2 with the interface types of RFC 1573, and nanoseconds."""
RESERVED_OF_LINK = 0x03FF_0000
"""The bits above them say whether and how long an FCS is: decoding ends with the IP packet, before it."""


def magic_of(head: bytes) -> tuple[str, Magic] | None:
    """(struct's byte order, what its magic number says) of a pcap file."""
    for order in "<>":
        number = struct.unpack(order + "I", head[:4])[0]
        if number in MAGICS:
            return order, MAGICS[number]
    return None


class PcapSource(RecordSource):
    """Frames of one pcap file. Raises ValueError where its header can't be right."""

    def __init__(self, stream: OctetStream, head: bytes) -> None:
        super().__init__(stream)
        found = magic_of(head)
        assert found is not None
        self._order, magic = found
        self._fraction_ns = magic.fraction_ns
        whole = FILE_HEADER + magic.after
        stream.need(whole)
        header = stream.peek(0, whole)
        if len(header) < whole:
            raise ValueError(f"{self.name} is cut off within its {whole}-byte pcap header, at byte {len(header)}")
        major, minor, _, _, _, network = struct.unpack(self._order + "HHiIII", header[4:FILE_HEADER])
        if not (major == 2 and minor <= 4) and (major, minor) != (543, 0):
            raise ValueError(f"{self.name} is pcap version {major}.{minor}; expected 2.0 to 2.4, or 543.0 of DG/UX")
        if network & RESERVED_OF_LINK:
            raise ValueError(f"{self.name} has a link type of {network:#x}, whose meaning nobody has defined")
        self._lengths_order = CAPTURED_FIRST
        if (major, minor) != (2, 4):
            self._lengths_order = SMALLER_FIRST if (major, minor) == (2, 3) else LENGTH_FIRST
        self._link = network & 0xFFFF
        if (major, minor) == (2, 2) and network in AIX_LINKS and magic.headers[0] == 16:
            self._link, self._fraction_ns = AIX_LINKS[network], 1
        stream.advance(whole)
        self._header = self._zero_unit = (
            self._likely_header(magic.headers) if self._lengths_order == CAPTURED_FIRST else magic.headers[0]
        )

    def _likely_header(self, headers: tuple[int, ...]) -> int:
        """Octets of a record's header: the first with which the first records make sense. Of a pipe only those count
        that come at once: a program that captures may be slow, and none writes the longer headers any more."""
        if len(headers) == 1 or self._sensible(headers[0]) is not None:
            return headers[0]
        return next((header for header in headers[1:] if (self._sensible(header) or 0) > 1), headers[0])

    def _sensible(self, header: int) -> int | None:
        """How many of the first three records' headers are right and came; None where one is wrong."""
        stream, at = self._stream, 0
        for number in range(3):
            if not stream.need(at + header, patient=False):
                return number
            octets = stream.peek(at, header)
            if not any(octets[:16]):
                return number
            _, fraction, captured, length = struct.unpack(self._order + "IIII", octets[:16])
            if fraction >= 1_000_000 or captured > min(length, LARGEST_CAPTURED) or length > LARGEST_LENGTH:
                return None
            if header >= 24 and (struct.unpack(self._order + "I", octets[16:20])[0] > 10_000 or octets[22] > 4):
                return None  # the interface's number, and Linux's type of packet
            at += header + captured
        return 3

    def _walk(self, frames: Frames, result: np.ndarray[Any, np.dtype[np.int64]]) -> int:
        count: int = walk_pcap(
            frames.octets, self._stream.begin, self._stream.end, self._order == ">", self._header, self._fraction_ns,
            self._link, frames, result, self._lengths_order,
        )  # fmt: skip
        return count

    def _record_octets(self) -> int:
        captured, length = struct.unpack(self._order + "II", self._stream.peek(8, 8))
        if self._lengths_order == LENGTH_FIRST or (self._lengths_order == SMALLER_FIRST and captured > length):
            captured = length
        return self._header + min(int(captured), LARGEST_CAPTURED)

    def _lie(self, octets: int) -> str:
        return f"a record claims {octets:,} captured bytes, more than {LARGEST_CAPTURED:,}"
