"""TCP, UDP and ICMP headers: how long, where the payload is, and whether the packet can be rebuilt from columns.

A row's columns give a packet back byte for byte only where nothing is odd; else `raw` is set and its bytes go to
`frames_raw`. Here the transport's part of that rule; decode/frames.py has the IP header's:

| odd | why columns can't say it |
|---|---|
| header broken or cut | nothing after the error is trusted |
| checksum wrong, not verifiable, or 0xFFFF for 0 | rebuilding computes the right one |
| TCP: a reserved bit | only nine flags are stored |
| UDP: length other than the IP payload's | it is rebuilt from the payload |
"""

from __future__ import annotations

import numpy as np

from ims.checksum import expected_field, ones_sum, pseudo_header
from ims.kernels import kernel
from ims.octets import be16
from ims.records import TRANSPORT_UNVERIFIED, TRANSPORT_WRONG, UDP_ABSENT


@kernel
def tcp_header(octets, at, end):
    """Length of the TCP header (RFC 9293, section 3.1) in octets[at:end]; 0 where it is broken or cut."""
    if at + 20 > end:
        return np.int64(0)
    length = np.int64(octets[at + 12] >> 4) * 4
    if length < 20 or at + length > end:
        return np.int64(0)
    return length


@kernel
def udp_payload(octets, at, end):
    """Payload octets of a UDP datagram (RFC 768) in octets[at:end]; -1 where its header is broken or cut."""
    if at + 8 > end:
        return np.int64(-1)
    length = be16(octets, at + 4)
    if length < 8:
        return np.int64(-1)
    return min(length, end - at) - 8


@kernel
def verify(octets, at, end, protocol, source, destination, udp_length):
    """(checksum flags, whether rebuilding gives the field as it is) of a whole TCP, UDP or ICMP packet.

    `udp_length`: what the UDP header says, with which its pseudo-header is summed.
    """
    if protocol == 6:
        field = be16(octets, at + 16)
        total = pseudo_header(source, destination, protocol, end - at)
    elif protocol == 17:
        field = be16(octets, at + 6)
        if field == 0:
            return np.int64(UDP_ABSENT), True
        if udp_length > end - at:
            return np.int64(TRANSPORT_UNVERIFIED), False
        end = at + udp_length
        total = pseudo_header(source, destination, protocol, udp_length)
    else:
        field = be16(octets, at + 2)
        total = np.int64(0)
    total = total + ones_sum(octets, at, end - at)
    expected = expected_field(total, field)
    if protocol == 17 and expected == 0:
        expected = np.int64(0xFFFF)
    if field == expected:
        return np.int64(0), True
    if field == 0xFFFF and expected == 0:
        return np.int64(0), False  # right, for a ones' complement zero has two forms
    return np.int64(TRANSPORT_WRONG), False
