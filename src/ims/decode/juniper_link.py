"""Headers of Juniper's routers (tcpdump, print-juniper.c): MGC, flags, perhaps extensions; then the line's own."""

from __future__ import annotations

import numpy as np

from ims.decode.ethernet import BRIDGED, LLC, MALFORMED, UNSUPPORTED, ip_version
from ims.decode.wan_link import PPP, by_cisco, by_frame_relay, by_ppp
from ims.kernels import kernel
from ims.packet.octets import be16

ATM2, ATM1, PPPOE, ETHER, PPP_LINE, FRAME_RELAY_LINE, CISCO_LINE = 135, 137, 167, 178, 179, 180, 181
COOKIE_OF_ATM2, COOKIE_OF_ATM1 = 8, 4


@kernel
def by_juniper(octets, at, end, link):
    """(type, where it begins) below Juniper's header; UNSUPPORTED for another link type."""
    if not (link == ATM2 or link == ATM1 or link == PPPOE or ETHER <= link <= CISCO_LINE):
        return np.int64(UNSUPPORTED), at
    if at + 6 > end or octets[at] != 0x4D or octets[at + 1] != 0x47 or octets[at + 2] != 0x43:
        return np.int64(MALFORMED), at
    flags = octets[at + 3]
    at += 6 + be16(octets, at + 4) if flags & 0x80 else 4
    if flags & 0x02:  # no link header: four octets, the last two a type of Juniper's
        return ip_version(octets, at + 4, end)
    if link == PPP_LINE:
        return by_ppp(octets, at, end, np.int64(PPP))
    if link == FRAME_RELAY_LINE:
        return by_frame_relay(octets, at, end)
    if link == CISCO_LINE:
        return by_cisco(octets, at, end)
    if link == ATM2 or link == ATM1:
        return np.int64(LLC), at + (COOKIE_OF_ATM2 if link == ATM2 else COOKIE_OF_ATM1)
    return np.int64(BRIDGED), at
