"""IPv4 headers (RFC 791, section 3.1): are they whole, how far does the packet go; and one without options written."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel, proven
from ims.packet.checksum import expected_field, pseudo_header
from ims.packet.octets import be16, put16_proven, put32_proven

HEADER = 20
"""Octets without options."""


@kernel
def header_length(octets, at, end):
    """Octets of the IPv4 header at octets[at:end]; 0 where it is broken or cut."""
    if at + 20 > end or octets[at] >> 4 != 4:
        return np.int64(0)
    length = np.int64(octets[at] & 15) * 4
    if length < 20 or at + length > end:
        return np.int64(0)
    total = be16(octets, at + 2)
    if total != 0 and total < length:
        return np.int64(0)
    return length


@kernel
def cut_header_length(octets, at, end):
    """Octets that an IPv4 header claims whose fixed part is in octets[at:end] and whose options aren't, or not all; 0
    where it is another."""
    if at + 20 > end or octets[at] >> 4 != 4:
        return np.int64(0)
    length = np.int64(octets[at] & 15) * 4
    total = be16(octets, at + 2)
    if length < 20 or at + length <= end or (total != 0 and total < length):
        return np.int64(0)
    return length


@kernel
def packet_end(octets, at, end):
    """Where the packet ends if octets[at:end] may be its: what its total length says, as far as it goes. A total
    length of 0 means all the rest: the sender's kernel left segmentation to hardware."""
    total = be16(octets, at + 2)
    if total == 0:
        return end
    return min(end, at + total)


@proven
def put_header(out, at, tos, total_length, identification, fragment, ttl, protocol, source, destination):
    """Write a header without options, and its checksum. The caller has checked that out[at:at + HEADER] exists.

    The sum is made of what is written, not read back from it: a wide read of octets just written waits for them.
    """
    version, life = 0x4500 | tos, ttl << 8 | protocol
    put16_proven(out, at, version)
    put16_proven(out, at + 2, total_length)
    put16_proven(out, at + 4, identification)
    put16_proven(out, at + 6, fragment)
    put16_proven(out, at + 8, life)
    total = version + total_length + identification + fragment + pseudo_header(source, destination, life, 0)
    put16_proven(out, at + 10, expected_field(total, 0))
    put32_proven(out, at + 12, source)
    put32_proven(out, at + 16, destination)
