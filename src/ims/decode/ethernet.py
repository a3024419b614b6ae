"""Ethernet types, and what switches and mirrors put before an IPv4 packet: each step goes forward, so it ends.

| type | what it is | octets before what follows |
|---|---|---|
| 0x8100, 0x88A8, 0x9100, 0x9200 | VLAN tags: IEEE 802.1Q, and before it | 4, the last two a type |
| 0x8847, 0x8848 | MPLS labels (RFC 3032), Ethernet pseudowires (RFC 4448) | 4 each; 4 for a control word |
| 0x8864 | PPPoE session (RFC 2516) | 6, then PPP |
| 0x880B | PPP, such as GRE carries it | 0 or 2, then PPP |
| 0x6558 | transparent Ethernet bridging (RFC 1701) | none, then Ethernet |
| 0x88E7 | provider backbone bridges, IEEE 802.1ah | 4, then Ethernet |
| 0x8903 | Cisco FabricPath, and DCE | 2, then Ethernet |
| 0x8926 | VN-tag | 6, the last two a type |
| 0x893F | E-tag, IEEE 802.1BR | 8, the last two a type |
| 0x892F, 0xF1C1 | HSR, IEC 62439-3; R-tag, IEEE 802.1CB | 6, the last two a type |
| 0x22F3 | TRILL (RFC 6325) | 6 and options, then Ethernet |
| 0x894F | network service header (RFC 8300) | as it says |
| 0x8909 | Cisco MetaData | 8, the last two a type |
| 0xD28B | Arista's time stamps | 14 or 12, the last two a type |
| 0x88E5 | MACsec, IEEE 802.1AE, where it only authenticates | 8 or 16, the last two a type |
| up to 1500, 0x8870 | LLC: IP, SNAP with an Ethernet type (RFC 1042), a network layer's number (RFC 2684) | 3, 8, 4 |
| a length, to 01:00:0C:00:00 | Cisco's ISL | 12, then Ethernet |
"""

from __future__ import annotations

import numpy as np

from ims.decode.ppp import ppp_protocol
from ims.decode.verdict import IS_ARP, IS_IPV6, IS_MALFORMED, IS_NOT_IPV4, IS_TYPE, IS_UNSUPPORTED
from ims.kernels import kernel
from ims.packet.octets import be16, be32

IPV4, IPV6, ARP, BRIDGED, LLC, MPLS, NSH = 0x0800, 0x86DD, 0x0806, 0x6558, 4, 0x8847, 0x894F
PPP_TYPE, TRILL, JUMBO_LLC = 0x880B, 0x22F3, 0x8870
MALFORMED, NOT_IPV4, UNSUPPORTED = -1, -2, -3
"""Instead of a type: the frame ends here, broken, holding something else, or of a link type that isn't read."""
NEXT_PROTOCOLS = (NOT_IPV4, IPV4, IPV6, BRIDGED, NSH, MPLS)
"""By number: RFC 8300, section 2.5, and VXLAN's Generic Protocol Extension."""


@kernel
def typed(octets, at, end, length):
    """(type, where it begins) below a header of `length` octets, the last two of them the type."""
    if at + length > end:
        return np.int64(MALFORMED), at
    return be16(octets, at + length - 2), at + length


@kernel
def ip_version(octets, at, end):
    """(type, where it begins) of an IP packet, by its first nibble."""
    if at >= end:
        return np.int64(MALFORMED), at
    version = octets[at] >> 4
    return np.int64(IPV4 if version == 4 else IPV6 if version == 6 else NOT_IPV4), at


@kernel
def is_usual(kind):
    """Whether this Ethernet type is so frequent that it identifies an Ethernet header."""
    return (
        kind == IPV4 or kind == IPV6 or kind == ARP or kind == 0x8100 or kind == 0x88A8 or kind == MPLS
        or kind == 0x8864 or kind == 0x88E7 or kind == 0x9100 or kind == 0x8848
    )  # fmt: skip


@kernel
def bridged(octets, at, end):
    """Whether octets[at:end] probably begin with an Ethernet header."""
    if at + 14 > end:
        return False
    kind = be16(octets, at + 12)
    if kind <= 1500:  # a length, and SNAP
        return at + 17 <= end and be32(octets, at + 13) & 0xFFFFFF == 0xAAAA03
    return is_usual(kind)


@kernel
def is_isl(octets, at, end):
    """Whether the Ethernet header before octets[at:end] is the begin of ISL's: one of its two destinations, SNAP."""
    if at + 12 > end or be32(octets, at) >> 8 != 0xAAAA03 or octets[at - 10] != 0:
        return False
    group = be32(octets, at - 14)
    return group == 0x01000C00 or group == 0x0C000C00


@kernel
def below_labels(octets, at, end):
    """(type, where it begins) below a stack of MPLS labels. Only the first octets tell what follows: an IP version, a
    pseudowire's control word (its first nibble is 0), or an Ethernet header."""
    bottom = False
    while not bottom:
        if at + 4 > end:
            return np.int64(MALFORMED), at
        bottom = octets[at + 2] & 1 == 1
        at += 4
    if at >= end:
        return np.int64(MALFORMED), at
    version = octets[at] >> 4
    if version == 4 and (octets[at] & 15 >= 5 or not bridged(octets, at, end)):
        return np.int64(IPV4), at
    if version == 6 and not bridged(octets, at, end):
        return np.int64(IPV6), at
    if version == 0 and bridged(octets, at + 4, end):
        return np.int64(BRIDGED), at + 4
    if version == 1 and at + 4 <= end and not bridged(octets, at, end):  # RFC 5586: an associated channel's type
        kind = be16(octets, at + 2)
        return np.int64(IPV4 if kind == 0x21 else IPV6 if kind == 0x57 else NOT_IPV4), at + 4
    if bridged(octets, at, end):
        return np.int64(BRIDGED), at
    return np.int64(NOT_IPV4), at


