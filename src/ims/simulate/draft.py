"""A draft: the frames of a while, in the order they were thought of, written by one kernel, `put_packet`.

Ethernet, IPv4 (RFC 791), TCP (RFC 9293), UDP (RFC 768) and ICMP (RFC 792), with right checksums (RFC 1071). `wire.py`
writes the same with NumPy, whole columns at a time; tests hold the two against each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.checksum import expected_field, ones_sum, pseudo_header
from ims.kernels import inlined, kernel
from ims.octets import copy_proven, put16, put16_proven, put32, put32_proven
from ims.simulate.stream import mix

Array = np.ndarray[Any, Any]

ICMP, TCP, UDP = 1, 6, 17
ETHERNET = 14
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
        ("source", "i8"),
        ("destination", "i8"),
        ("protocol", "i8"),
        ("ttl", "i8"),
        ("ip_id", "i8"),
        ("fragment", "i8"),
        ("source_port", "i8"),
        ("destination_port", "i8"),
        ("sequence", "i8"),
        ("acknowledgment", "i8"),
        ("flags", "i8"),
        ("window", "i8"),
        ("persona", "i8"),  # whose options a SYN has; -1: none
        ("timestamp", "i8"),
        ("icmp_type", "i8"),
        ("icmp_code", "i8"),
        ("icmp_rest", "i8"),
        ("payload", "i8"),  # index into the shelf, NO_PAYLOAD, QUOTE
        ("payload_length", "i8"),  # beyond the shelf's: octets made from `fresh`; at most 1460
        ("fresh", "u8"),
        ("event", "i8"),
        ("block", "i8"),
        ("hops", "i8"),
    ]
)
"""The packet in the making: one row, kept by the caller."""


class Shelf(NamedTuple):
    """Payloads in one buffer; entry 0 is the empty one."""

    octets: Array
    offset: Array
    length: Array
    salted: Array
    """how many of the first octets are made from `fresh`, such as the transaction number of a DNS query"""
    same: Array
    """the first entry with these octets"""


class Draft(NamedTuple):
    """Frames back to back, and what is known of each."""

    octets: Array
    time: Array
    """int64, ns since the scenario's start"""
    offset: Array
    length: Array
    event: Array
    block: Array
    persona: Array
    hops: Array
    payload: Array
    """int32: index into the shelf; UNLIKE_OTHERS; PERHAPS, where few of its octets are random; NO_PAYLOAD"""
    speaks: Array
    """int32: octets of payload: the frame's last; of a later fragment, all after the IP header"""
    used: Array
    """int64 (3,): frames, octets, frames that found no room"""


def empty_draft(frames: int, octets: int) -> Draft:
    """A draft with room for so many."""
    return Draft(
        np.zeros(octets, np.uint8), np.zeros(frames, np.int64), np.zeros(frames, np.int64),
        *(np.zeros(frames, np.int32) for _ in range(7)), np.zeros(3, np.int64),  # type: ignore[call-arg]
    )  # fmt: skip


def shelf_of(contents: list[bytes], salted: list[int]) -> Shelf:
    """Entry 0 and one for each of `contents`."""
    whole = [b"", *contents]
    length = np.array([len(content) for content in whole], np.int64)
    first: dict[bytes, int] = {}
    return Shelf(
        np.frombuffer(b"".join(whole) + bytes(8), np.uint8),
        np.cumsum(length) - length,
        length,
        np.array([0, *salted], np.int64),
        np.array([first.setdefault(content, entry) for entry, content in enumerate(whole)], np.int64),
    )


@kernel
def put_payload(out, at, packet, shelf):
    """The packet's payload, at out[at:]."""
    entry, length = packet["payload"], packet["payload_length"]
    known, begin = min(length, shelf.length[entry]), shelf.offset[entry]
    if known > 0 and begin >= 0 and begin + known <= shelf.octets.size and at + known <= out.size:
        copy_proven(shelf.octets, begin, known, out, at)
    if packet["fresh"] == 0:
        return
    word = packet["fresh"]
    for i in range(length):
        if i >= known or i < shelf.salted[entry]:
            if i % 8 == 0 or i == known:
                word = mix(word ^ np.uint64(i + 1))
            out[at + i] = (word >> np.uint64(8 * (i % 8))) & np.uint64(0xFF)


@kernel
def put_quote(out, at, packet):
    """What the error is about: a SYN of 40 octets, whose way to the sender took `hops` from a TTL of 64."""
    put16(out, at, 0x4500)
    put16(out, at + 2, 40)
    put16(out, at + 4, packet["sequence"] >> 16)
    put16(out, at + 6, 0)
    put16(out, at + 8, (64 - packet["hops"]) << 8 | TCP)
    put16(out, at + 10, 0)
    put32(out, at + 12, packet["destination"])
    put32(out, at + 16, packet["source"])
    put16(out, at + 10, expected_field(ones_sum(out, at, 20), 0))
    put16(out, at + 20, packet["destination_port"])
    put16(out, at + 22, packet["source_port"])
    put32(out, at + 24, packet["sequence"])


