"""A frame buffer: the frames of a while, in the order they were made, written by one kernel, `put_packet`.

Ethernet, IPv4 (RFC 791), TCP (RFC 9293), UDP (RFC 768) and ICMP (RFC 792), with their checksums (RFC 1071).
`tests/made/wire.py` writes the same with NumPy, whole columns at a time; tests compare the two.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.kernels import inlined, kernel
from ims.packet.checksum import ones_sum, pseudo_header
from ims.packet.ethernet import HEADER as ETHERNET
from ims.packet.ethernet import put_made_up_header
from ims.packet.field_values import FRAGMENT_OFFSET, IS_FRAGMENT, SYN
from ims.packet.field_values import PROTOCOL_TCP as TCP
from ims.packet.field_values import PROTOCOL_UDP as UDP
from ims.packet.icmp import put_header as put_icmp
from ims.packet.ipv4 import put_header as put_ip
from ims.packet.octets import copy_proven, put32
from ims.packet.tcp import put_header as put_tcp
from ims.packet.transport import put_checksum
from ims.packet.udp import put_header as put_udp
from ims.simulate.kernels.prng import mix

Array = np.ndarray[Any, Any]

LARGEST = 1514
QUOTE = -1
"""As `payload`: what an ICMP error quotes (RFC 792), the IP header and 8 octets of a SYN from the packet's destination
and `destination_port` to its source and `source_port`, with `sequence`."""
QUOTED = 28
NO_PAYLOAD, UNLIKE_OTHERS, PERHAPS = 0, -1, -2
FEW = 7
"""Random octets with which a payload may well be like another one: a DNS query's number is two."""

PACKET = np.dtype(
    [
        ("time", "i8"),  # ns since the scenario's start
        ("source", "i8"), ("destination", "i8"), ("protocol", "i8"), ("ttl", "i8"), ("ip_id", "i8"), ("fragment", "i8"),
        ("source_port", "i8"), ("destination_port", "i8"), ("sequence", "i8"), ("acknowledgment", "i8"),
        ("flags", "i8"), ("window", "i8"),
        ("persona", "i8"),  # whose options a SYN has; -1: none
        ("timestamp", "i8"), ("icmp_type", "i8"), ("icmp_code", "i8"), ("icmp_rest", "i8"),
        ("payload", "i8"),  # index into the shelf, NO_PAYLOAD, QUOTE
        ("payload_length", "i8"),  # beyond the shelf's: octets made from `fresh`; at most 1460
        ("fresh", "u8"), ("event", "i8"), ("block", "i8"), ("hops", "i8"),
    ]
)  # fmt: skip
"""The packet in the making: one row, kept by the caller."""


class Shelf(NamedTuple):
    """Payloads in one buffer; entry 0 is the empty one."""

    octets: Array
    offset: Array
    length: Array
    salted: Array  # how many of the first octets are made from `fresh`, such as the transaction number of a DNS query
    same: Array  # the first entry with these octets


class FrameBuffer(NamedTuple):
    """Frames back to back, and what is known of each."""

    octets: Array
    time: Array  # int64, ns since the scenario's start
    offset: Array
    length: Array
    event: Array
    block: Array
    persona: Array
    hops: Array
    payload: Array  # int32: index into the shelf; NO_PAYLOAD; UNLIKE_OTHERS; PERHAPS, where few octets are random
    speaks: Array  # int32: octets of payload: the frame's last; of a later fragment, all after the IP header
    used: Array  # int64 (3,): frames, octets, frames that found no room


def empty_draft(frames: int, octets: int) -> FrameBuffer:
    """A draft with room for so many frames and octets."""
    return FrameBuffer(
        np.zeros(octets, np.uint8), np.zeros(frames, np.int64), np.zeros(frames, np.int64),
        *(np.zeros(frames, np.int32) for _ in range(7)), np.zeros(3, np.int64),  # type: ignore[call-arg]
    )  # fmt: skip


def shelf_of(contents: list[bytes], salted: list[int]) -> Shelf:
    """Entry 0 and one for each of `contents`."""
    whole = [b"", *contents]
    length = np.array([len(content) for content in whole], np.int64)
    first: dict[bytes, int] = {}
    same = [first.setdefault(content, entry) for entry, content in enumerate(whole)]
    return Shelf(
        np.frombuffer(b"".join(whole) + bytes(8), np.uint8), np.cumsum(length) - length, length,
        np.array([0, *salted], np.int64), np.array(same, np.int64),
    )  # fmt: skip