@kernel
def by_network_layer(number):
    """The type for a network layer's number (NLPID: ISO/IEC TR 9577)."""
    return np.int64(IPV4 if number == 0xCC else IPV6 if number == 0x8E else NOT_IPV4)


@kernel
def by_next_protocol(number):
    """The type for a number of NEXT_PROTOCOLS."""
    return np.int64(NEXT_PROTOCOLS[number] if number < len(NEXT_PROTOCOLS) else NOT_IPV4)


@kernel
def below_llc(octets, at, end):
    """(type, where it begins) below an IEEE 802.2 header."""
    if at + 3 <= end and octets[at] == 6 and octets[at + 1] == 6 and octets[at + 2] == 3:
        return np.int64(IPV4), at + 3
    if at + 4 <= end and be32(octets, at) >> 8 == 0xFEFE03:
        return by_network_layer(octets[at + 3]), at + 4
    if at + 8 > end or be32(octets, at) >> 8 != 0xAAAA03:
        return np.int64(NOT_IPV4), at
    owner, kind = be32(octets, at + 2) & 0xFFFFFF, be16(octets, at + 6)
    if (owner == 0 or owner == 0xF8) and kind > 1500:
        return kind, at + 8
    if owner == 0x0080C2 and (kind == 1 or kind == 7):  # RFC 2684: Ethernet, after two octets of padding
        return np.int64(BRIDGED), at + 10
    return np.int64(NOT_IPV4), at


@kernel
def below_service_header(octets, at, end):
    """(type, where it begins) below a network service header."""
    if at + 8 > end:
        return np.int64(MALFORMED), at
    length = np.int64(octets[at + 1] & 0x3F) * 4
    if length < 8:
        return np.int64(MALFORMED), at
    return by_next_protocol(octets[at + 3]), at + length


@kernel
def tag_length(octets, at, end, kind):
    """Octets of a tag that ends with the type of what follows; 0 where `kind` is none. It may be cut."""
    if kind == 0x8100 or kind == 0x88A8 or kind == 0x9100 or kind == 0x9200:
        return np.int64(4)
    if kind == 0x8926 or kind == 0x892F or kind == 0xF1C1:
        return np.int64(6)
    if kind == 0x893F or kind == 0x8909:
        return np.int64(8)
    if kind == 0xD28B and at + 4 <= end and be16(octets, at) == 1:
        if octets[at + 3] >> 4 == 1:
            return np.int64(14)
        if octets[at + 3] >> 4 == 2:
            return np.int64(12)
    if kind == 0x88E5 and at < end and octets[at] & 0x8C == 0:  # neither encrypted nor changed, version 0
        return np.int64(16 if octets[at] & 0x20 else 8)
    return np.int64(0)


@kernel
def by_ethertype(octets, at, end, kind):
    """Offset of the IPv4 header in octets[at:end], of which `kind` is the Ethernet type, or a negative number of
    verdict.py."""
    while True:
        if kind == IPV4:
            return np.int64(at)
        tag = tag_length(octets, at, end, kind)
        if tag:
            kind, at = typed(octets, at, end, tag)
        elif kind == MPLS or kind == 0x8848:
            kind, at = below_labels(octets, at, end)
        elif kind == 0x8864:
            kind, at = ppp_protocol(octets, at + 6, end)
        elif kind == BRIDGED or kind == 0x88E7 or kind == 0x8903:
            kind, at = typed(octets, at, end, 18 if kind == 0x88E7 else 16 if kind == 0x8903 else 14)
            if 0 <= kind < 1536 and is_isl(octets, at, end):
                kind, at = np.int64(BRIDGED), at + 12
        elif kind == NSH:
            kind, at = below_service_header(octets, at, end)
        elif kind == TRILL:
            if at + 6 > end:
                return np.int64(IS_MALFORMED)
            kind, at = np.int64(BRIDGED), at + 6 + 4 * (be16(octets, at) >> 6 & 0x1F)
        elif kind == PPP_TYPE:
            if at + 2 <= end and be16(octets, at) == 0xFF03:
                at += 2
            kind, at = ppp_protocol(octets, at, end)
        elif kind == ARP:
            return np.int64(IS_ARP)
        elif kind == IPV6:
            return np.int64(IS_IPV6)
        elif kind == MALFORMED:
            return np.int64(IS_MALFORMED)
        elif kind == UNSUPPORTED:
            return np.int64(IS_UNSUPPORTED)
        elif kind < 0:
            return np.int64(IS_NOT_IPV4)
        elif kind <= 1500 or kind == JUMBO_LLC:
            kind, at = below_llc(octets, at, end)
        else:
            return np.int64(IS_TYPE - kind)


@kernel
def by_version(octets, at, end):
    """The same of an IP packet."""
    kind, at = ip_version(octets, at, end)
    return by_ethertype(octets, at, end, kind)