@kernel
def put_packet(draft, packet, personas, shelf):
    """Write the packet; False if the draft has no room for it, which is counted.

    Proof for the unchecked writes of headers: 94 octets at most (14, 20, 20, 40 of options), where LARGEST are there.
    Sums are made of what is written, not read back from it: a wide read of octets just written waits for them.
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
        if persona >= 0 and packet["flags"] & 2:
            header += personas[persona]["option_length"]
    size = QUOTED if packet["payload"] == QUOTE else packet["payload_length"]
    transport = at + ETHERNET + 20
    put_ethernet_and_ip(out, at, packet, 20 + header + size)
    field, total = transport + 6, pseudo_header(packet["source"], packet["destination"], protocol, header + size)
    if protocol == TCP:
        field = transport + 16
        total += put_tcp_header(out, transport, header, packet, personas)
    elif protocol == UDP:
        put16_proven(out, transport, packet["source_port"])
        put16_proven(out, transport + 2, packet["destination_port"])
        put16_proven(out, transport + 4, header + size)
        put16_proven(out, transport + 6, 0)
        total += packet["source_port"] + packet["destination_port"] + header + size
    else:
        field = transport + 2
        kind = packet["icmp_type"] << 8 | packet["icmp_code"]
        put16_proven(out, transport, kind)
        put16_proven(out, transport + 2, 0)
        put32_proven(out, transport + 4, packet["icmp_rest"])
        total = kind + (packet["icmp_rest"] >> 16) + (packet["icmp_rest"] & 0xFFFF)
    if packet["payload"] == QUOTE:
        put_quote(out, transport + header, packet)
    elif size > 0:
        put_payload(out, transport + header, packet, shelf)
    if packet["fragment"] & 0x3FFF == 0:
        if size > 0:
            total += ones_sum(out, transport + header, size)
        checksum = expected_field(total, 0)
        put16_proven(out, field, 0xFFFF if protocol == UDP and checksum == 0 else checksum)

    draft.time[row], draft.offset[row] = packet["time"], at
    draft.length[row] = ETHERNET + 20 + header + size
    draft.event[row], draft.block[row] = packet["event"], packet["block"]
    draft.persona[row], draft.hops[row] = persona, packet["hops"]
    draft.payload[row], draft.speaks[row] = _kind_of(packet, size, shelf), size
    if packet["fragment"] & 0x1FFF:
        draft.payload[row], draft.speaks[row] = PERHAPS, header + size
    used[0] = row + 1
    used[1] = at + ETHERNET + 20 + header + size
    return True


@inlined
def _kind_of(packet, size, shelf):
    """Which payload it is, as Draft.payload says."""
    if size == 0:
        return NO_PAYLOAD
    entry = packet["payload"]
    if entry == QUOTE:
        return UNLIKE_OTHERS
    if packet["fresh"] == 0:
        return shelf.same[entry]
    random = max(0, size - shelf.length[entry]) + min(size, shelf.salted[entry])
    return PERHAPS if random < FEW else UNLIKE_OTHERS


@inlined
def put_ethernet_and_ip(out, at, packet, length):
    """The Ethernet and IPv4 headers, for an IP packet of `length` octets."""
    put32_proven(out, at, 0x02000000)
    put32_proven(out, at + 4, 0x00010200)
    put32_proven(out, at + 8, 0x00000002)
    put16_proven(out, at + 12, 0x0800)
    ip = at + ETHERNET
    source, destination, ttl = packet["source"], packet["destination"], packet["ttl"] << 8 | packet["protocol"]
    put16_proven(out, ip, 0x4500)
    put16_proven(out, ip + 2, length)
    put16_proven(out, ip + 4, packet["ip_id"])
    put16_proven(out, ip + 6, packet["fragment"])
    put16_proven(out, ip + 8, ttl)
    total = 0x4500 + length + packet["ip_id"] + packet["fragment"] + pseudo_header(source, destination, ttl, 0)
    put16_proven(out, ip + 10, expected_field(total, 0))
    put32_proven(out, ip + 12, source)
    put32_proven(out, ip + 16, destination)


@kernel
def put_tcp_header(out, at, header, packet, personas):
    """A TCP header of `header` octets, its checksum 0; returns the sum of its words."""
    put16_proven(out, at, packet["source_port"])
    put16_proven(out, at + 2, packet["destination_port"])
    put32_proven(out, at + 4, packet["sequence"])
    put32_proven(out, at + 8, packet["acknowledgment"])
    flags = header // 4 << 12 | packet["flags"]
    put16_proven(out, at + 12, flags)
    put16_proven(out, at + 14, packet["window"])
    put32_proven(out, at + 16, 0)
    total = pseudo_header(packet["sequence"], packet["acknowledgment"], packet["source_port"], flags)
    total += packet["destination_port"] + packet["window"]
    if header > 20:
        persona = personas[packet["persona"]]
        for i in range(header - 20):
            out[at + 20 + i] = persona["options"][i]
        if persona["timestamp_at"] >= 0:
            put32(out, at + 20 + persona["timestamp_at"], packet["timestamp"])
        total += ones_sum(out, at + 20, header - 20)
    return total
