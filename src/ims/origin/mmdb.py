"""One file in MMDB format (maxmind.github.io/MaxMind-DB, version 2.0), asked for the places of many addresses at once.

The library's own reader walks the tree for one address in 10 us and decodes a record in 20 to 100. So the tree is
walked here, for all addresses together, and the library decodes each record that was found once: 200,000 addresses take
0.1 to 1 s. It decodes in Python, from memory: a damaged file can't make it read elsewhere, as one in C might, and one
that shrinks while it is mapped can't end the process.
"""

from __future__ import annotations

import io
import os
import stat
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import maxminddb
import numpy as np
from numpy.typing import NDArray

from ims.cause import cause
from ims.origin.place import Place, place_of
from ims.text import one_line, printable

MOST_OCTETS = 2 << 30
_PACKED = {b"\x1f\x8b": "gzip", b"PK": "zip", b"BZ": "bzip2", b"\xfd7": "xz", b"(\xb5": "zstd"}
_V4_BITS, _BITS_BEFORE_V4 = 32, 96
_DAMAGED = (
    maxminddb.InvalidDatabaseError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError,
    MemoryError,
)  # fmt: skip
"""What the library raises for damaged files. Its own error is the rule; the others are of texts that aren't UTF-8, maps
with maps as keys, and metadata of other names and types."""
Nodes = NDArray[np.int64]


class OriginError(ValueError):
    """What is wrong with a file, in one line."""


class MmdbFile:
    """A file, read into memory. Raises OriginError if it can't be read, is none, is damaged, or has no IPv4 addresses.
    Its methods may be called by several threads."""

    def __init__(self, path: Path) -> None:
        self._path = printable(str(path))
        octets = self._read(path)
        try:
            self._reader = maxminddb.open_database(io.BytesIO(octets), maxminddb.MODE_FD)
            metadata = self._reader.metadata()
            self._count, width = int(metadata.node_count), int(metadata.record_size)
            self._tree = np.frombuffer(octets, np.uint8, self._count * width // 4).reshape(self._count, width // 4)
            self._start = self._first_node(metadata.ip_version)
            self.name = self._named(metadata)
        except _DAMAGED as error:
            raise self._refused(octets) from error
        if self._start == self._count:
            raise OriginError(f"{self._path} holds no IPv4 addresses")
        self._known: dict[int, Place] = {}

    def places(self, addresses: NDArray[np.uint32]) -> tuple[NDArray[np.intp], list[Place | None]]:
        """Distinct places, and for each address the index of its own; None: the file has no record of it. Raises
        OriginError for records that are damaged, or of no known layout."""
        ends, first, index = np.unique(self._ends(addresses), return_index=True, return_inverse=True)
        pairs = zip(ends.tolist(), addresses[first].tolist(), strict=True)
        return index.reshape(-1), [self._place(end, address) for end, address in pairs]

    def _place(self, end: int, address: int) -> Place | None:
        if end == self._count:
            return None
        known = self._known.get(end)
        if known is None:
            known = self._known[end] = self._decoded(IPv4Address(address))
        return known

    def _decoded(self, address: IPv4Address) -> Place:
        try:
            record = self._reader.get(address)
        except _DAMAGED as error:
            raise OriginError(f"{self._path} is damaged: its record of {address} can't be read") from error
        try:
            return place_of(record)
        except ValueError as error:
            raise OriginError(f"{self._path}, its record of {address}: {one_line(error)}") from error

    def _ends(self, addresses: NDArray[np.uint32]) -> Nodes:
        """Where the tree leads for each address: `_count` for nowhere, more for a record."""
        nodes = np.full(len(addresses), self._start, np.int64)
        left = np.flatnonzero(nodes < self._count)
        for bit in range(_V4_BITS - 1, -1, -1):
            if not len(left):
                return nodes
            nodes[left] = self._next(nodes[left], (addresses[left] >> np.uint32(bit)) & np.uint32(1))
            left = left[nodes[left] < self._count]
        if len(left):
            address = IPv4Address(int(addresses[left[0]]))
            raise OriginError(f"{self._path} is damaged: its tree has no end at {address}")
        return nodes

    def _next(self, nodes: Nodes, bits: NDArray[np.uint32]) -> Nodes:
        """A step down the tree: the record at each bit's side of each node, of 24, 28 or 32 bits."""
        rows, side = self._tree[nodes], bits.astype(np.int64)
        every, half = np.arange(len(nodes)), rows.shape[1] // 2
        begin = side * (rows.shape[1] - half)  # 7 octets: the one in the middle has the highest four bits of both sides
        value = np.zeros(len(nodes), np.int64)
        if rows.shape[1] % 2:
            value += np.where(side, rows[:, half] & 15, rows[:, half] >> 4)
        for octet in range(half):
            value = (value << 8) | rows[every, begin + octet]
        return value

    def _first_node(self, version: Any) -> int:
        """IPv4 addresses are in trees of IPv6 behind 96 bits that are 0."""
        if version not in (4, 6):
            raise ValueError("neither IPv4 nor IPv6")
        node, none = np.zeros(1, np.int64), np.zeros(1, np.uint32)
        for _ in range(_BITS_BEFORE_V4 if version == 6 else 0):
            if node[0] >= self._count:
                break
            node = self._next(node, none)
        return int(node[0])

    @staticmethod
    def _named(metadata: Any) -> str:
        """What the file says that it is, and when it was made: `GeoLite2-City of 2026-11-24`."""
        name = one_line(metadata.database_type, 40) or "a file without a name"
        try:
            return f"{name} of {datetime.fromtimestamp(metadata.build_epoch, UTC):%Y-%m-%d}"
        except (ValueError, OverflowError, OSError, TypeError):
            return name

    def _read(self, path: Path) -> bytes:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise OriginError(one_line(cause(error))) from error
        except ValueError as error:  # of a NUL in the path
            raise OriginError(f"{self._path}: {error}") from error
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
                raise OriginError(f"{self._path} is {what}; expected a file in MMDB format")
            if found.st_size > MOST_OCTETS:
                raise OriginError(f"{self._path} has {found.st_size:,} octets; at most {MOST_OCTETS:,} are read")
            with open(descriptor, "rb", closefd=False) as file:  # a descriptor
                return file.read(MOST_OCTETS)
        except OSError as error:
            raise OriginError(f"{self._path}: {os.strerror(error.errno or 0)}") from error
        finally:
            os.close(descriptor)

    def _refused(self, octets: bytes) -> OriginError:
        packed = _PACKED.get(octets[:2])
        if packed is not None:
            return OriginError(f"{self._path} is packed by {packed}; unpack it first")
        if b"\xab\xcd\xefMaxMind.com" not in octets[-(128 << 10) :]:
            return OriginError(f"{self._path} isn't in MMDB format, or its end is missing")
        return OriginError(f"{self._path} is damaged: its tree or what it says of itself can't be read")
