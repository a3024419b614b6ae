"""Rebuilt packets as a pcapng file, whose times reach from 1677 to 2262, as those of captures do.

draft-ietf-opsawg-pcapng: a section header (4.1), two interfaces (4.2), and an enhanced packet block (4.3) for each.
Times are nanoseconds in 64 unsigned bits; those before 1970 are the second interface's, to which its if_tsoffset adds.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa

from ims.kernels import kernel
from ims.packet.octets import copy_proven
from ims.store.arrays import numbers
from ims.store.pcap import LINK_TYPES
from ims.store.rebuild import RECORD, little32

Array = np.ndarray[Any, Any]
OFFSET_SECONDS = -9_223_372_036
"""What the second interface's times count from: in 1677."""
SNAPSHOT = 1 << 18
BLOCK = 32
"""Octets of an enhanced packet block without its packet."""


def pcapng_header(link: str = "raw") -> bytes:
    """The blocks before the packets, least significant octet first."""
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    resolution = struct.pack("<HHBxxx", 9, 1, 9)  # if_tsresol: nanoseconds
    offset = struct.pack("<HHq", 14, 8, OFFSET_SECONDS)
    interface = struct.pack("<HHI", LINK_TYPES[link], 0, SNAPSHOT)
    end = struct.pack("<HH", 0, 0)
    blocks = [(0x0A0D0D0A, section), (1, interface + resolution + end), (1, interface + resolution + offset + end)]
    return b"".join(_block(kind, body) for kind, body in blocks)


def _block(kind: int, body: bytes) -> bytes:
    total = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + total + body + total


@kernel
def write_blocks(records, offsets, times, out, places):
    """Write record i of a pcap file, records[offsets[i]:offsets[i + 1]], as the block out[places[i]:places[i + 1]]; its
    time is times[i], nanoseconds since 1970.

    `pcapng_blocks` has made each block as long as its record needs, which is the proof that `copy_proven` asks for.
    """
    before = np.int64(OFFSET_SECONDS) * np.int64(1_000_000_000)
    for row in range(times.size):
        at, begin = places[row], offsets[row]
        total = places[row + 1] - at
        octets = offsets[row + 1] - begin - RECORD
        early = times[row] < 0
        time = times[row] - before if early else times[row]
        little32(out, at, 6)
        little32(out, at + 4, total)
        little32(out, at + 8, 1 if early else 0)
        little32(out, at + 12, time >> 32)
        little32(out, at + 16, time & 0xFFFFFFFF)
        little32(out, at + 20, octets)
        for octet in range(4):
            out[at + 24 + octet] = records[begin + 12 + octet]  # octets on the wire
        copy_proven(records, begin + RECORD, octets, out, at + 28)
        for pad in range(at + 28 + octets, at + total - 4):
            out[pad] = 0
        little32(out, at + total - 4, total)


def times_of(table: pa.Table | pa.RecordBatch) -> Array:
    """Nanoseconds since 1970 (int64) of the rows of `packets`."""
    return numbers(table.column("time"), "i8") * 1000 + numbers(table.column("time_ns"), "i8")


def pcapng_blocks(records: Array, offsets: Array, times: Array) -> Array:
    """Records of a pcap file (uint8; record i at offsets[i]) as pcapng blocks; `times` (int64) as of `times_of`."""
    lengths = np.diff(offsets) - RECORD
    places = np.zeros(len(offsets), np.int64)
    np.cumsum(BLOCK + (lengths + 3) // 4 * 4, out=places[1:])
    out = np.empty(int(places[-1]), np.uint8)
    write_blocks(records, offsets.astype(np.int64), times, out, places)
    return out
