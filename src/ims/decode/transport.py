"""TCP, UDP and ICMP headers: how long they are, where the payload is, and is the checksum right (RFC 1071)."""

from __future__ import annotations

import numpy as np

from ims.checksum import expected_field, ones_sum, pseudo_header
from ims.kernels import kernel
from ims.octets import be16
from ims.records import TRANSPORT_UNVERIFIED, TRANSPORT_WRONG, UDP_ABSENT

IS_ICMP, IS_TCP, IS_UDP, IS_SCTP = 1, 6, 17, 132


@kernel
def transport_header(octets, at, end, protocol):
    """Length of the TCP (RFC 9293, 3.1), UDP (RFC 768) or ICMP (RFC 792) header in octets[at:end]; 0 where it
    lies about its length, or is cut by the capture: see cut_header.py."""
    if protocol == IS_TCP:
        if at + 20 > end:
            return np.int64(0)
        length = np.int64(octets[at + 12] >> 4) * 4
        if length < 20 or at + length > end:
            return np.int64(0)
        return length
    if at + 8 > end:
        return np.int64(0)
    if protocol == IS_UDP and 0 < be16(octets, at + 4) < 8:
        return np.int64(0)
    return np.int64(8)


@kernel
def udp_end(octets, at, end):
    """Where the UDP datagram at octets[at:end] ends by its own length, as far as it is there. 0 means all the
    rest: segmentation was left to hardware."""
    length = be16(octets, at + 4)
    if length == 0:
        return end
    return min(end, at + length)


@kernel
def verify(octets, at, end, protocol, source, destination, whole):
    """(flags of the column `checksum`, whether rebuilding gives the checksum and the lengths as they are) of the
    TCP, UDP or ICMP packet octets[at:end], whose header is `transport_header`'s.

    `whole`: no fragment, nothing cut, and no length of IP's that says otherwise.
    """
    total = np.int64(0)
    exact = True
    if protocol == IS_TCP:
        field = be16(octets, at + 16)
        total = pseudo_header(source, destination, protocol, end - at)
    elif protocol == IS_UDP:
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
    if protocol == IS_UDP and expected == 0:
        expected = np.int64(0xFFFF)  # 0 would say that there is none
    if field == expected:
        return np.int64(0), exact
    if field == 0xFFFF and expected == 0:
        return np.int64(0), False  # right, for zero has two forms in ones' complement
    return np.int64(TRANSPORT_WRONG), False
