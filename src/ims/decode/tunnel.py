"""Tunnels in which dark space is delivered: GRE (RFC 2784, 2890), IP in IP (RFC 2003), VXLAN (RFC 7348)."""

from __future__ import annotations

import numpy as np

from ims.decode.ipv4 import MORE_FRAGMENTS, OFFSET, header_length, packet_end
from ims.decode.link import by_ethernet, by_ethertype, by_version
from ims.decode.verdict import IS_MALFORMED, IS_NO_TUNNEL, UNWRAPPED
from ims.kernels import kernel
from ims.octets import be16

UNWRAP_GRE, UNWRAP_IPIP, UNWRAP_VXLAN = 1, 2, 4
NAMES = {"gre": UNWRAP_GRE, "ipip": UNWRAP_IPIP, "vxlan": UNWRAP_VXLAN}
DEPTH = 4
"""At most so many tunnels inside each other; what is deeper is taken as it is."""


def parse_unwrap(text: str) -> int:
    """`gre,ipip,vxlan` as flags. Raises ValueError for another word."""
    flags = 0
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word not in NAMES:
            wanted = ", ".join(NAMES)
            raise ValueError(f"--unwrap {word!r}: no such tunnel; wanted some of {wanted}, with commas between")
        flags |= NAMES[word]
    return flags


@kernel
def inside(octets, at, end, protocol, unwrap):
    """Offset of the IPv4 header inside the IPv4 payload octets[at:end], IS_NO_TUNNEL where it is none of the
    tunnels asked for, or another negative number of verdict.py."""
    if protocol == 4 and unwrap & UNWRAP_IPIP:
        return by_version(octets, at, end)
    if protocol == 47 and unwrap & UNWRAP_GRE:
        if at + 4 > end:
            return np.int64(IS_MALFORMED)
        flags, kind = be16(octets, at), be16(octets, at + 2)
        if flags & 0x4007:  # source routing, or another version: PPTP's is 1
            return np.int64(IS_NO_TUNNEL)
        at += 4 + 4 * ((flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1))
        if kind == 0x6558:
            return by_ethernet(octets, at, end)
        return by_ethertype(octets, at, end, kind if kind > 1500 else 0xFFFF)
    if protocol == 17 and unwrap & UNWRAP_VXLAN:
        if at + 8 > end or be16(octets, at + 2) != 4789:
            return np.int64(IS_NO_TUNNEL)
        if at + 16 > end:
            return np.int64(IS_MALFORMED)
        if octets[at + 8] & 0x08 == 0:  # no valid VNI: not VXLAN
            return np.int64(IS_NO_TUNNEL)
        return by_ethernet(octets, at + 16, end)
    return np.int64(IS_NO_TUNNEL)


@kernel
def take_out(octets, at, end, wire_end, unwrap, counters):
    """(offset of the innermost IPv4 header, where its octets end, where they ended on the wire) of the IPv4
    packet octets[at:end] and the tunnels in it; the offset is negative, as in verdict.py, where a tunnel holds no
    IPv4. A broken header is left for the caller to find; fragments stay as they are.
    """
    for _ in range(DEPTH):
        header = header_length(octets, at, end)
        if header == 0 or be16(octets, at + 6) & (MORE_FRAGMENTS | OFFSET):
            break
        limit = packet_end(octets, at, end)
        inner = inside(octets, at + header, limit, np.int64(octets[at + 9]), unwrap)
        if inner == IS_NO_TUNNEL:
            break
        wire_end = packet_end(octets, at, wire_end)
        at, end = inner, limit
        if at < 0:
            break
        counters[UNWRAPPED] += 1
    return at, end, wire_end
