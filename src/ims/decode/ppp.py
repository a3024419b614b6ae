"""PPP (RFC 1661) and its kin: the protocol field, as an Ethernet type."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.octets import be16


@kernel
def ppp_protocol(octets, at, end):
    """(Ethernet type, where it begins) of what a PPP frame holds from its protocol field on, which has one octet if
    that is odd; -1 and -2 as in ethernet.py."""
    if at >= end:
        return np.int64(-1), at
    if octets[at] & 1:
        protocol = np.int64(octets[at])
        at += 1
    else:
        if at + 2 > end:
            return np.int64(-1), at
        protocol = be16(octets, at)
        at += 2
    if protocol == 0x0021:
        return np.int64(0x0800), at
    if protocol == 0x0057:
        return np.int64(0x86DD), at
    if protocol == 0x0281 or protocol == 0x0283:
        return np.int64(0x8847), at
    return np.int64(-2), at
