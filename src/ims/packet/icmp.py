"""ICMP headers (RFC 792): check one, write one."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel, proven
from ims.packet.octets import put16_proven, put32_proven

HEADER = 8
CHECKSUM = 2  # offset of the checksum field


@kernel
def header_length(octets, at, end):
    """Octets of the header at octets[at:end]; 0 where it is cut."""
    return np.int64(0 if at + HEADER > end else HEADER)


@proven
def put_header(out, at, kind, rest):
    """Write a header with a checksum of 0; returns the sum of its words. `kind`: type << 8 | code; `rest`: its second
    half. The caller has checked that out[at:at + HEADER] exists."""
    put16_proven(out, at, kind)
    put16_proven(out, at + 2, 0)
    put32_proven(out, at + 4, rest)
    return kind + (rest >> 16) + (rest & 0xFFFF)
