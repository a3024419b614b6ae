"""Kernels of the stages from frames to a store, loaded by a few packets that go through all of them."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np

from ims.darknet import Block, Darknet
from ims.records import packet_batch
from ims.sensor.ingest import Ingest
from ims.sign.cache import Cache
from ims.store.rowkey import row_keys_of_batch

_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 16, 1)
_NOON = 1_772_625_600
_TCP = bytes.fromhex("c0010017000000010000000060022000000000000204058c")
_UDP, _ECHO = bytes.fromhex("c001003500100000") + b"12345678", bytes.fromhex("0800000000010001") + b"12345678"
PACKETS = ((6, _TCP), (17, _UDP), (17, _UDP), (1, _ECHO), (6, _TCP[:20] + b"payload"), (47, bytes(8)))
"""A SYN with an option, a datagram twice, an echo, a segment whose header is cut, a tunnel: (protocol, octets)."""


def capture_of(packets: tuple[tuple[int, bytes], ...]) -> bytes:
    """A capture (pcap, Ethernet) of packets to 198.51.100.1, every other one with a wrong checksum."""
    parts = [_HEADER]
    for number, (protocol, octets) in enumerate(packets):
        words = [0x4500, 20 + len(octets), number, 0, 64 << 8 | protocol, 0, 0xC000, 0x0201, 0xC633, 0x6401]
        total = sum(words)
        words[5] = ~(total + (total >> 16)) & 0xFFFF if number % 2 else 1
        frame = bytes(12) + b"\x08\0" + struct.pack(">10H", *words) + octets
        parts += [struct.pack("<IIII", _NOON + number, 0, len(frame), len(frame)), frame]
    return b"".join(parts)


def load_stage_kernels() -> None:
    """Compile and load the kernels of all other stages while their cache can be read: a small capture goes through all
    of them into a temporary store."""
    with tempfile.TemporaryDirectory(prefix="ims-") as folder:
        capture = Path(folder) / "some.pcap"
        capture.write_bytes(capture_of(PACKETS))
        cache = Cache(16, bytes(16))
        cache.admit([0])
        cache.load(0, np.zeros((1, 16), np.uint8), np.zeros(1, np.uint8), np.array([0, 1], np.int32))
        cache.make_room(())
        row_keys_of_batch(packet_batch(1), np.zeros(0, np.int64), np.zeros((0, 16), np.uint8))
        Ingest(Path(folder) / "store", "warm", Darknet([Block.parse("all=0.0.0.0/0")])).run([str(capture)])
