"""Links over long lines: Cisco's HDLC, PPP in HDLC's framing (RFC 1662), Frame Relay (RFC 2427)."""

from __future__ import annotations

import numpy as np

from ims.decode.ethernet import BRIDGED, LLC, MALFORMED, NOT_IPV4, UNSUPPORTED, by_network_layer, typed
from ims.decode.ppp import ppp_protocol
from ims.kernels import kernel
from ims.packet.link_types import C_HDLC_DIRECTED, FRAME_RELAY_DIRECTED, MULTILINK_FRAME_RELAY, PPP_DIRECTED, PPPD
from ims.packet.octets import be16

PPP, PPP_HDLC, C_HDLC, FRAME_RELAY = 9, 50, 104, 107


@kernel
def by_cisco(octets, at, end):
    """(type, where it begins) in Cisco's HDLC: address, control, an Ethernet type, or for ISO's protocols LLC."""
    kind, at = typed(octets, at, end, 4)
    return (np.int64(LLC), at - 2) if kind == 0xFEFE else (kind, at)


@kernel
def by_ppp(octets, at, end, link):
    """(type, where it begins) in PPP; in HDLC's framing the first octet may tell that it is Cisco's."""
    if link == PPP_HDLC and at < end and (octets[at] == 0x0F or octets[at] == 0x8F):
        return by_cisco(octets, at, end)
    if at + 2 <= end and be16(octets, at) == 0xFF03:
        at += 2
    return ppp_protocol(octets, at, end)


@kernel
def by_frame_relay(octets, at, end):
    """(type, where it begins) in Frame Relay (RFC 2427): an address of 2 to 4 octets, UI, and a network layer's number;
    or, as Cisco's, an Ethernet type at once."""
    length = 1
    while length < 4 and at + length <= end and octets[at + length - 1] & 1 == 0:
        length += 1
    at += length
    if length < 2 or at + 2 > end:
        return np.int64(MALFORMED), at
    if octets[at] != 3:
        return be16(octets, at), at + 2
    at += 1
    if octets[at] == 0 and at + 1 < end:  # padding
        at += 1
    if octets[at] == 0xCF:  # RFC 1973
        return ppp_protocol(octets, at + 1, end)
    if octets[at] == 0x80:  # SNAP
        if at + 6 > end:
            return np.int64(MALFORMED), at
        owner, kind = be16(octets, at + 1) << 8 | octets[at + 3], be16(octets, at + 4)
        if owner == 0:
            return kind, at + 6
        if owner == 0x0080C2 and (kind == 1 or kind == 7):
            return np.int64(BRIDGED), at + 6
        return np.int64(NOT_IPV4), at
    return by_network_layer(octets[at]), at + 1


@kernel
def by_multilink(octets, at, end):
    """(type, where it begins) in multilink Frame Relay (FRF.16): the first fragment has the headers."""
    if at + 2 > end:
        return np.int64(MALFORMED), at
    if octets[at] & 0xA0 != 0x80:
        return np.int64(NOT_IPV4), at
    return by_frame_relay(octets, at + 2, end)


@kernel
def by_line(octets, at, end, link):
    """(type, where it begins) of any of these, also with an octet for the direction before; UNSUPPORTED for another
    link type."""
    if link == PPP or link == PPP_HDLC:
        return by_ppp(octets, at, end, link)
    if link == C_HDLC:
        return by_cisco(octets, at, end)
    if link == FRAME_RELAY:
        return by_frame_relay(octets, at, end)
    if link == MULTILINK_FRAME_RELAY:
        return by_multilink(octets, at, end)
    if link == PPPD:  # direction and control
        return ppp_protocol(octets, at + 2, end)
    if link == PPP_DIRECTED:
        return by_ppp(octets, at + 1, end, np.int64(PPP))
    if link == C_HDLC_DIRECTED:
        return by_cisco(octets, at + 1, end)
    if link == FRAME_RELAY_DIRECTED:
        return by_frame_relay(octets, at + 1, end)
    return np.int64(UNSUPPORTED), at
