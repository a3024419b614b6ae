"""IPv4 headers (RFC 791, section 3.1): check one, find the packet's end, write one without options."""

from __future__ import annotations

import numpy as np

from ims.kernels import inlined, kernel, proven
from ims.packet.checksum import expected_field, pseudo_header
from ims.packet.octets import be16, put16_proven, put32_proven

HEADER = 20
"""Octets without options."""


@inlined
def _claimed_length(octets, at, end):
    """Octets that an IPv4 header claims whose fixed part is in octets[at:end]; 0 where it is broken."""
    if at + HEADER > end or octets[at] >> 4 != 4:
        return np.int64(0)
    length, total = np.int64(octets[at] & 15) * 4, be16(octets, at + 2)
    return np.int64(0) if length < HEADER or 0 < total < length else length


@kernel
def header_length(octets, at, end):
    """Octets of the IPv4 header at octets[at:end]; 0 where it is broken or cut."""
    length = _claimed_length(octets, at, end)
    return length if at + length <= end else np.int64(0)


@kernel
def cut_header_length(octets, at, end):
    """Octets of an IPv4 header whose fixed part is in octets[at:end] but not all of its options; 0 for any other."""
    length = _claimed_length(octets, at, end)
    return length if at + length > end else np.int64(0)


@kernel
def packet_end(octets, at, end):
    """Where the packet at octets[at:end] ends by its total length, `end` at the latest. A total length of 0 means all
    the rest: the sender's kernel left segmentation to hardware."""
    total = be16(octets, at + 2)
    return end if total == 0 else min(end, at + total)


@proven
def put_header(out, at, tos, total_length, identification, fragment, ttl, protocol, source, destination):
    """Write a header without options, and its checksum. The caller has checked that out[at:at + HEADER] exists.

    The sum is of the values, not of the octets written: a wide read of octets just written waits for them.
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
