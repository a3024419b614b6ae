"""Numbers in octets: big- and little-endian reads and writes at any offset.

Compute in int64: `uint32 + uint32` wraps in plain Python but not compiled. The readers return int64 (le64:
uint64) and are bounds-checked; `*_proven` are for callers that have proved their range.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.kernels import kernel, proven

Octets = np.ndarray[Any, np.dtype[np.uint8]]


@kernel
def be16(octets, at):
    """Two octets in network order, as int64."""
    return np.int64(octets[at]) << 8 | np.int64(octets[at + 1])


@kernel
def be32(octets, at):
    """Four octets in network order, as int64."""
    return be16(octets, at) << 16 | be16(octets, at + 2)


@kernel
def le16(octets, at):
    """Two octets, least significant first, as int64."""
    return np.int64(octets[at]) | np.int64(octets[at + 1]) << 8


@kernel
def le32(octets, at):
    """Four octets, least significant first, as int64."""
    return le16(octets, at) | le16(octets, at + 2) << 16


@proven
def le64_proven(octets, at):
    """Eight octets, least significant first, as uint64. The caller has checked 0 <= at <= octets.size - 8."""
    # An unsigned index can't be negative, which leaves the compiler one 8-octet load (measured in SipHash's
    # loop: 2.5 times as fast).
    first = np.uint64(at)
    return (
        np.uint64(octets[first])
        | np.uint64(octets[first + np.uint64(1)]) << np.uint64(8)
        | np.uint64(octets[first + np.uint64(2)]) << np.uint64(16)
        | np.uint64(octets[first + np.uint64(3)]) << np.uint64(24)
        | np.uint64(octets[first + np.uint64(4)]) << np.uint64(32)
        | np.uint64(octets[first + np.uint64(5)]) << np.uint64(40)
        | np.uint64(octets[first + np.uint64(6)]) << np.uint64(48)
        | np.uint64(octets[first + np.uint64(7)]) << np.uint64(56)
    )


@proven
def copy_proven(source, at, length, target, to):
    """Copy source[at:at+length] to target[to:to+length]. The caller has checked that 0 <= at, 0 <= to, and
    that both ranges end inside their arrays."""
    # Unsigned indices leave the compiler whole words to copy (measured: 54 octets in 20 ns instead of 70).
    first, there = np.uint64(at), np.uint64(to)
    for i in range(length):
        target[there + np.uint64(i)] = source[first + np.uint64(i)]


@proven
def put16_proven(octets, at, value):
    """Write two octets in network order. The caller has checked that octets[at:at+2] exists."""
    first = np.uint64(at)
    octets[first] = (value >> 8) & 0xFF
    octets[first + np.uint64(1)] = value & 0xFF


@proven
def put32_proven(octets, at, value):
    """Write four octets in network order. The caller has checked that octets[at:at+4] exists."""
    put16_proven(octets, at, value >> 16)
    put16_proven(octets, at + 2, value)


@kernel
def put16(octets, at, value):
    """Write two octets in network order."""
    octets[at] = (value >> 8) & 0xFF
    octets[at + 1] = value & 0xFF


@kernel
def put32(octets, at, value):
    """Write four octets in network order."""
    put16(octets, at, value >> 16)
    put16(octets, at + 2, value)
