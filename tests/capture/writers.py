"""Plain writers of pcap and pcapng, and what the sensor reads of a file."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st

from ims.capture.open import open_source

from ..stores import CAPTURES

MICRO, NANO, MODIFIED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, NAMES, STATISTICS, PACKET = 0x0A0D0D0A, 1, 2, 3, 4, 5, 6
ETHERNET, RAW = 1, 101
NO_LINK = 0xFFFF
IF_TSRESOL, IF_TSOFFSET, ISB_IFDROP = 9, 14, 5


class Packet(NamedTuple):
    """What is read of a packet."""

    time: int
    """nanoseconds since the epoch"""
    link: int
    octets: bytes
    length: int
    """on the wire"""


class Read(NamedTuple):
    """What came of a file."""

    packets: list[Packet]
    warnings: list[str]
    frames_lost: int


def read(path: str | Path, chunk: int = 1 << 16) -> Read:
    """Everything that a file gives. Asserts what every source promises."""
    packets = []
    with contextlib.closing(open_source(path, chunk)) as source:
        for frames in source:
            for row in range(frames.count):
                offset, captured = int(frames.offset[row]), int(frames.captured[row])
                assert 0 <= offset <= offset + captured <= frames.octets.size
                octets = frames.octets[offset : offset + captured].tobytes()
                packet = Packet(int(frames.time[row]), int(frames.link[row]), octets, int(frames.length[row]))
                assert len(octets) == captured <= packet.length
                packets.append(packet)
        return Read(packets, source.warnings, source.frames_lost)


def packets_of(path: str | Path, chunk: int = 1 << 16) -> list[Packet]:
    """The packets of a file that nothing is wrong with."""
    packets, warnings, _ = read(path, chunk)
    assert warnings == []
    return packets


def pcap_header(order: str = "<", magic: int = MICRO, link: int = RAW, version: tuple[int, int] = (2, 4)) -> bytes:
    return struct.pack(order + "IHHiIII", magic, *version, 0, 0, 65_535, link)


def pcap_record(
    packet: Packet, order: str = "<", magic: int = MICRO, captured: int | None = None, length: int | None = None
) -> bytes:
    """A record; `captured` and `length` are what it claims, if not the truth."""
    seconds, nanos = divmod(packet.time, 1_000_000_000)
    captured = len(packet.octets) if captured is None else captured
    length = packet.length if length is None else length
    header = struct.pack(order + "IIII", seconds, nanos if magic == NANO else nanos // 1000, captured, length)
    if magic == MODIFIED:
        header += struct.pack(order + "iHBB", 2, 0x0800, 0, 0xAA)  # interface, protocol, packet type, padding
    return header + packet.octets


def pcap(packets: Iterable[Packet], order: str = "<", magic: int = MICRO, link: int = RAW) -> bytes:
    return b"".join([pcap_header(order, magic, link), *(pcap_record(packet, order, magic) for packet in packets)])


def padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def block(kind: int, body: bytes, order: str = "<", total: int | None = None, trailer: int | None = None) -> bytes:
    """A pcapng block; `total` and `trailer` are what it claims of its length, if not the truth."""
    body = padded(body)
    total = 12 + len(body) if total is None else total
    trailer = total if trailer is None else trailer
    return struct.pack(order + "II", kind, total) + body + struct.pack(order + "I", trailer)


def option(code: int, value: bytes, order: str = "<", length: int | None = None) -> bytes:
    return struct.pack(order + "HH", code, len(value) if length is None else length) + padded(value)


def options(*each: bytes) -> bytes:
    """Options with their end; nothing for none."""
    return b"".join([*each, bytes(4)]) if each else b""


def section(order: str = "<", end: bytes = b"", version: tuple[int, int] = (1, 0), total: int | None = None) -> bytes:
    return block(SECTION, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, -1) + end, order, total)


def interface(order: str = "<", link: int = RAW, snapshot: int = 0, end: bytes = b"") -> bytes:
    return block(INTERFACE, struct.pack(order + "HHI", link, 0, snapshot) + end, order)


def clock(resolution: int | None, offset: int | None, order: str = "<") -> bytes:
    """Options of an interface's timestamps."""
    each = [] if resolution is None else [option(IF_TSRESOL, bytes([resolution]), order)]
    return options(*each, *([] if offset is None else [option(IF_TSOFFSET, struct.pack(order + "q", offset), order)]))


def enhanced(
    which: int,
    units: int,
    octets: bytes,
    length: int | None = None,
    order: str = "<",
    end: bytes = b"",
    captured: int | None = None,
) -> bytes:
    length = len(octets) if length is None else length
    captured = len(octets) if captured is None else captured
    numbers = struct.pack(order + "IIIII", which, units >> 32, units & 0xFFFF_FFFF, captured, length)
    return block(PACKET, numbers + padded(octets) + end, order)


def old_packet(
    which: int, units: int, octets: bytes, length: int | None = None, order: str = "<", end: bytes = b""
) -> bytes:
    length = len(octets) if length is None else length
    numbers = struct.pack(order + "HHIIII", which, 0, units >> 32, units & 0xFFFF_FFFF, len(octets), length)
    return block(OLD_PACKET, numbers + padded(octets) + end, order)


def simple(octets: bytes, length: int | None = None, order: str = "<") -> bytes:
    return block(SIMPLE_PACKET, struct.pack(order + "I", len(octets) if length is None else length) + octets, order)


def statistics(which: int, dropped: int, order: str = "<") -> bytes:
    end = options(option(ISB_IFDROP, struct.pack(order + "Q", dropped), order))
    return block(STATISTICS, struct.pack(order + "III", which, 0, 0) + end, order)


def packet_lists(most: int = 20, link: int = RAW, unit: int = 1) -> st.SearchStrategy[list[Packet]]:
    """Lists of packets: their times in multiples of `unit` nanoseconds, some of them cut when captured."""
    times = st.integers(0, (2**32 * 10**9 - 1) // unit).map(lambda count: count * unit)
    one = st.tuples(times, st.binary(max_size=120), st.integers(0, 2000))
    made = one.map(lambda drawn: Packet(drawn[0], link, drawn[1], len(drawn[1]) + drawn[2]))
    made = made.filter(lambda packet: packet.time or packet.length)  # a record of zeros is none
    return st.lists(made, max_size=most)


def captures(most_octets: int = 1 << 30) -> list[Path]:
    """Real captures, by name."""
    found = CAPTURES.iterdir() if CAPTURES.is_dir() else []
    kinds = (".pcap", ".cap", ".pcapng")
    return sorted(path for path in found if path.suffix in kinds and path.stat().st_size <= most_octets)


def is_pcapng(path: Path) -> bool:
    return path.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"
