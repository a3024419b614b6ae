"""Packets to replies: the stage's main kernel. At most one reply a packet, to its source, from the address it was
sent to.

What is answered (docs/sensor.md has the table): a SYN by policy; data and FIN, where the policy is `ack`, only if they
acknowledge our cookie; an ICMP echo, where the block answers them. RST, SYN-ACK, ICMP errors, fragments, packets with
a wrong checksum and frames that weren't sent to us alone never cause a reply.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.darknet import Ranges
from ims.kernels import kernel
from ims.membership import block_of
from ims.records import ICMP, IP_WRONG, RESPONDER, TCP, TRANSPORT_WRONG
from ims.respond.cookie import CLOSED, CONTINUES, WINDOW, Cookies, acknowledged, cookie, sent
from ims.respond.limit import ADDRESS_LIMITED, ALLOWED, NETWORK_LIMITED, Limits, allowed
from ims.respond.policy import ACK as POLICY_ACK
from ims.respond.policy import RESET, SILENT, Policies
from ims.respond.segment import (
    ACK,
    CWR,
    ECE,
    FIN,
    IP,
    OFFERS_TIMESTAMP,
    RST,
    SYN,
    offered,
    put_echo_reply,
    put_synack_options,
    put_tcp,
    put_timestamp,
)
from ims.respond.way_back import put_link

Array = np.ndarray[Any, Any]

COUNTERS = (
    "synacks", "acks", "fins", "resets", "echoes", "arps", "verified",
    "limited_address", "limited_network", "limited_all", "forbidden", "no_way", "ring_full",
)  # fmt: skip
"""What became of packets that wanted a reply, and how many were verified; in the order of the counters' array."""
(SYNACKS, ACKS, FINS, RESETS, ECHOES, ARPS, VERIFIED,
 BY_ADDRESS, BY_NETWORK, BY_ALL, FORBIDDEN, NO_WAY, RING_FULL) = range(len(COUNTERS))  # fmt: skip
REPLIES = ("synacks", "acks", "fins", "resets", "echoes", "arps")

TO_US = 0  # ring_walk.TO_US: a frame to this machine alone
FRAGMENT = 0x3FFF
ECHO_REQUEST = 8


class Rules(NamedTuple):
    """Whom to answer, and how."""

    cookies: Cookies
    limits: Limits
    policies: Policies
    never: Ranges
    """sources that get no reply"""
    settings: Array
    """int64 (2,): octets of a connection that are acknowledged before it is closed; MSS to announce"""
    counters: Array
    """int64, in the order of COUNTERS"""


@kernel
def free_slot(slots):
    """Where the next slot begins; -1 while it isn't free."""
    size, count = slots.layout[0], slots.layout[2]
    at = slots.state[0] * size
    if at < 0 or slots.state[0] >= count or at + size > slots.octets.size:
        return np.int64(-1)
    for i in range(4):
        if slots.octets[at + i] != 0:
            return np.int64(-1)
    return np.int64(at)


@kernel
def hand_over(slots, at, length):
    """Mark the slot at `at`, whose frame has `length` octets, as to be sent."""
    slots.octets[at + 4] = length & 0xFF
    slots.octets[at + 5] = length >> 8 & 0xFF
    slots.octets[at + 6] = 0
    slots.octets[at + 7] = 0
    slots.octets[at] = 1
    slots.state[0] = (slots.state[0] + 1) % slots.layout[2]


@kernel
def wanted_of_tcp(flags, above, policy, data):
    """Which counter's reply a TCP packet wants, before its length is looked at; -1: none.

    `above`: of `acknowledged`. `data`: octets of payload.
    """
    if flags & RST:
        return np.int64(-1)
    if flags & SYN:
        if flags & (ACK | FIN) or policy == SILENT:
            return np.int64(-1)
        return np.int64(RESETS if policy == RESET else SYNACKS)
    if above == 0 or policy != POLICY_ACK:
        return np.int64(-1)
    if flags & FIN:
        return np.int64(FINS if above == CONTINUES else ACKS)
    return np.int64(ACKS if data > 0 else -1)


@kernel
def by_progress(reach, data, above, limit, coarse):
    """How data that came `reach` octets after its SYN are answered: acknowledged up to `limit`, then the connection is
    closed, and what still comes after two more windows is refused."""
    if reach > limit + coarse + 2 * (WINDOW + 1):
        return np.int64(RESETS)
    if above == CLOSED or reach + data <= limit + coarse:
        return np.int64(ACKS)
    return np.int64(FINS)


@kernel
def limited_by(verdict):
    """The counter of a limit's verdict."""
    if verdict == ADDRESS_LIMITED:
        return np.int64(BY_ADDRESS)
    return np.int64(BY_NETWORK if verdict == NETWORK_LIMITED else BY_ALL)


