"""Captures of UDP packets by hand, what an ingest makes of captures, and what is in its store then."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import duckdb

from ims.darknet import Block, Darknet
from ims.sensor.ingest import Ingest, IngestSettings

from ..stores import checksum
from .conftest import BLOCK

ALL = "all=0.0.0.0/0"
OTHER = "other/24=203.0.113.0/24"


def ingest(
    store: Path, *captures: Path | str, block: str = BLOCK, sensor: str = "a", **settings: Any
) -> dict[str, Any]:
    run = Ingest(store, sensor, Darknet([Block.parse(block)]), IngestSettings(**settings))
    return run.run([str(capture) for capture in captures]).as_json()


def rows(store: Path) -> list[tuple[Any, ...]]:
    """All rows of packets as any engine reads the tree, in an order of their own."""
    return all_rows(f"{store}/packets/**/*.parquet")


def payload_rows(store: Path) -> list[tuple[Any, ...]]:
    return all_rows(f"{store}/payloads/**/*.parquet")


def all_rows(glob: str) -> list[tuple[Any, ...]]:
    found = duckdb.sql(f"SELECT * FROM read_parquet('{glob}', hive_partitioning=true) ORDER BY ALL").to_arrow_table()
    return [tuple(row.values()) for row in found.to_pylist()]


def write_udp(path: Path, payloads: list[bytes], seconds: int = 1_000_000_000) -> None:
    """A raw IPv4 capture of UDP packets with right checksums, by hand."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for number, payload in enumerate(payloads):
        source, destination = bytes([192, 0, 2, 1]), bytes([198, 51, 100, number % 250])
        udp = struct.pack(">HHHH", 40_000, 1434, 8 + len(payload), 0) + payload
        pseudo = source + destination + struct.pack(">HH", 17, len(udp))
        right = checksum(pseudo + udp + b"\0" * (len(udp) % 2)) or 0xFFFF
        udp = udp[:6] + struct.pack(">H", right) + udp[8:]
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0) + source + destination
        packet = head[:10] + struct.pack(">H", checksum(head)) + head[12:] + udp
        out += struct.pack("<IIII", seconds, number, len(packet), len(packet)) + packet
    path.write_bytes(out)


def udp_payloads(path: Path) -> list[bytes]:
    octets, at, found = path.read_bytes(), 24, []
    while at < len(octets):
        captured = struct.unpack("<I", octets[at + 8 : at + 12])[0]
        found.append(octets[at + 16 + 28 : at + 16 + captured])
        at += 16 + captured
    return found
