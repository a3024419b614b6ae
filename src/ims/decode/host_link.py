"""Link headers that operating systems make up: loopback, firewalls' logs, tagging ports of switches."""

from __future__ import annotations

import numpy as np

from ims.decode.ethernet import IPV4, IPV6, MALFORMED, NOT_IPV4
from ims.kernels import kernel
from ims.packet.octets import be16, be32, le16, le32

NULL, LOOP, ENC, PFLOG, IPNET, NFLOG = 0, 108, 109, 117, 226, 239
DSA_BRCM, DSA_BRCM_BEFORE, DSA, EDSA = 281, 282, 284, 285


@kernel
def of_family(family):
    """An address family of some BSD, Solaris or Linux, as an Ethernet type."""
    if family == 2:
        return np.int64(IPV4)
    if family == 10 or family == 24 or family == 26 or family == 28 or family == 30:
        return np.int64(IPV6)
    return np.int64(NOT_IPV4)


@kernel
def by_family(octets, at, end, link):
    """(type, where it begins) below a header that begins with an address family, in the byte order of the capturing
    host or (LOOP) of the network: BSD's loopback, and OpenBSD's ENC of 12 octets."""
    length = 12 if link == ENC else 4
    if at + length > end:
        return np.int64(MALFORMED), at
    family = be32(octets, at)
    if link != LOOP and family > 0xFFFF:
        family = le32(octets, at)
    return of_family(family), at + length


@kernel
def by_firewall_log(octets, at, end):
    """(type, where it begins) below PFLOG's header, whose first octet is its length without padding."""
    if at + 2 > end:
        return np.int64(MALFORMED), at
    length = (np.int64(octets[at]) + 3) & ~3
    if length < 48 or at + length > end:
        return np.int64(MALFORMED), at
    return of_family(octets[at + 1]), at + length


@kernel
def _payload_of_netfilter(octets, at, end, little):
    """Where the attribute PAYLOAD (9) begins among NFLOG's attributes; -1 where one lies, or they end before."""
    while at + 4 <= end:
        length = le16(octets, at) if little else be16(octets, at)
        kind = le16(octets, at + 2) if little else be16(octets, at + 2)
        if length < 4:
            break
        if kind == 9:
            return np.int64(at + 4)
        at += (length + 3) & ~3
    return np.int64(-1)


@kernel
def by_netfilter_log(octets, at, end):
    """(type, where it begins) below NFLOG's header: family, version, resource; attributes in the byte order of the
    capturing host, which nothing names, so the other one is tried where one gives no packet."""
    if at + 4 > end:
        return np.int64(MALFORMED), at
    payload = _payload_of_netfilter(octets, at + 4, end, True)
    if payload < 0:
        payload = _payload_of_netfilter(octets, at + 4, end, False)
    if payload < 0:
        return np.int64(MALFORMED), at
    return of_family(octets[at]), payload


@kernel
def by_ipnet(octets, at, end):
    """(type, where it begins) below the header of Solaris's IPNET."""
    if at + 24 > end:
        return np.int64(MALFORMED), at
    return of_family(octets[at + 1]), at + 24


@kernel
def by_switch_tag(octets, at, end, link):
    """(type, where it begins) of an Ethernet frame from a port to a switch chip, with the chip's tag in it."""
    before = 4 if link == DSA_BRCM_BEFORE else 0
    tag = 0 if before else 8 if link == EDSA else 4
    begin = at + before + 12 + tag + 2
    if begin > end:
        return np.int64(MALFORMED), at
    return be16(octets, begin - 2), begin
