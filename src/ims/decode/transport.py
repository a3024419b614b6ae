"""Whether the checksum of a TCP, UDP or ICMP packet is right (RFC 1071), and rebuilding the packet gives the same."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.packet.checksum import expected_field, ones_sum, pseudo_header
from ims.packet.field_values import PROTOCOL_TCP, PROTOCOL_UDP
from ims.packet.octets import be16
from ims.records import TRANSPORT_UNVERIFIED, TRANSPORT_WRONG, UDP_ABSENT


@kernel
def verify(octets, at, end, protocol, source, destination, whole):
    """(flags of the column `checksum`, whether rebuilding gives the same checksum and lengths) of the TCP, UDP or ICMP
    packet octets[at:end], whose header `transport_header` found. `whole`: no fragment, not cut, and IP's length agrees.
    """
    total, exact = np.int64(0), True
    if protocol == PROTOCOL_TCP:
        field = be16(octets, at + 16)
        total = pseudo_header(source, destination, protocol, end - at)
    elif protocol == PROTOCOL_UDP:
        field = be16(octets, at + 6)
        length = be16(octets, at + 4)
        exact = length == end - at
        if field == 0:
            return np.int64(UDP_ABSENT), exact and whole
        whole = whole and 0 < length <= end - at
        if whole:
            end = at + length
        total = pseudo_header(source, destination, protocol, length)
    else:
        field = be16(octets, at + 2)
    if not whole:
        return np.int64(TRANSPORT_UNVERIFIED), False
    total += ones_sum(octets, at, end - at)
    if total == 0:
        return np.int64(TRANSPORT_WRONG), False  # ICMP, all of it zero: the sum of a right one is never +0
    expected = expected_field(total, field)
    if protocol == PROTOCOL_UDP and expected == 0:
        expected = np.int64(0xFFFF)  # 0 would say that there is none
    if field == expected:
        return np.int64(0), exact
    if field == 0xFFFF and expected == 0:
        return np.int64(0), False  # right, for zero has two forms in ones' complement
    return np.int64(TRANSPORT_WRONG), False
