"""PPP (RFC 1661) and its kin: the protocol field, as an Ethernet type."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.packet.octets import be16

MULTILINK, BRIDGING, WHOLE, ETHERNET_MAC = 0x003D, 0x0031, 0xC0, 1


@kernel
def protocol_field(octets, at, end):
    """(protocol, where what it names begins); the field has one octet if that is odd. -1: it is cut."""
    if at < end and octets[at] & 1:
        return np.int64(octets[at]), at + 1
    if at + 2 > end:
        return np.int64(-1), at
    return be16(octets, at), at + 2


@kernel
def ppp_protocol(octets, at, end):
    """(Ethernet type, where it begins) of what a PPP frame holds from its protocol field on; -1 and -2 as in
    ethernet.py. Of multilink (RFC 1990, long numbers) packets that are one fragment are read."""
    protocol, at = protocol_field(octets, at, end)
    while protocol == MULTILINK and at + 4 <= end and octets[at] & WHOLE == WHOLE:
        protocol, at = protocol_field(octets, at + 4, end)
    if protocol < 0:
        return np.int64(-1), at
    if protocol == 0x0021:
        return np.int64(0x0800), at
    if protocol == 0x0057:
        return np.int64(0x86DD), at
    if protocol == 0x0281 or protocol == 0x0283:
        return np.int64(0x8847), at
    if protocol == BRIDGING and at + 2 <= end and octets[at + 1] == ETHERNET_MAC:  # RFC 3518, 4.2
        return np.int64(0x6558), at + 2
    return np.int64(-2), at
