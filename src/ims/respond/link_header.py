"""The link header of a reply, to the MAC address and the VLAN that its packet came from."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.packet.ethernet import is_tag
from ims.packet.field_values import ETHERTYPE_IPV4
from ims.packet.link_types import ETHERNET, RAW
from ims.packet.octets import be16, put16, put32

LONGEST = 14 + 3 * 4
"""Octets: three VLAN tags, one of which the kernel may have stripped."""
NO_WAY = -1


@kernel
def put_link(octets, at, ip, link, vlan, out, to):
    """Write the link header of a reply to the frame at octets[at:], whose IP header is at `ip`; returns its
    length, or NO_WAY where the frame came in a tunnel, to or from a group, or too deep in tags.

    `vlan`: a tag that was stripped (ring_walk.Aside).
    """
    if link == RAW:
        return np.int64(0 if ip == at else NO_WAY)
    if link != ETHERNET or ip < at + 14 or ip - at + (4 if vlan else 0) > LONGEST or ip > octets.size:
        return np.int64(NO_WAY)
    if octets[at] & 1 or octets[at + 6] & 1:  # to or from a group
        return np.int64(NO_WAY)
    kind = at + 12
    while kind + 2 < ip and is_tag(be16(octets, kind)):
        kind += 4
    if kind + 2 != ip or be16(octets, kind) != ETHERTYPE_IPV4:
        return np.int64(NO_WAY)
    for i in range(6):
        out[to + 6 + i] = octets[at + i]
    return put_way_back(octets, at, ip, vlan, out, to)


@kernel
def put_way_back(octets, at, end, vlan, out, to):
    """Write the link header of a reply, all but its source, for the Ethernet header octets[at:end]: its sender, the
    VLAN tag that was stripped, other tags and type. Returns its length."""
    for i in range(6):
        out[to + i] = octets[at + 6 + i]
    length = 12
    if vlan:
        put32(out, to + length, vlan)
        length += 4
    for i in range(at + 12, end, 2):
        put16(out, to + length, be16(octets, i))
        length += 2
    return length