@kernel
def put_payload(out, at, packet, shelf):
    """The packet's payload, at out[at:]."""
    entry, length, word = packet["payload"], packet["payload_length"], packet["fresh"]
    known, begin = min(length, shelf.length[entry]), shelf.offset[entry]
    if known > 0 and begin >= 0 and begin + known <= shelf.octets.size and at + known <= out.size:
        copy_proven(shelf.octets, begin, known, out, at)
    if word == 0:
        return
    for i in range(length):
        if i >= known or i < shelf.salted[entry]:
            if i % 8 == 0 or i == known:
                word = mix(word ^ np.uint64(i + 1))
            out[at + i] = (word >> np.uint64(8 * (i % 8))) & np.uint64(0xFF)


@kernel
def put_quote(out, at, packet):
    """What an ICMP error quotes: a SYN of 40 octets, with a TTL of 64 less `hops`."""
    sequence = packet["sequence"]
    put_ip(out, at, 0, 40, sequence >> 16, 0, 64 - packet["hops"], TCP, packet["destination"], packet["source"])
    put32(out, at + 20, packet["destination_port"] << 16 | packet["source_port"])
    put32(out, at + 24, sequence)


@kernel
def put_packet(draft, packet, personas, shelf):
    """Write the packet; False if the draft has no room for it, which is counted.

    Proof for the unchecked writes of headers: 94 octets at most (14, 20, 20, 40 of options), where LARGEST are there.
    Sums are of the values, not of the octets written: a wide read of octets just written waits for them.
    (Measured, with unchecked writes: 116 -> 65 ns a packet.)
    """
    used = draft.used
    row, at = used[0], used[1]
    if row >= draft.time.size or at + LARGEST > draft.octets.size:
        used[2] += 1
        return False
    out, protocol, persona = draft.octets, packet["protocol"], packet["persona"]
    header = 8
    if protocol == TCP:
        header = 20
        if persona >= 0 and packet["flags"] & SYN:
            header += personas[persona]["option_length"]
    size = QUOTED if packet["payload"] == QUOTE else packet["payload_length"]
    transport = at + ETHERNET + 20
    put_made_up_header(out, at)
    put_ip(
        out, at + ETHERNET, 0, 20 + header + size, packet["ip_id"], packet["fragment"], packet["ttl"], protocol,
        packet["source"], packet["destination"],
    )  # fmt: skip
    ports = packet["source_port"] << 16 | packet["destination_port"]
    field, total = transport + 6, pseudo_header(packet["source"], packet["destination"], protocol, header + size)
    if protocol == TCP:
        field = transport + 16
        total += put_tcp(
            out, transport, ports, packet["sequence"], packet["acknowledgment"], header, packet["flags"],
            packet["window"], 0,
        )  # fmt: skip
        if header > 20:
            total += put_options(out, transport + 20, header - 20, packet, personas)
    elif protocol == UDP:
        total += put_udp(out, transport, ports, header + size)
    else:
        field = transport + 2
        total = put_icmp(out, transport, packet["icmp_type"] << 8 | packet["icmp_code"], packet["icmp_rest"])
    if packet["payload"] == QUOTE:
        put_quote(out, transport + header, packet)
    elif size > 0:
        put_payload(out, transport + header, packet, shelf)
    if packet["fragment"] & IS_FRAGMENT == 0:
        if size > 0:
            total += ones_sum(out, transport + header, size)
        put_checksum(out, field, protocol, total)

    length = ETHERNET + 20 + header + size
    draft.time[row], draft.offset[row], draft.length[row] = packet["time"], at, length
    draft.event[row], draft.block[row] = packet["event"], packet["block"]
    draft.persona[row], draft.hops[row] = persona, packet["hops"]
    draft.payload[row], draft.speaks[row] = _kind_of(packet, size, shelf), size
    if packet["fragment"] & FRAGMENT_OFFSET:
        draft.payload[row], draft.speaks[row] = PERHAPS, header + size
    used[0], used[1] = row + 1, at + length
    return True


@inlined
def _kind_of(packet, size, shelf):
    """Which payload it is, as FrameBuffer.payload says."""
    if size == 0:
        return NO_PAYLOAD
    entry = packet["payload"]
    if entry == QUOTE:
        return UNLIKE_OTHERS
    if packet["fresh"] == 0:
        return shelf.same[entry]
    random = max(0, size - shelf.length[entry]) + min(size, shelf.salted[entry])
    return PERHAPS if random < FEW else UNLIKE_OTHERS


@kernel
def put_options(out, at, length, packet, personas):
    """The options of the packet's persona; returns the sum of their words."""
    persona = personas[packet["persona"]]
    for i in range(length):
        out[at + i] = persona["options"][i]
    if persona["timestamp_at"] >= 0:
        put32(out, at + persona["timestamp_at"], packet["timestamp"])
    return ones_sum(out, at, length)
