"""UDP headers (RFC 768): check one, find its datagram's end, write one."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel, proven
from ims.packet.octets import be16, put16_proven, put32_proven

HEADER = 8
CHECKSUM = 6  # offset of the checksum field


@kernel
def header_length(octets, at, end):
    """Octets of the header at octets[at:end]; 0 where its length is wrong, or it is cut."""
    return np.int64(0 if at + HEADER > end or 0 < be16(octets, at + 4) < HEADER else HEADER)


@kernel
def datagram_end(octets, at, end):
    """Where the datagram at octets[at:end] ends by its length, `end` at the latest. A length of 0 means all the rest:
    segmentation was left to hardware."""
    length = be16(octets, at + 4)
    return end if length == 0 else min(end, at + length)


@proven
def put_header(out, at, ports, length):
    """Write a header with a checksum of 0; returns the sum of its words. `ports`: the source's << 16 | the
    destination's; `length`: of header and payload. The caller has checked that out[at:at + HEADER] exists."""
    put32_proven(out, at, ports)
    put16_proven(out, at + 4, length)
    put16_proven(out, at + 6, 0)
    return (ports >> 16) + (ports & 0xFFFF) + length
