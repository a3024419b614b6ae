"""What a source sends to a dark address: one packet, or a connection as far as the telescope answers it.

Where the block answers, a SYN is followed by the ACK of the SYN-ACK, by the source's messages, and perhaps by a
connection to another port (paper, Figure 4 b). Where it doesn't, the SYN is repeated as the source's system does
(Figure 4 c). Tools that write their own packets never repeat.

A SYN's sequence number encodes, under a key from the seed, which messages the source will send: `code_of` and
`decoded`. So a live client needs no table of connections.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.kernels import inlined, kernel
from ims.packet.field_values import ACK, PSH, SYN
from ims.packet.field_values import PROTOCOL_ICMP as ICMP
from ims.packet.field_values import PROTOCOL_TCP as TCP
from ims.packet.field_values import PROTOCOL_UDP as UDP
from ims.simulate.kernels.frame_buffer import NO_PAYLOAD, Shelf, put_packet
from ims.simulate.kernels.hosts import CLOCK, DISTANCE, KIND, hops_to
from ims.simulate.kernels.persona import ID_COUNTER, ID_MASSCAN, ID_RANDOM, ID_ZERO, SEQUENCE_MIRAI
from ims.simulate.kernels.prng import below, chosen, next64, share, trait, unit

Array = np.ndarray[Any, Any]

MILLISECOND = 1_000_000
ANY = -1
FRESH, NOTHING = 254, 255
"""As alternatives: octets like no others; none."""
CHECK = 0x5A5
MESSAGES = 64
"""Packets of payload in a connection, at most."""

SERVICE = np.dtype(
    [
        ("protocol", "i8"),
        ("port", "i8"),  # ANY: each time another
        ("source_port", "i8"),  # ANY: the persona's
        ("population", "i8"), ("event", "i8"),
        ("alternatives", "i8"), ("alternative_count", "i8"),  # the first, in the table of alternatives; how many
        ("speaks", "f8"),  # share of connections, or of UDP packets, with a payload
        ("fresh", "f8"),  # share of payloads that are like no other
        ("fresh_low", "i8"), ("fresh_high", "i8"),  # their lengths
        ("fresh_entry", "i8"),  # what they begin with, on the shelf
        ("follow", "i8"),  # service that comes next, where the block answers; -1: none
        ("follow_low", "i8"), ("follow_high", "i8"),  # ns until then
        ("repeats", "i8"),  # SYNs after the first, unanswered; ANY: the persona's
        ("fragment", "i8"),  # flags and offset of each packet; ANY: the persona's
    ]
)  # fmt: skip

ALTERNATIVE = np.dtype([("entry", "i8"), ("messages", "i8")])
"""A list of messages: `messages` consecutive entries of the shelf."""


class Tables(NamedTuple):
    """What all sources share."""

    personas: Array
    shelf: Shelf
    services: Array
    service_weight: Array  # float64, cumulative inside each population's services
    alternatives: Array
    alternative_weight: Array  # float64, cumulative inside each service's alternatives
    keys: Array  # uint64 (populations, 5): Law.keys
    persona_weight: Array  # float64 (populations, personas), cumulative
    answers: Array  # uint8, a block: whether it answers
    secret: Array  # uint64 (1,): the key of the sequence numbers


@kernel
def _mask(secret, source, destination, source_port, destination_port):
    ports = source_port << 16 | destination_port
    return np.int64(trait(secret ^ np.uint64(ports), source << 31 ^ destination, 0) & np.uint64(0xFFFFFFFF))


@kernel
def code_of(secret, source, destination, source_port, destination_port, service, alternative):
    """Sequence number of a SYN: CHECK (12 bits), service (12) and alternative (8) of what its source will send."""
    code = CHECK << 20 | (service & 0xFFF) << 8 | alternative & 0xFF
    return code ^ _mask(secret, source, destination, source_port, destination_port)


@kernel
def decoded(secret, source, destination, source_port, destination_port, sequence):
    """(service, alternative) of a sequence number that `code_of` made; (-1, -1) of any other but one in 4,096."""
    code = sequence ^ _mask(secret, source, destination, source_port, destination_port)
    if code >> 20 != CHECK:
        return np.int64(-1), np.int64(-1)
    return np.int64(code >> 8 & 0xFFF), np.int64(code & 0xFF)


@inlined
def dress(packet, tables, population, number, block):
    """Set what depends on the source, which packet["source"] holds already. Returns its persona."""
    key = tables.keys[population, 4]
    weights = tables.persona_weight[population]
    point = share(trait(key, number, KIND)) * weights[weights.size - 1]
    persona = 0  # linear: the usual personas are the first ones
    while persona < weights.size - 1 and weights[persona] <= point:
        persona += 1
    row = tables.personas[persona]
    packet["hops"], packet["block"] = hops_to(packet["source"], block), block
    packet["ttl"], packet["persona"] = row["ttl"] - packet["hops"], persona
    packet["fragment"], packet["window"] = row["fragment"], row["window"]
    return persona


@inlined
def stamp(packet, persona, key, number, state):
    """Set the system's counters, IP ID and timestamp, at packet["time"]."""
    clock = trait(key, number, CLOCK)
    if persona["id"] == ID_COUNTER:
        packet["ip_id"] = max(1, (np.int64(clock & np.uint64(0xFFFF)) + (packet["time"] >> 24)) & 0xFFFF)
    elif persona["id"] == ID_RANDOM:
        packet["ip_id"] = np.int64(next64(state) >> np.uint64(48))
    elif persona["id"] == ID_MASSCAN:
        packet["ip_id"] = (packet["destination"] ^ packet["destination_port"] ^ packet["sequence"]) & 0xFFFF
    elif persona["id"] == ID_ZERO:
        packet["ip_id"] = 0
    else:
        packet["ip_id"] = 54_321
    ticks = packet["time"] // MILLISECOND * persona["ticks"] // 1000
    packet["timestamp"] = max(1, (np.int64(clock >> np.uint64(34)) + ticks) & 0xFFFFFFFF)


