"""Frames made by hand, and what decoding makes of them as plain Python."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from ims.capture.source import Frames
from ims.darknet import Block, Darknet
from ims.decode.frames import decode_frames
from ims.decode.options import collect_options, options_table
from ims.decode.verdict import COUNTERS
from ims.records import CATEGORIES, PACKETS, PAYLOAD, packet_batch
from ims.unwrap import parse_unwrap

from ..stores import checksum

Row = dict[str, Any]
SOURCE, DARK = 0xC000_0201, 0xC633_6407  # 192.0.2.1, 198.51.100.7
MACS = bytes(range(12))
NAMED = ("source", "destination", "protocol", "total_length", "ip_id", "ttl", "tos", "ip_fragment", "checksum",
         "payload_length", "truncated", "raw")  # fmt: skip


def ip(protocol: int, above: bytes, **fields: int) -> bytes:
    """An IPv4 packet. Fields: source, destination, options (octets), total, fragment, ttl, tos, ip_id, sum."""
    options = bytes(fields.get("options", 0))
    total = fields.get("total", 20 + len(options) + len(above))
    head = struct.pack(
        ">BBHHHBBHII", 0x45 + len(options) // 4, fields.get("tos", 0), total, fields.get("ip_id", 9),
        fields.get("fragment", 0), fields.get("ttl", 64), protocol, 0,
        fields.get("source", SOURCE), fields.get("destination", DARK),
    ) + options  # fmt: skip
    right = fields.get("sum", checksum(head))
    return head[:10] + struct.pack(">H", right) + head[12:] + above


def summed(protocol: int, above: bytes, at: int, **fields: int) -> bytes:
    """`above` with the checksum at offset `at` right."""
    blank = above[:at] + b"\0\0" + above[at + 2 :]
    addresses = struct.pack(">II", fields.get("source", SOURCE), fields.get("destination", DARK))
    pseudo = b"" if protocol == 1 else addresses + struct.pack(">HH", protocol, len(blank))
    padded = pseudo + blank + b"\0" * (len(blank) % 2)
    right = checksum(padded) or (0xFFFF if protocol == 17 else 0)
    return blank[:at] + struct.pack(">H", right) + blank[at + 2 :]


def tcp(payload: bytes = b"", flags: int = 2, options: bytes = b"", offset: int | None = None, **fields: int) -> bytes:
    length = 5 + len(options) // 4 if offset is None else offset
    head = struct.pack(">HHIIHHHH", 1025, 80, 7, 8, length << 12 | flags, 1024, 0, 3)
    return ip(6, summed(6, head + options + payload, 16, **fields), **fields)


def udp(payload: bytes = b"?", length: int | None = None, port: int = 53, **fields: int) -> bytes:
    head = struct.pack(">HHHH", 1025, port, 8 + len(payload) if length is None else length, 0)
    return ip(17, summed(17, head + payload, 6, **fields), **fields)


def icmp(kind: int = 8, code: int = 0, rest: int = 5, payload: bytes = b"ping", **fields: int) -> bytes:
    return ip(1, summed(1, struct.pack(">BBHI", kind, code, 0, rest) + payload, 2), **fields)


def ethernet(packet: bytes, kind: int = 0x0800) -> bytes:
    return MACS + struct.pack(">H", kind) + packet


def dotted(address: int) -> str:
    return ".".join(str(octet) for octet in address.to_bytes(4, "big"))


def frames_of(frames: Sequence[bytes], links: Sequence[int], cut: int | None = None) -> Frames:
    """As a source yields them; `cut`: the capture's snapshot length."""
    captured = [frame[:cut] for frame in frames]
    begins = np.cumsum([0, *map(len, captured)])[:-1]
    octets = np.frombuffer(b"".join(captured) or b"\0", np.uint8).copy()
    times = np.arange(len(frames), dtype=np.int64) * 1_000_001
    sizes = [np.array([len(one) for one in some], np.int64) for some in (captured, frames)]
    return Frames(
        octets,
        begins.astype(np.int64),
        *sizes,
        times,
        np.array(links, np.uint16),
        np.zeros(len(frames), np.uint8),
        len(frames),
    )


def decoded(
    frames: Sequence[bytes], link: int | Sequence[int] = 1, unwrap: str = "", block: str = "all=0.0.0.0/0",
    cut: int | None = None,
) -> tuple[list[Row], dict[str, int]]:  # fmt: skip
    """(rows as dicts, None where a column is null; counters that aren't 0)."""
    links = [link] * len(frames) if isinstance(link, int) else link
    return decode(frames_of(frames, links, cut), unwrap, block)


def only_row(packet: bytes, cut: int | None = None) -> Row:
    """The row of a raw packet."""
    [row], _ = decoded([packet], 101, cut=cut)
    return row


def decode(given: Frames, unwrap: str = "", block: str = "all=0.0.0.0/0") -> tuple[list[Row], dict[str, int]]:
    batch, options = packet_batch(max(given.count, 1)), options_table(max(given.count, 1))
    counters = np.zeros(len(COUNTERS), np.int64)
    ranges = Darknet([Block.parse(block)]).ranges()
    filled = int(decode_frames(given, 0, ranges, parse_unwrap(unwrap), batch, 0, counters))
    collect_options(given.octets, batch, 0, filled, options)
    rows = [row_of(given.octets, batch, options, at) for at in range(filled)]
    return rows, {name: int(count) for name, count in zip(COUNTERS, counters, strict=True) if count}


def row_of(octets: np.ndarray[Any, Any], batch: Any, options: Any, at: int) -> Row:
    layers = int(batch.layers[at])
    row: Row = {name: int(getattr(batch, name)[at]) for name in (*NAMED, "ip_captured", "ip_length", "time", "time_ns")}
    row["category"] = CATEGORIES[batch.category[at]]
    for column in PACKETS:
        if column.layer > 0 and column.numpy and column.name != "verified":
            row[column.name] = int(getattr(batch, column.name)[at]) if layers & column.layer else None
    begin, length = int(batch.payload_offset[at]), int(batch.payload_length[at])
    row["payload"] = octets[begin : begin + length].tobytes() if layers & PAYLOAD else None
    row["packet"] = octets[batch.ip_offset[at] : batch.ip_offset[at] + batch.ip_captured[at]].tobytes()
    entry = int(batch.options_entry[at])
    known = options.octets[options.offsets[entry] : options.offsets[entry + 1]].tobytes() if entry >= 0 else None
    row["tcp_options"] = known
    return row
