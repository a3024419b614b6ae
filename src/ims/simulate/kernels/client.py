"""The sources' side of connections without a table of them: a SYN-ACK in, the ACK and the source's messages out.

The acknowledged sequence number tells which messages (conversation.code_of), so a million connections need no memory,
and those of an earlier run, or of anybody else, get nothing. Mirai's sequence number is the destination's address, by
which its sources are recognized; their messages depend on the port.
"""

from __future__ import annotations

from ims.kernels import kernel
from ims.packet.field_values import ACK, ETHERTYPE_IPV4, IS_FRAGMENT, SYN
from ims.packet.field_values import PROTOCOL_TCP as TCP
from ims.packet.octets import be16, be32
from ims.simulate.kernels.conversation import (
    ANY,
    MESSAGES,
    NOTHING,
    ask_once,
    choice_of,
    code_of,
    decoded,
    dress,
    say,
    stamp,
)
from ims.simulate.kernels.frame_buffer import NO_PAYLOAD, put_packet
from ims.simulate.kernels.hosts import block_at, number_of
from ims.simulate.kernels.persona import SEQUENCE_MIRAI
from ims.simulate.kernels.prng import below

COUNTERS = ("syn_acks", "not_ours", "connections", "spoken", "followed")
SYN_ACKS, NOT_OURS, CONNECTIONS, SPOKEN, FOLLOWED = range(len(COUNTERS))
ROOM = MESSAGES + 2
"""Packets that a SYN-ACK may cause, at most: the ACK, the messages, and the next connection's SYN."""


@kernel
def answer(frames, begin, draft, packet, tables, first, last, state, now, counters):
    """Write the sources' responses to the SYN-ACKs among frames `begin` onwards; returns how many frames were read.
    `first`, `last`: of the blocks, sorted; `now`: ns since the scenario's start."""
    for index in range(begin, frames.count):
        if draft.used[0] + ROOM > draft.time.size:
            return index
        at, captured = frames.offset[index], frames.captured[index]
        if at < 0 or captured < 54 or at + captured > frames.octets.size:
            continue
        octets, ip = frames.octets, at + 14
        if be16(octets, at + 12) != ETHERTYPE_IPV4 or octets[ip] != 0x45 or octets[ip + 9] != TCP:
            continue
        if be16(octets, ip + 6) & IS_FRAGMENT != 0 or octets[ip + 33] & 0x17 != SYN | ACK:
            continue
        counters[SYN_ACKS] += 1
        block = block_at(be32(octets, ip + 12), first, last)
        if block < 0 or not _go_on(octets, ip, block, draft, packet, tables, state, now, counters):
            counters[NOT_OURS] += 1
    return frames.count


@kernel
def _go_on(octets, ip, block, draft, packet, tables, state, now, counters):
    """Answer one SYN-ACK; False if none of our sources sent its SYN."""
    dark, source = be32(octets, ip + 12), be32(octets, ip + 16)
    dark_port, port = be16(octets, ip + 20), be16(octets, ip + 22)
    sequence = (be32(octets, ip + 28) - 1) & 0xFFFFFFFF
    index, choice = decoded(tables.secret[0], source, dark, port, dark_port, sequence)
    if index < 0 and sequence == dark:
        index = _mirai(tables, dark_port)
        if index >= 0:
            choice = choice_of(tables, tables.services[index], state)
    if index < 0 or index >= tables.services.size:
        return False
    service = tables.services[index]
    if service["protocol"] != TCP or (service["port"] != ANY and service["port"] != dark_port):
        return False
    if choice < NOTHING - 1 and choice >= service["alternative_count"]:
        return False
    counters[CONNECTIONS] += 1
    number = number_of(tables.keys[service["population"]], source)
    packet["source"], packet["destination"], packet["protocol"] = source, dark, TCP
    persona = tables.personas[dress(packet, tables, service["population"], number, block)]
    packet["event"], packet["time"] = service["event"], now
    packet["source_port"], packet["destination_port"] = port, dark_port
    packet["sequence"] = (sequence + 1) & 0xFFFFFFFF
    packet["acknowledgment"] = (be32(octets, ip + 24) + 1) & 0xFFFFFFFF
    packet["flags"], packet["window"] = ACK, persona["later_window"]
    packet["payload"], packet["payload_length"] = NO_PAYLOAD, 0
    stamp(packet, persona, tables.keys[service["population"], 4], number, state)
    put_packet(draft, packet, tables.personas, tables.shelf)
    if choice != NOTHING:
        counters[SPOKEN] += 1
        say(draft, packet, tables, state, service, choice, persona, number)
    if service["follow"] >= 0:
        counters[FOLLOWED] += 1
        _follow(draft, packet, tables, state, service["follow"], persona, number)
    return True


@kernel
def _mirai(tables, port):
    """The service of sources with Mirai's mark at this port; -1: none."""
    for index in range(tables.services.size):
        service = tables.services[index]
        if service["port"] != port or service["protocol"] != TCP:
            continue
        weights = tables.persona_weight[service["population"]]
        for persona in range(weights.size):
            before = weights[persona - 1] if persona > 0 else 0.0
            if weights[persona] > before and tables.personas[persona]["sequence"] == SEQUENCE_MIRAI:
                return index
    return -1


@kernel
def _follow(draft, packet, tables, state, index, persona, number):
    """The SYN of the next connection, or the datagram."""
    service = tables.services[index]
    packet["protocol"], packet["event"] = service["protocol"], service["event"]
    packet["source_port"] = service["source_port"]
    if service["source_port"] == ANY:
        packet["source_port"] = persona["port_first"] + below(state, persona["ports"])
    packet["destination_port"] = service["port"] if service["port"] != ANY else 1 + below(state, 65_535)
    choice = choice_of(tables, service, state)
    if service["protocol"] != TCP:
        ask_once(draft, packet, tables, state, service, choice, persona, number)
        return
    packet["sequence"] = code_of(
        tables.secret[0], packet["source"], packet["destination"], packet["source_port"], packet["destination_port"],
        index, choice,
    )  # fmt: skip
    packet["acknowledgment"], packet["flags"], packet["window"] = 0, SYN, persona["window"]
    stamp(packet, persona, tables.keys[service["population"], 4], number, state)
    put_packet(draft, packet, tables.personas, tables.shelf)
