"""ARP (RFC 826): on a link without a router before us, the sensor answers for the addresses of its blocks."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.membership import block_of
from ims.packet.ethernet import is_tag
from ims.packet.field_values import ETHERTYPE_ARP as ARP_TYPE
from ims.packet.link_types import ETHERNET
from ims.packet.octets import be16, be32, put32
from ims.respond.link_header import LONGEST, put_way_back
from ims.respond.reply import ARPS, RING_FULL, free_slot, hand_over

BODY = 28
SHORTEST = 60


@kernel
def request_at(octets, at, end):
    """Offset of the ARP body in an Ethernet frame octets[at:end] that is a request for an IPv4 address; else -1."""
    kind = at + 12
    while kind + 2 <= end and is_tag(be16(octets, kind)):
        kind += 4
    body = kind + 2
    if body + BODY > end or be16(octets, kind) != ARP_TYPE:
        return np.int64(-1)
    # Ethernet (1), IPv4, their address lengths, request (1)
    if be32(octets, body) != 0x00010800 or be32(octets, body + 4) != 0x06040001:
        return np.int64(-1)
    return np.int64(body)


@kernel
def answer_arp(frames, aside, darknet, mac, counters, slots):
    """Fill slots with replies to ARP requests for addresses of `darknet` (Ranges); returns how many.

    `mac`: uint8 (6,), the interface's. Not answered: requests with more VLAN tags than a slot has room for
    (link_header.LONGEST); probes and announcements (RFC 5227: sender 0, or the sender asks for itself), for a machine
    may take a dark address into use; and senders that claim a dark or a group address.
    """
    octets, offsets, captured, links = frames.octets, frames.offset, frames.captured, frames.link
    vlans, out, state, layout = aside.vlan, slots.octets, slots.state, slots.layout
    filled = 0
    for index in range(frames.count):
        at = offsets[index]
        end = at + captured[index]
        if links[index] != ETHERNET or at + 14 > end:
            continue
        body = request_at(octets, at, end)
        if body < 0 or body - at + (4 if vlans[index] else 0) > LONGEST:
            continue
        sender, target = be32(octets, body + 14), be32(octets, body + 24)
        block = block_of(target, darknet)
        if sender == 0 or sender == target or block < 0 or block_of(sender, darknet) >= 0:
            continue
        if octets[at + 6] & 1 or octets[body + 8] & 1:
            continue
        slot = free_slot(out, state, layout)
        if slot < 0:
            counters[block, RING_FULL] += 1
            continue
        to = slot + layout[1]
        reply = to + put_way_back(octets, at, body, np.int64(vlans[index]), out, to)
        put32(out, reply, 0x00010800)
        put32(out, reply + 4, 0x06040002)
        for i in range(6):
            out[to + 6 + i] = out[reply + 8 + i] = mac[i]
            out[reply + 18 + i] = octets[body + 8 + i]
        put32(out, reply + 14, target)
        put32(out, reply + 24, sender)
        length = reply + BODY - to
        out[to + length : to + SHORTEST] = 0
        hand_over(out, state, layout, slot, max(length, SHORTEST))
        counters[block, ARPS] += 1
        filled += 1
    return filled
