"""Stores made on the spot: three sensors that watched overlapping blocks, in one store or in three."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import ims
from ims.darknet import Block, Darknet
from ims.sensor.ingest import Ingest, IngestSettings

from . import forked
from .skipped import SKIP_NOTHING

IMS = Path(sys.executable).parent / "ims"
CAPTURES = Path(__file__).parents[2] / "shared" / "captures"
needs_captures = pytest.mark.needs_captures


def needs_programs(*names: str) -> pytest.MarkDecorator:
    """Skip where one of these isn't installed."""
    missing = [name for name in names if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"missing: {' '.join(missing)}; .ci/run installs what tests need")


BLOCK = "C/24=198.51.100.0/24"
LIKE_OTHERS = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Before a command: root's leave to read and write everything isn't taken along."""
SENSORS = {"007": (1, BLOCK), "a": (1, "H/25=198.51.100.0/25"), "b": (2, "E/23=198.51.100.0/23")}
"""name: the sample's seed, the block. Two watch the same packets, so distinct things are in both."""
MIDNIGHT = 1_772_582_400 * 1_000_000_000
"""2026-03-04 in nanoseconds: the sample's day"""


def ingest(store: Path, *captures: Path, sensor: str = "a", blocks: Sequence[str] = (BLOCK,), **settings: Any) -> Path:
    darknet = Darknet([Block.parse(block) for block in blocks])
    Ingest(store, sensor, darknet, IngestSettings(**settings)).run([str(capture) for capture in captures])
    return store


def require_captures() -> None:
    """Skip the test that runs where the real captures aren't; in CI, fail it."""
    if CAPTURES.is_dir():
        return
    missing = f"no real captures: expected the folder {CAPTURES}"
    if SKIP_NOTHING in os.environ:
        pytest.fail(f"{missing}; in CI it must be beside the checkout", pytrace=False)
    pytest.skip(missing)


def cli(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs `ims` in a process of its own (see forked.py)."""
    options = {"capture_output": True, "text": True, "timeout": 300} | options
    return subprocess.run([forked.ims(), *map(str, words)], check=False, **options)


def exported(folder: Path, *stores: Path) -> list[dict[str, Any]]:
    """Every row of some stores as plain Python, with `ns`: nanoseconds since the epoch."""
    out = folder / "rows.parquet"
    with ims.open(*stores) as telescope:
        telescope.export(out, "parquet")
    table = pq.read_table(out)
    rows = table.drop(["time"]).to_pylist()
    for row, micros in zip(rows, table.column("time").cast("int64").to_pylist(), strict=True):
        row["us"], row["ns"] = micros, micros * 1000 + row["time_ns"]
    return rows


def checksum(octets: bytes) -> int:
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source: int, destination: int, protocol: int, rest: bytes, total_length: int | None = None) -> bytes:
    length = 20 + len(rest) if total_length is None else total_length
    header = struct.pack(">BBHHHBBHII", 0x45, 0, length, 7, 0, 64, protocol, 0, source, destination)
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + rest


def udp(source: int, destination: int, port: int, payload: bytes = b"") -> bytes:
    return ipv4(source, destination, 17, struct.pack(">HHHH", 1024, port, 8 + len(payload), 0) + payload)


def write_pcap(path: Path, packets: Iterable[tuple[int, bytes]]) -> Path:
    """Raw IPv4 packets (link type 101) with nanosecond times."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 101)]
    for time_ns, packet in packets:
        seconds, nanos = divmod(time_ns, 1_000_000_000)
        parts.append(struct.pack("<IIII", seconds, nanos, len(packet), len(packet)) + packet)
    path.write_bytes(b"".join(parts))
    return path
