"""Capture files of every format, compression and damage, from frames."""

from __future__ import annotations

import gzip
import lzma
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

import lz4.frame
import zstandard

PCAPS = {"us": 0xA1B2C3D4, "ns": 0xA1B23C4D}
NS = 1_000_000_000


class Record(NamedTuple):
    """A frame as a capture has it."""

    time_ns: int
    octets: bytes
    length: int


def pcap(records: Sequence[Record], link: int, order: str, unit: str) -> tuple[bytes, list[int]]:
    """The file, and where its records begin."""
    parts, begins = [struct.pack(order + "IHHiIII", PCAPS[unit], 2, 4, 0, 0, 262_144, link)], []
    for record in records:
        begins.append(sum(map(len, parts[-1:])) + (begins[-1] if begins else 0))
        seconds, fraction = divmod(record.time_ns, NS)
        head = (seconds, fraction // (1000 if unit == "us" else 1), len(record.octets), record.length)
        parts.append(struct.pack(order + "IIII", *head) + record.octets)
    return b"".join(parts), begins


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _block(order: str, kind: int, body: bytes) -> bytes:
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(records: Sequence[Record], link: int, order: str, nanoseconds: bool) -> tuple[bytes, list[int]]:
    """One section, one interface, enhanced packet blocks."""
    options = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0) if nanoseconds else b""
    parts = [_block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))]
    parts.append(_block(order, 1, struct.pack(order + "HHI", link, 0, 0) + options))
    begins, at = [], sum(map(len, parts))
    for record in records:
        time = record.time_ns if nanoseconds else record.time_ns // 1000
        head = struct.pack(order + "IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(record.octets), record.length)
        block = _block(order, 6, head + _padded(record.octets))
        parts.append(block)
        begins.append(at)
        at += len(block)
    return b"".join(parts), begins


def kuznetsov(records: Sequence[Record], link: int) -> tuple[bytes, list[int]]:
    """Alexey Kuznetsov's pcap of old Linux: 24 octets before each frame."""
    parts, begins, at = [struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 262_144, link)], [], 24
    for record in records:
        seconds, fraction = divmod(record.time_ns, NS)
        head = struct.pack("<IIII", seconds, fraction // 1000, len(record.octets), record.length)
        parts.append(head + struct.pack("<iHBx", 1, 0x0800, 0) + record.octets)
        begins.append(at)
        at += len(parts[-1])
    return b"".join(parts), begins


def of_the_nineties(records: Sequence[Record], link: int) -> tuple[bytes, list[int]]:
    """pcap 2.2: the length on the wire stands before the captured one."""
    parts, begins, at = [struct.pack("<IHHiIII", PCAPS["us"], 2, 2, 0, 0, 68, link)], [], 24
    for record in records:
        seconds, fraction = divmod(record.time_ns, NS)
        parts.append(struct.pack("<IIII", seconds, fraction // 1000, record.length, len(record.octets)) + record.octets)
        begins.append(at)
        at += len(parts[-1])
    return b"".join(parts), begins


def older_blocks(records: Sequence[Record], link: int) -> tuple[bytes, list[int]]:
    """pcapng with two interfaces, and the obsolete packet block for every second frame."""
    parts = [_block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    parts += [_block("<", 1, struct.pack("<HHI", link, 0, 0))] * 2
    begins, at = [], sum(map(len, parts))
    for number, record in enumerate(records):
        time = record.time_ns // 1000
        ids = struct.pack("<HH", 1, 3) if number % 2 else struct.pack("<I", 0)
        head = ids + struct.pack("<IIII", time >> 32, time & 0xFFFFFFFF, len(record.octets), record.length)
        parts.append(_block("<", 2 if number % 2 else 6, head + _padded(record.octets)))
        begins.append(at)
        at += len(parts[-1])
    return b"".join(parts), begins


def erf(records: Sequence[Record], link: int) -> tuple[bytes, list[int]]:
    """Endace's records (type 2: Ethernet, 1: HDLC); times to the second, for fractions are of another base."""
    parts, begins, at = [], [], 0
    for number, record in enumerate(records):
        extension = bytes(8) if number % 5 == 4 else b""
        kind = (2 if link == 1 else 1) | (0x80 if extension else 0)
        body = extension + (b"\0\0" if link == 1 else b"") + record.octets
        stamp = struct.pack("<Q", record.time_ns // NS << 32)
        parts.append(stamp + struct.pack(">BBHHH", kind, 4, 16 + len(body), 0, record.length) + body)
        begins.append(at)
        at += len(parts[-1])
    return b"".join(parts), begins


FORMATS: dict[str, Callable[[Sequence[Record], int], tuple[bytes, list[int]]]] = {
    "us-le": lambda r, link: pcap(r, link, "<", "us"),
    "us-be": lambda r, link: pcap(r, link, ">", "us"),
    "ns-le": lambda r, link: pcap(r, link, "<", "ns"),
    "ns-be": lambda r, link: pcap(r, link, ">", "ns"),
    "ng-le": lambda r, link: pcapng(r, link, "<", nanoseconds=False),
    "ng-be": lambda r, link: pcapng(r, link, ">", nanoseconds=False),
    "ng-ns": lambda r, link: pcapng(r, link, "<", nanoseconds=True),
    "ng-old": older_blocks,
    "us-kuznetsov": kuznetsov,
    "us-2.2": of_the_nineties,
    "erf": erf,
}
SUFFIX = {"us": ".pcap", "ns": ".pcap", "ng": ".pcapng", "er": ".erf"}
ERF_LINKS = (1, 104)


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda octets: octets,
    ".gz": lambda octets: gzip.compress(octets, 6, mtime=0),
    ".zst": lambda octets: zstandard.ZstdCompressor().compress(octets),
    ".xz": lzma.compress,
    ".lz4": lz4.frame.compress,
}

Damage = Callable[[bytes, list[int], Random], bytes]


def _at(octets: bytes, at: int, new: bytes) -> bytes:
    return octets[:at] + new + octets[at + len(new) :]


DAMAGES: dict[str, Damage] = {
    "": lambda o, b, d: o,
    "cut": lambda o, b, d: o[: d.randrange(1, len(o))],
    "cut-record": lambda o, b, d: o[: b[d.randrange(len(b))] + d.randrange(1, 16)],
    "zeros": lambda o, b, d: o + bytes(d.choice((16, 64, 512, 4096))),
    "garbage": lambda o, b, d: o + d.randbytes(d.choice((7, 40, 200))),
    "overwritten": lambda o, b, d: _at(o, b[d.randrange(len(b))], b"\xff" * 24),
    "length": lambda o, b, d: _at(o, b[d.randrange(len(b))] + 8, struct.pack("<I", d.choice((1 << 31, 300_000)))),
}  # fmt: skip
"""What became of a file, before it was compressed."""
