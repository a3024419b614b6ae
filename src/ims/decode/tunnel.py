"""Tunnels in which dark space is delivered: GRE (RFC 2784, 2890), in it ERSPAN I to III (draft-foschiano-erspan-03);
IP in IP (RFC 2003); VXLAN (RFC 7348, draft-ietf-nvo3-vxlan-gpe); GENEVE (RFC 8926).

Unwrapping ends at a packet to a monitored address: what was sent to dark space is stored as it came, so nobody can hide
a packet, or its source, by putting another one into it.
"""

from __future__ import annotations

import numpy as np

from ims.decode.ethernet import BRIDGED, by_ethertype, by_next_protocol, by_version
from ims.decode.verdict import IS_MALFORMED, IS_NO_TUNNEL, TUNNEL_FRAGMENTS, UNWRAPPED
from ims.decode.wan_link import by_frame_relay
from ims.kernels import kernel
from ims.membership import block_of
from ims.packet.field_values import FRAGMENT_OFFSET as OFFSET
from ims.packet.field_values import MORE_FRAGMENTS
from ims.packet.ipv4 import header_length, packet_end
from ims.packet.octets import be16, be32
from ims.unwrap import FIRST_BIT, SLOT_BITS, SLOTS, UNWRAP_GRE, UNWRAP_IPIP, UNWRAP_UDP, VXLAN

DEPTH = 4
"""The most tunnels inside each other; what is deeper stays as it is."""


@kernel
def inside_gre(octets, at, end):
    """Offset of the IPv4 header inside GRE; negative as in verdict.py."""
    if at + 4 > end:
        return np.int64(IS_MALFORMED)
    flags, kind = be16(octets, at), be16(octets, at + 2)
    if flags & 0x4007:  # source routing, or another version: PPTP's is 1
        return np.int64(IS_NO_TUNNEL)
    numbered = flags & 0x1000
    at += 4 + 4 * ((flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1))
    if kind == 0x88BE and not (numbered and at < end and octets[at] >> 4 == 2):
        return by_ethertype(octets, at + (8 if numbered else 0), end, np.int64(BRIDGED))  # ERSPAN I has no header
    if kind == 0x22EB or kind == 0x88BE:  # type III; some send it by the number of II
        if at + 12 > end:
            return np.int64(IS_MALFORMED)
        frame_type, more = octets[at + 10] >> 2 & 0x1F, octets[at + 11] & 1
        at += 20 if more else 12
        if frame_type == 2:
            return by_version(octets, at, end)
        return by_ethertype(octets, at, end, np.int64(BRIDGED))
    if kind == 0x6559:
        kind, at = by_frame_relay(octets, at, end)
        return by_ethertype(octets, at, end, kind)
    if kind == 0x883E:  # WCCP: version 2 puts four octets before the packet
        return by_version(octets, at if at < end and octets[at] >> 4 == 4 else at + 4, end)
    return by_ethertype(octets, at, end, kind if kind > 1500 else np.int64(0xFFFF))


@kernel
def inside_vxlan(octets, at, end):
    """The same of VXLAN, and of its Generic Protocol Extension."""
    if at + 8 > end:
        return np.int64(IS_MALFORMED)
    if octets[at] & 0x08 == 0:  # no valid VNI: not VXLAN
        return np.int64(IS_NO_TUNNEL)
    following = octets[at + 3] if octets[at] & 0x04 else 3
    at += 8
    if following == 1 or following == 2:
        return by_version(octets, at, end)
    return by_ethertype(octets, at, end, by_next_protocol(following))


@kernel
def inside_geneve(octets, at, end):
    """The same of GENEVE; critical options are ignored too."""
    if at + 8 > end:
        return np.int64(IS_MALFORMED)
    if octets[at] & 0xC0 or octets[at + 1] & 0x80:  # another version, or a message to the tunnel's end
        return np.int64(IS_NO_TUNNEL)
    length = 8 + np.int64(octets[at] & 0x3F) * 4
    kind = be16(octets, at + 2)
    return by_ethertype(octets, at + length, end, kind if kind > 1500 else np.int64(0xFFFF))


@kernel
def inside(octets, at, end, protocol, unwrap):
    """Offset of the IPv4 header inside the IPv4 payload octets[at:end], IS_NO_TUNNEL where it is none of the tunnels to
    unwrap, or another negative number of verdict.py."""
    if protocol == 4 and unwrap & UNWRAP_IPIP:
        return by_version(octets, at, end)
    if protocol == 47 and unwrap & UNWRAP_GRE:
        return inside_gre(octets, at, end)
    if protocol == 17 and unwrap & UNWRAP_UDP and at + 8 <= end:
        port = be16(octets, at + 2)
        for number in range(SLOTS):
            slot = unwrap >> (FIRST_BIT + number * SLOT_BITS) & ((1 << SLOT_BITS) - 1)
            if slot and slot >> 2 == port:
                if slot & 3 == VXLAN:
                    return inside_vxlan(octets, at + 8, end)
                return inside_geneve(octets, at + 8, end)
    return np.int64(IS_NO_TUNNEL)


@kernel
def may_be_tunnel(protocol, unwrap):
    """Whether packets of this protocol may be tunnels to unwrap."""
    return (
        (protocol == 4 and unwrap & UNWRAP_IPIP != 0)
        or (protocol == 47 and unwrap & UNWRAP_GRE != 0)
        or (protocol == 17 and unwrap & UNWRAP_UDP != 0)
    )


@kernel
def take_out(octets, at, end, wire_end, ranges, unwrap, counters):
    """(offset of the IPv4 header to go on with, where its octets end, where they ended on the wire) of the IPv4 packet
    octets[at:end] and the tunnels in it, none of which is addressed to `ranges`; the offset is negative, as in
    verdict.py, where a tunnel holds no IPv4. The caller finds a broken header.

    The first fragment of a tunnel's packet gives the begin of the inner one, cut as if by the capture. Later ones stay
    as they are, to another address, and are counted: UDP's without their ports, so all that may be a tunnel's.
    """
    for _ in range(DEPTH):
        header = header_length(octets, at, end)
        if header == 0 or block_of(be32(octets, at + 16), ranges) >= 0:
            break
        fragment = be16(octets, at + 6)
        if fragment & OFFSET:
            if may_be_tunnel(octets[at + 9], unwrap):
                counters[TUNNEL_FRAGMENTS] += 1
            break
        limit = packet_end(octets, at, end)
        inner = inside(octets, at + header, limit, np.int64(octets[at + 9]), unwrap)
        if inner == IS_NO_TUNNEL:
            break
        wire_end = packet_end(octets, at, wire_end)
        at, end = inner, limit
        if at < 0:
            break
        if fragment & MORE_FRAGMENTS and at + 4 <= end:
            wire_end = max(wire_end, at + be16(octets, at + 2))
        counters[UNWRAPPED] += 1
    return at, end, wire_end
