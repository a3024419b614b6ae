"""TCP headers (RFC 9293, section 3.1): measure one, write one up to its options."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel, proven
from ims.packet.checksum import pseudo_header
from ims.packet.octets import put16_proven, put32_proven

HEADER = 20
"""Octets without options."""
CHECKSUM = 16  # offset of the checksum field


@kernel
def header_length(octets, at, end):
    """Octets of the header at octets[at:end]; 0 where its length is wrong, or it is cut."""
    if at + HEADER > end:
        return np.int64(0)
    length = np.int64(octets[at + 12] >> 4) * 4
    return np.int64(0) if length < HEADER or at + length > end else length


@proven
def put_header(out, at, ports, sequence, acknowledgment, length, flags, window, urgent):
    """Write a header of `length` octets without its options and with a checksum of 0; returns the sum of its words.
    `ports`: the source's << 16 | the destination's. The caller has checked that out[at:at + HEADER] exists."""
    offset = length >> 2 << 12 | flags  # the length in 32-bit words, in the upper four bits
    put32_proven(out, at, ports)
    put32_proven(out, at + 4, sequence)
    put32_proven(out, at + 8, acknowledgment)
    put16_proven(out, at + 12, offset)
    put16_proven(out, at + 14, window)
    put16_proven(out, at + 16, 0)
    put16_proven(out, at + 18, urgent)
    return pseudo_header(sequence, acknowledgment, offset, window) + (ports >> 16) + (ports & 0xFFFF) + urgent
