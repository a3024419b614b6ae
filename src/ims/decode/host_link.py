"""Link headers of operating systems: loopback, firewalls' logs, tagging ports of switches."""

from __future__ import annotations

import numpy as np

from ims.decode.ethernet import IPV4, IPV6, MALFORMED, NOT_IPV4, UNSUPPORTED, typed
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
    """Where the attribute PAYLOAD (9) begins among NFLOG's attributes; -1 where there is none, or a length is wrong."""
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
    """(type, where it begins) below NFLOG's header: family, version, resource; attributes in the capturing host's byte
    order, which isn't recorded, so both are tried."""
    if at + 4 > end:
        return np.int64(MALFORMED), at
    payload = _payload_of_netfilter(octets, at + 4, end, True)
    if payload < 0:
        payload = _payload_of_netfilter(octets, at + 4, end, False)
    if payload < 0:
        return np.int64(MALFORMED), at
    return of_family(octets[at]), payload


@kernel
def by_host_link(octets, at, end, link):
    """(type, where it begins) below any of these headers; UNSUPPORTED for another link type."""
    if link == NULL or link == LOOP or link == ENC:
        return by_family(octets, at, end, link)
    if link == NFLOG:
        return by_netfilter_log(octets, at, end)
    if link == PFLOG:
        return by_firewall_log(octets, at, end)
    if link == IPNET:  # Solaris
        return (of_family(octets[at + 1]), at + 24) if at + 24 <= end else (np.int64(MALFORMED), at)
    if link == DSA or link == EDSA or link == DSA_BRCM or link == DSA_BRCM_BEFORE:
        return typed(octets, at, end, 22 if link == EDSA else 18)  # Ethernet, with a switch chip's tag in it or before
    return np.int64(UNSUPPORTED), at
