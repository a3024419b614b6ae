"""Link layers (tcpdump.org/linktypes.html): where in a frame the IPv4 header is, if there is one."""

from __future__ import annotations

import numpy as np

from ims.decode.verdict import IS_ARP, IS_IPV6, IS_MALFORMED, IS_NOT_IPV4, IS_UNSUPPORTED
from ims.kernels import kernel
from ims.octets import be16, be32, le32

NULL, ETHERNET, PPP, RAW_BSD, RAW_OPENBSD, PPP_HDLC, RAW, LOOP, SLL, IPV4, IPV6_LINK, SLL2 = (
    0, 1, 9, 12, 14, 50, 101, 108, 113, 228, 229, 276,
)  # fmt: skip
ETHERTYPE_IPV4 = 0x0800


@kernel
def by_version(octets, at, end):
    """An IP packet without a link header: its first nibble tells."""
    if at >= end:
        return np.int64(IS_MALFORMED)
    version = octets[at] >> 4
    if version == 4:
        return np.int64(at)
    if version == 6:
        return np.int64(IS_IPV6)
    return np.int64(IS_NOT_IPV4)


@kernel
def below_labels(octets, at, end):
    """Below a stack of MPLS labels (RFC 3032); nothing says what follows, so its first nibble has to."""
    bottom = False
    while not bottom:
        if at + 4 > end:
            return np.int64(IS_MALFORMED)
        bottom = octets[at + 2] & 1 == 1
        at += 4
    return by_version(octets, at, end)


@kernel
def by_ppp_protocol(octets, at, end):
    """PPP (RFC 1661): the protocol field, of one octet if that is odd."""
    if at >= end:
        return np.int64(IS_MALFORMED)
    if octets[at] & 1:
        protocol = np.int64(octets[at])
        at += 1
    else:
        if at + 2 > end:
            return np.int64(IS_MALFORMED)
        protocol = be16(octets, at)
        at += 2
    if protocol == 0x0021:
        return np.int64(at)
    if protocol == 0x0057:
        return np.int64(IS_IPV6)
    if protocol == 0x0281 or protocol == 0x0283:
        return below_labels(octets, at, end)
    return np.int64(IS_NOT_IPV4)


@kernel
def by_ethertype(octets, at, end, kind):
    """Follow any stack of 802.1Q and 802.1ad tags and MPLS labels. Each step goes forward, so it ends."""
    while True:
        if kind == ETHERTYPE_IPV4:
            return np.int64(at)
        if kind == 0x8100 or kind == 0x88A8 or kind == 0x9100:
            if at + 4 > end:
                return np.int64(IS_MALFORMED)
            kind = be16(octets, at + 2)
            at += 4
        elif kind == 0x8847 or kind == 0x8848:
            return below_labels(octets, at, end)
        elif kind == 0x8864:  # PPPoE session (RFC 2516)
            return by_ppp_protocol(octets, at + 6, end)
        elif kind == 0x0806:
            return np.int64(IS_ARP)
        elif kind == 0x86DD:
            return np.int64(IS_IPV6)
        elif kind <= 1500:  # 802.3: a length, then LLC; SNAP holds an Ethernet type again (RFC 1042)
            if at + 8 > end:
                return np.int64(IS_NOT_IPV4)
            if be32(octets, at) != 0xAAAA0300 or be16(octets, at + 4) != 0:
                return np.int64(IS_NOT_IPV4)
            kind = be16(octets, at + 6)
            at += 8
        else:
            return np.int64(IS_NOT_IPV4)


@kernel
def by_ethernet(octets, at, end):
    """An Ethernet frame."""
    if at + 14 > end:
        return np.int64(IS_MALFORMED)
    return by_ethertype(octets, at + 14, end, be16(octets, at + 12))


@kernel
def by_family(octets, at, end, link):
    """BSD loopback: an address family in the byte order of the capturing host (LOOP: of the network)."""
    if at + 4 > end:
        return np.int64(IS_MALFORMED)
    family = be32(octets, at)
    if link == NULL and family > 0xFFFF:
        family = le32(octets, at)
    if family == 2:
        return np.int64(at + 4)
    if family == 10 or family == 24 or family == 28 or family == 30:
        return np.int64(IS_IPV6)
    return np.int64(IS_NOT_IPV4)


@kernel
def find_ipv4(octets, at, end, link):
    """Offset of the IPv4 header of the frame octets[at:end], or one of the negative numbers of verdict.py."""
    if link == ETHERNET:
        return by_ethernet(octets, at, end)
    if link == RAW or link == IPV4 or link == RAW_BSD or link == RAW_OPENBSD:
        return by_version(octets, at, end)
    if link == SLL:
        if at + 16 > end:
            return np.int64(IS_MALFORMED)
        return by_ethertype(octets, at + 16, end, be16(octets, at + 14))
    if link == SLL2:
        if at + 20 > end:
            return np.int64(IS_MALFORMED)
        return by_ethertype(octets, at + 20, end, be16(octets, at))
    if link == NULL or link == LOOP:
        return by_family(octets, at, end, link)
    if link == PPP or link == PPP_HDLC:
        if at + 2 <= end and octets[at] == 0xFF and octets[at + 1] == 0x03:
            at += 2
        return by_ppp_protocol(octets, at, end)
    if link == IPV6_LINK:
        return np.int64(IS_IPV6)
    return np.int64(IS_UNSUPPORTED)
