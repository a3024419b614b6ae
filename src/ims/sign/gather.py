"""Copies payloads and raw packets out of the buffer they were decoded from, as Arrow's binary columns are laid out: one
run of octets, and offsets."""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.kernels import kernel
from ims.packet.octets import copy_proven

Array = np.ndarray[Any, Any]


@kernel
def sizes(octets, begins, lengths, rows, offsets):
    """Fill `offsets` (rows.size + 1) with where octets[begins[row]:][:lengths[row]] go when they stand back to back.
    Returns their sum, or -1 minus the first row that isn't inside `octets`."""
    total = offsets[0] = np.int64(0)
    for i in range(rows.size):
        at, n = np.int64(begins[rows[i]]), np.int64(lengths[rows[i]])
        if at < 0 or n < 0 or at > octets.size - n:
            return -1 - rows[i]
        total += n
        offsets[i + 1] = total
    return total


@kernel
def gather(octets, begins, rows, offsets, data):
    """Copy what `sizes` measured into `data`."""
    for i in range(rows.size):
        at, n = np.int64(begins[rows[i]]), offsets[i + 1] - offsets[i]
        if at < 0 or n < 0 or at > octets.size - n or offsets[i] < 0 or offsets[i] > data.size - n:
            return
        copy_proven(octets, at, n, data, offsets[i])


def _gathered(octets: Array, begins: Array, lengths: Array, rows: Array, what: str) -> tuple[Array, Array]:
    offsets = np.empty(len(rows) + 1, np.int64)
    total = int(sizes(octets, begins, lengths, rows, offsets))
    if total < 0:
        raise ValueError(f"the {what} of row {-1 - total} lies outside the {octets.size} octets of its buffer")
    data = np.empty(total, np.uint8)
    gather(octets, begins, rows, offsets, data)
    return data, offsets


def gather_payloads(octets: Array, batch: Any, rows: Array) -> tuple[Array, Array]:
    """The payloads of `rows` (int64): their octets (uint8) and offsets (int64, one more than rows). Raises ValueError
    where one lies outside `octets`."""
    return _gathered(octets, batch.payload_offset, batch.payload_length, rows, "payload")


def gather_frames(octets: Array, batch: Any, first: int, last: int) -> tuple[Array, Array, Array]:
    """The rows among first to last - 1 that are marked raw (int64), and their captured octets from the IP header on:
    octets (uint8) and offsets (int64, one more than rows). Raises ValueError where one lies outside `octets`."""
    rows = np.flatnonzero(batch.raw[first:last] == 1) + first
    return rows, *_gathered(octets, batch.ip_offset, batch.ip_captured, rows, "packet")