@kernel
def say(draft, packet, tables, state, service, alternative, persona, number):
    """Write the source's messages, a packet each, from packet["time"] on; False without room."""
    key = tables.keys[service["population"], 4]
    packet["flags"], packet["window"] = PSH | ACK, persona["later_window"]
    messages = 1 if alternative == FRESH else tables.alternatives[service["alternatives"] + alternative]["messages"]
    for message in range(messages):
        if alternative == FRESH:
            packet["fresh"] = next64(state) | np.uint64(1)
            packet["payload"] = service["fresh_entry"]
            length = service["fresh_low"] + below(state, service["fresh_high"] - service["fresh_low"] + 1)
        else:
            packet["fresh"] = np.uint64(0)
            packet["payload"] = tables.alternatives[service["alternatives"] + alternative]["entry"] + message
            length = tables.shelf.length[packet["payload"]]
            if tables.shelf.salted[packet["payload"]] > 0:
                packet["fresh"] = next64(state) | np.uint64(1)
        packet["payload_length"] = length
        stamp(packet, persona, key, number, state)
        if not put_packet(draft, packet, tables.personas, tables.shelf):
            return False
        packet["sequence"] = (packet["sequence"] + length) & 0xFFFFFFFF
        packet["time"] += 20_000 + below(state, 200_000)
    packet["payload"], packet["payload_length"], packet["fresh"] = NO_PAYLOAD, 0, np.uint64(0)
    return True


@inlined
def choice_of(tables, service, state):
    """What a source will send: an alternative of the service, FRESH or NOTHING."""
    if unit(state) >= service["speaks"]:
        return NOTHING
    if service["fresh"] > 0.0 and unit(state) < service["fresh"]:
        return FRESH
    if service["alternative_count"] <= 0:
        return NOTHING
    first = service["alternatives"]
    return chosen(state, tables.alternative_weight, first, service["alternative_count"]) - first


