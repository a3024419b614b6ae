"""Rare links: Token Ring (IEEE 802.5), ARCNET (RFC 1201, RFC 1051), SLIP, ATM on Suns, a firewall of Symantec's
(tcpdump.org/linktypes.html)."""

from __future__ import annotations

import numpy as np

from ims.decode.ethernet import ARP, BRIDGED, IPV4, IPV6, LLC, MALFORMED, NOT_IPV4, UNSUPPORTED, ip_version
from ims.kernels import kernel
from ims.packet.octets import be16

TOKEN_RING, ARCNET, SLIP, SYMANTEC, SUNATM, ARCNET_LINUX = 6, 7, 8, 99, 123, 129
SLIP_HEADER, SYMANTEC_HEADER = 16, 44


@kernel
def by_token_ring(octets, at, end):
    """(type, where it begins) of a ring's frame: access, frame control, addresses, and, if the source's first bit is
    set, a route, whose first octet has its length."""
    if at + 14 > end or (octets[at + 8] & 0x80 and at + 16 > end):
        return np.int64(MALFORMED), at
    route = octets[at + 14] & 0x1F if octets[at + 8] & 0x80 else 0
    if octets[at + 1] >> 6 != 1:  # the ring's own frames
        return np.int64(NOT_IPV4), at
    return np.int64(LLC), at + 14 + route


@kernel
def by_arcnet(octets, at, end, link):
    """(type, where it begins) of ARCNET: two addresses, (Linux) an offset, a protocol; by RFC 1201 then a flag for
    fragments, of which the first is read, and a number; after the flag 0xFF four octets more."""
    at += 4 if link == ARCNET_LINUX else 2
    if at >= end:
        return np.int64(MALFORMED), at
    protocol = octets[at]
    at += 1
    if protocol == 0xF0:
        return np.int64(IPV4), at
    if protocol == 0xF1:
        return np.int64(ARP), at
    if protocol != 0xD4 and protocol != 0xD5 and protocol != 0xC4:
        return np.int64(NOT_IPV4), at
    if at + 3 > end:
        return np.int64(MALFORMED), at
    if octets[at] == 0xFF and link == ARCNET:
        at += 4
        if at + 3 > end:
            return np.int64(MALFORMED), at
    if octets[at] and octets[at] & 1 == 0:
        return np.int64(NOT_IPV4), at
    return np.int64(IPV4 if protocol == 0xD4 else ARP if protocol == 0xD5 else IPV6), at + 3


@kernel
def by_sun_atm(octets, at, end):
    """(type, where it begins) of SunATM: the traffic's kind, a path, a channel; then LAN emulation or LLC."""
    if at + 4 > end:
        return np.int64(MALFORMED), at
    traffic = octets[at] & 0x0F
    if traffic == 1:  # a LAN's client number first
        return np.int64(BRIDGED), at + 6
    return np.int64(LLC if traffic == 2 else NOT_IPV4), at + 4


@kernel
def by_rare_link(octets, at, end, link):
    """(type, where it begins) of any of these; UNSUPPORTED for another link type."""
    if link == TOKEN_RING:
        return by_token_ring(octets, at, end)
    if link == SLIP:  # direction, and a header as it was compressed
        return ip_version(octets, at + SLIP_HEADER, end)
    if link == SUNATM:
        return by_sun_atm(octets, at, end)
    if link == SYMANTEC:
        if at + SYMANTEC_HEADER > end:
            return np.int64(MALFORMED), at
        return be16(octets, at + 6), at + SYMANTEC_HEADER
    if link == ARCNET or link == ARCNET_LINUX:
        return by_arcnet(octets, at, end, link)
    return np.int64(UNSUPPORTED), at
