"""A small store that has one of each: nulls, fragments, odd payloads, collisions, raw frames, times at bins' edges."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ims.store.damage import sizes_of
from ims.store.manifest import Manifest
from ims.store.schema import parquet_writer, state_folder, stored_schema

from ..portal import permuted
from ..query.plans.test_predicate import odd_packets
from ..sign import collision
from ..stores import MIDNIGHT, ingest, udp, write_pcap

HOUR = 3_600_000_000_000
C, SOURCE = permuted.C, 0xDFFFFFFE  # 223.255.255.254: over the signed numbers
STORE = "it's a [lake]* 100%25 #1?"
BLOCKS = ("C/24=198.51.100.0/24", "D/25=203.0.113.0/25")


def special_packets() -> list[tuple[int, bytes]]:
    """What neither the sample nor the odd ones have."""
    pair = [udp(SOURCE, C + 9, 4000, octets) for octets in (collision.FIRST, collision.SECOND)]
    found = [(MIDNIGHT + HOUR // 2 + n * 1_000_000, packet) for n, packet in enumerate(pair * 2)]
    edges = [k * HOUR + off for k in (1, 2) for off in (-1000, -1, 0, 1, 999, 1000)]
    found += [(MIDNIGHT + at, udp(SOURCE - n, C + n, 65_535, b"edge")) for n, at in enumerate(edges)]
    found.append((MIDNIGHT + 3 * HOUR, udp(SOURCE, C + 1, 7, b"\0" * 30_000 + b"needle" + b"\xff" * 30_000)))
    with_options = bytearray(udp(SOURCE, C + 2, 9, b"options"))
    with_options[0] = 0x46  # a router alert, which columns can't express: kept raw
    with_options[2:4] = struct.pack(">H", len(with_options) + 4)
    found.append((MIDNIGHT + 3 * HOUR + 5, bytes(with_options[:20]) + b"\x94\x04\0\0" + bytes(with_options[20:])))
    return found


def rich_store(folder: Path) -> Path:
    """Two sensors, `007` and `b`, over four hours."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = permuted.packets(permuted.permutation(1), many=1200)
    packets = [(time + n % 1000, packet) for n, (time, packet) in enumerate(drawn)]  # no two are alike in all
    packets += odd_packets() + special_packets()
    capture = write_pcap(folder / "made.pcap", sorted(packets, key=lambda packet: packet[0]))
    store = ingest(folder / STORE, capture, sensor="007", blocks=BLOCKS)
    ingest(store, capture, sensor="b", blocks=["E/25=198.51.100.0/25"])
    manifest = Manifest(store, state_folder(store, "007"))
    for path in sorted(store.glob("packets/sensor=007/**/*.parquet")):
        _verify_some(path)
        name = str(path.relative_to(store))
        manifest.commit(add={name: sizes_of(path, manifest.state.files[name]["rows"])})
    manifest.close()
    return store


def _verify_some(path: Path) -> None:
    """No responder ran: say of some TCP packets that their cookie was right, and of others that it was wrong."""
    rows = pq.ParquetFile(path).read()
    tcp = rows.column("protocol").to_numpy() == 6
    verified = pa.array(np.arange(len(rows)) % 3 == 0, mask=~tcp)
    rows = rows.set_column(rows.column_names.index("verified"), "verified", verified)
    with parquet_writer(path, "packets", stored_schema("packets")) as writer:
        writer.write_table(rows.cast(stored_schema("packets")))