@inlined
def converse(draft, packet, tables, state, index, number, source, block, destination, time):
    """All that host `number` at `source` sends to `destination` from `time` (ns) on, beginning with the service of this
    index; False without room."""
    packet["source"], packet["destination"] = source, destination
    while index >= 0:
        service = tables.services[index]
        persona = tables.personas[dress(packet, tables, service["population"], number, block)]
        key = tables.keys[service["population"], 4]
        packet["protocol"], packet["event"], packet["time"] = service["protocol"], service["event"], time
        if service["fragment"] != ANY:
            packet["fragment"] = service["fragment"]
        packet["source_port"] = service["source_port"]
        if service["source_port"] == ANY:
            packet["source_port"] = persona["port_first"] + below(state, persona["ports"])
        packet["destination_port"] = service["port"] if service["port"] != ANY else 1 + below(state, 65_535)
        choice = choice_of(tables, service, state)
        packet["payload"], packet["payload_length"], packet["fresh"] = NO_PAYLOAD, 0, np.uint64(0)
        if service["protocol"] != TCP:
            return ask_once(draft, packet, tables, state, service, choice, persona, number)

        packet["sequence"] = code_of(
            tables.secret[0], source, destination, packet["source_port"], packet["destination_port"], index, choice
        )
        if persona["sequence"] == SEQUENCE_MIRAI:
            packet["sequence"] = destination
        packet["acknowledgment"], packet["flags"] = 0, SYN
        stamp(packet, persona, key, number, state)
        if not put_packet(draft, packet, tables.personas, tables.shelf):
            return False
        if tables.answers[block] == 0:
            repeats = persona["repeats"] if service["repeats"] == ANY else service["repeats"]
            return repeats <= 0 or _repeat(draft, packet, tables, state, persona, key, number, repeats)

        packet["time"] += 20 * MILLISECOND + np.int64(share(trait(key, number, DISTANCE)) * 300 * MILLISECOND)
        packet["sequence"] = (packet["sequence"] + 1) & 0xFFFFFFFF
        packet["acknowledgment"] = np.int64(next64(state) >> np.uint64(32))
        packet["flags"], packet["window"] = ACK, persona["later_window"]
        stamp(packet, persona, key, number, state)
        if not put_packet(draft, packet, tables.personas, tables.shelf):
            return False
        packet["time"] += 50_000 + below(state, 2 * MILLISECOND)
        if choice != NOTHING and not say(draft, packet, tables, state, service, choice, persona, number):
            return False
        time = packet["time"] + service["follow_low"] + below(state, service["follow_high"] - service["follow_low"] + 1)
        index = service["follow"]
    return True


@kernel
def ask_once(draft, packet, tables, state, service, choice, persona, number):
    """One UDP packet, or one ICMP echo request, with its payload."""
    if service["protocol"] == ICMP:
        packet["icmp_type"], packet["icmp_code"] = 8, 0
        packet["icmp_rest"] = np.int64(next64(state) >> np.uint64(32))
    elif service["protocol"] != UDP:
        return True
    if choice != NOTHING:
        return say(draft, packet, tables, state, service, choice, persona, number)
    stamp(packet, persona, tables.keys[service["population"], 4], number, state)
    return put_packet(draft, packet, tables.personas, tables.shelf)


@kernel
def _repeat(draft, packet, tables, state, persona, key, number, repeats):
    """The same SYN again, 3 s later, 6 s after that, and so on."""
    wait = 3000 * MILLISECOND
    for _ in range(repeats):
        packet["time"] += wait + below(state, 10 * MILLISECOND)
        wait *= 2
        stamp(packet, persona, key, number, state)
        if not put_packet(draft, packet, tables.personas, tables.shelf):
            return False
    return True
