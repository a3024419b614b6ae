"""Walk one block of an AF_PACKET ring (TPACKET_V3: linux/if_packet.h, Documentation/networking/packet_mmap.rst).

A block begins with a descriptor, and each frame in it with a header that says where the next one is. Numbers are in the
machine's order: little-endian wherever this runs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.kernels import kernel
from ims.packet.octets import le16, le32

Array = np.ndarray[Any, Any]

# tpacket_block_desc
BLOCK_STATUS, BLOCK_PACKETS, BLOCK_FIRST = 8, 12, 16
# tpacket3_hdr, and the sockaddr_ll behind it
NEXT, SECONDS, NANOSECONDS, CAPTURED, LENGTH, STATUS = 0, 4, 8, 12, 16, 20
MAC, NET, VLAN_TCI, VLAN_TPID, PACKET_TYPE, HEADER = 24, 26, 32, 36, 58, 68
CHECKSUM_NOT_READY, VLAN_VALID, VLAN_TPID_VALID = 1 << 3, 1 << 4, 1 << 6
TO_US, OUTGOING = 0, 4


class Aside(NamedTuple):
    """What the kernel reports of each frame besides its octets; columns like those of Frames."""

    vlan: Array
    """uint32: a tag that was stripped, as on the wire (type << 16 | tag); 0: none"""
    kind: Array
    """uint8: PACKET_HOST (0: to us), PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST"""


@kernel
def walk_block(octets, begin, size, link, without_link, frames, aside, count):
    """Fill the columns of `frames` and `aside`, from `count` on, with the frames of octets[begin:begin + size]; returns
    the new count.

    `without_link`: frames begin at their IP header (tunnels, tun), not at a link header. Outgoing frames, which kernels
    before 4.20 show, are left out. What isn't inside the block ends the walk.
    """
    offsets, captureds, lengths, times = frames.offset, frames.captured, frames.length, frames.time
    links, offloaded, vlans, kinds = frames.link, frames.offloaded, aside.vlan, aside.kind
    end = begin + size
    waiting = le32(octets, begin + BLOCK_PACKETS)
    at = begin + le32(octets, begin + BLOCK_FIRST)
    for _ in range(waiting):
        if at + HEADER > end or count == offsets.size:
            break
        status = le32(octets, at + STATUS)
        start = le16(octets, at + MAC)
        captured, length = le32(octets, at + CAPTURED), le32(octets, at + LENGTH)
        if without_link:
            header = max(0, le16(octets, at + NET) - start)
            start += header
            captured -= header
            length -= header
        if captured < 0 or at + start + captured > end:
            break
        kind = octets[at + PACKET_TYPE]
        if kind != OUTGOING:
            offsets[count] = at + start
            captureds[count] = captured
            lengths[count] = max(length, captured)
            times[count] = le32(octets, at + SECONDS) * np.int64(1_000_000_000) + le32(octets, at + NANOSECONDS)
            links[count] = link
            offloaded[count] = 1 if status & CHECKSUM_NOT_READY else 0
            kinds[count] = kind
            vlans[count] = 0
            if status & VLAN_VALID:
                tpid = le16(octets, at + VLAN_TPID) if status & VLAN_TPID_VALID else np.int64(0x8100)
                vlans[count] = tpid << 16 | le16(octets, at + VLAN_TCI)
            count += 1
        step = le32(octets, at + NEXT)
        if step == 0:
            break
        at += step
    return count