@kernel
def put_tcp_reply(out, at, octets, packets, row, wanted, above, data, rules, now_ms):
    """Write the TCP reply that is `wanted` to a row's packet; returns its length."""
    source, destination = np.int64(packets.source[row]), np.int64(packets.destination[row])
    port, own_port = np.int64(packets.source_port[row]), np.int64(packets.destination_port[row])
    sequence, acknowledgment = np.int64(packets.tcp_sequence[row]), np.int64(packets.tcp_acknowledgment[row])
    flags = np.int64(packets.tcp_flags[row])
    offers, value = offered(octets, packets.options_offset[row], np.int64(packets.options_length[row]))
    ports = own_port << 16 | port
    after = (sequence + data + (1 if flags & FIN else 0)) & 0xFFFFFFFF
    if flags & SYN:
        if wanted == RESETS:
            return put_tcp(out, at, destination, source, ports, 0, (after + 1) & 0xFFFFFFFF, RST | ACK, 0, 0)
        own = cookie(source, destination, port << 16 | own_port, sequence, rules.cookies)
        options = put_synack_options(out, at + 2 * IP, offers, rules.settings[1], now_ms, value)
        reply = SYN | ACK | (ECE if flags & (ECE | CWR) == ECE | CWR else 0)
        return put_tcp(out, at, destination, source, ports, own, (sequence + 1) & 0xFFFFFFFF, reply, WINDOW, options)
    if wanted == RESETS:
        return put_tcp(out, at, destination, source, ports, acknowledgment, 0, RST, 0, 0)
    options = np.int64(0)
    if offers & OFFERS_TIMESTAMP:
        out[at + 2 * IP] = 1
        out[at + 2 * IP + 1] = 1
        put_timestamp(out, at + 2 * IP + 2, now_ms, value)
        options = np.int64(12)
    reply = ACK | FIN if wanted == FINS else ACK
    return put_tcp(out, at, destination, source, ports, acknowledgment, after, reply, WINDOW, options)


@kernel
def reply_to(frames, aside, packets, first, last, rules, slots, now, answering):
    """Fill slots with the replies to rows [first, last) of `packets`, whose octets are those of `frames`, and set
    their column `verified`; returns how many were filled.

    `slots`: where replies go (transmit.Slots). `now`: nanoseconds of the clock of `rules.limits`. `answering` False:
    only set the column.
    """
    octets, counters, settings = frames.octets, rules.counters, rules.settings
    filled = 0
    now_ms = now // 1_000_000 & 0xFFFFFFFF
    for row in range(first, last):
        packets.layers[row] |= RESPONDER
        layers = packets.layers[row]
        if packets.checksum[row] & (IP_WRONG | TRANSPORT_WRONG) or packets.ip_fragment[row] & FRAGMENT:
            continue
        wanted, above, data = np.int64(-1), np.int64(0), np.int64(0)
        block = packets.block[row]
        source = np.int64(packets.source[row])
        if layers & TCP:
            flags = np.int64(packets.tcp_flags[row])
            port = np.int64(packets.destination_port[row])
            if flags & (ACK | SYN) == ACK:
                acknowledgment = np.int64(packets.tcp_acknowledgment[row])
                ports = np.int64(packets.source_port[row]) << 16 | port
                above = acknowledged(source, np.int64(packets.destination[row]), ports, acknowledgment, rules.cookies)
                if above:
                    packets.verified[row] = 1
                    counters[VERIFIED] += 1
            data = packets.ip_length[row] - (packets.payload_offset[row] - packets.ip_offset[row])
            policy = rules.policies.table[rules.policies.row[block], port]
            wanted = wanted_of_tcp(flags, above, policy, data)
            if wanted == ACKS and not flags & FIN:
                reach = sent(np.int64(packets.tcp_sequence[row]), acknowledgment, above, rules.cookies)
                wanted = by_progress(reach, data, above, settings[0], np.int64(1) << rules.cookies.now[1])
        elif layers & ICMP and packets.icmp_type[row] == ECHO_REQUEST and rules.policies.echo[block]:
            wanted = np.int64(ECHOES if packets.icmp_code[row] == 0 else -1)
        if wanted < 0 or not answering or packets.truncated[row]:
            continue
        frame = packets.frame[row]
        if aside.kind[frame] != TO_US:
            continue
        if block_of(source, rules.never) >= 0:
            counters[FORBIDDEN] += 1
            continue
        slot = free_slot(slots)
        if slot < 0:
            counters[RING_FULL] += 1
            continue
        to = slot + slots.layout[1]
        link = put_link(
            octets, frames.offset[frame], packets.ip_offset[row], np.int64(frames.link[frame]),
            np.int64(aside.vlan[frame]), slots.octets, to,
        )  # fmt: skip
        if link < 0:
            counters[NO_WAY] += 1
            continue
        verdict = allowed(source, now, rules.limits)
        if verdict != ALLOWED:
            counters[limited_by(verdict)] += 1
            continue
        if wanted == ECHOES:
            icmp = packets.payload_offset[row] - 8
            length = put_echo_reply(
                slots.octets, to + link, np.int64(packets.destination[row]), source, octets, icmp,
                packets.ip_offset[row] + packets.ip_captured[row] - icmp,
            )  # fmt: skip
        else:
            length = put_tcp_reply(slots.octets, to + link, octets, packets, row, wanted, above, data, rules, now_ms)
        hand_over(slots, slot, link + length)
        counters[wanted] += 1
        filled += 1
    return filled
