"""Packets to replies: the stage's main kernel. At most one reply to a packet, from its destination to its source.

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
from ims.packet.field_values import ACK, CWR, ECE, ECHO_REQUEST, FIN, RST, SYN
from ims.packet.field_values import IS_FRAGMENT as FRAGMENT
from ims.packet.ipv4 import HEADER as IP
from ims.packet.octets import be32
from ims.packet.tcp_options import offered, put_ack_options, put_synack_options
from ims.records import ICMP_REST, IP_WRONG, RESPONDER, TCP_OPTIONS, TRANSPORT_WRONG
from ims.respond.cookie import CLOSED, CONTINUES, SHIFT, WINDOW, acknowledged, cookie, sent
from ims.respond.limit import ADDRESS_LIMITED, ALLOWED, Limits, allowed
from ims.respond.link_header import put_link
from ims.respond.policy import ACK as POLICY_ACK
from ims.respond.policy import RESET, SILENT, Policies
from ims.respond.segment import put_echo_reply, put_tcp

Array = np.ndarray[Any, Any]

COUNTERS = (
    "synacks", "acks", "fins", "resets", "echoes", "arps", "verified",
    "limited_address", "limited_network", "limited_all", "forbidden", "no_way", "ring_full",
)  # fmt: skip
"""What became of packets that call for a reply, and how many were verified; in the order of the counters' array."""
(SYNACKS, ACKS, FINS, RESETS, ECHOES, ARPS, VERIFIED,
 BY_ADDRESS, BY_NETWORK, BY_ALL, FORBIDDEN, NO_WAY, RING_FULL) = range(len(COUNTERS))  # fmt: skip
REPLIES = ("synacks", "acks", "fins", "resets", "echoes", "arps")

VNET = 10  # transmit.VNET: octets before a frame, in its slot
TO_US = 0  # ring_walk.TO_US: a frame to this machine alone


class Rules(NamedTuple):
    """Which packets are answered, and how."""

    cookies: Array  # cookie.Clock.cookies
    limits: Limits
    policies: Policies
    never: Ranges  # sources that get no reply
    settings: Array  # int64 (2,): octets of a connection that are acknowledged before it is closed; MSS to announce
    counters: Array  # int64 (blocks, len(COUNTERS))


@kernel
def free_slot(octets, state, layout):
    """Where the next slot (transmit.Slots) begins; -1 while it isn't free."""
    size, at = layout[0], state[0] * layout[0]
    if at < 0 or state[0] >= layout[2] or at + size > octets.size or be32(octets, at) != 0:
        return np.int64(-1)
    return np.int64(at)


@kernel
def hand_over(octets, state, layout, at, length):
    """Mark the slot at `at`, whose frame has `length` octets, as to be sent."""
    whole, header = length + VNET, at + layout[1] - VNET
    octets[at + 4], octets[at + 5] = whole & 0xFF, whole >> 8
    octets[header + 2], octets[header + 3] = length & 0xFF, length >> 8
    octets[at] = 1
    state[0] = (state[0] + 1) % layout[2]


@kernel
def _tcp_reply(flags, above, policy, data):
    """The counter of the reply to a TCP packet, before `_reply_by_progress`; -1: none. `above`: of `acknowledged`;
    `data`: octets of payload."""
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
def _reply_by_progress(reach, data, above, limit, coarse):
    """The counter of the reply to data that came `reach` octets after its SYN: up to `limit` it is acknowledged, then
    the connection is closed; beyond two more windows it is reset."""
    if reach > limit + coarse + 2 * (WINDOW + 1):
        return np.int64(RESETS)
    if above == CLOSED or reach + data <= limit + coarse:
        return np.int64(ACKS)
    return np.int64(FINS)


@kernel
def reply_of(flags, above, policy, data, sequence, acknowledgment, limit, cookies):
    """The counter of the reply to a whole TCP packet; -1: none. `above`: of `acknowledged`; `policy`: of its port;
    `data`: octets of payload; `limit`: octets of a connection that are acknowledged."""
    reply = _tcp_reply(flags, above, policy, data)
    if reply == ACKS and not flags & FIN:
        reach = sent(sequence, acknowledgment, above, cookies)
        reply = _reply_by_progress(reach, data, above, limit, np.int64(1) << cookies[SHIFT])
    return reply


@kernel
def synack_flags(flags):
    """The flags of the SYN-ACK to a SYN with these: ECE, too, where it offers that (RFC 3168)."""
    return SYN | ACK | (ECE if flags & (ECE | CWR) == ECE | CWR else 0)


@kernel
def put_synack(out, at, source, destination, ports, sequence, flags, offer, now_ms, cookies, mss):
    """Write the SYN-ACK to a SYN; returns its length. `source` to `flags`: the SYN's; `offer`: of `offered`."""
    own = cookie(source, destination, ports, sequence, cookies)
    options = put_synack_options(out, at + 2 * IP, offer[0], mss, now_ms, offer[1])
    after = (sequence + 1) & 0xFFFFFFFF
    return put_tcp(out, at, source, destination, ports, own, after, synack_flags(flags), WINDOW, options)


@kernel
def put_ack(out, at, source, destination, ports, acknowledgment, after, offer, now_ms, closing):
    """Write the acknowledgment of everything before `after`, with our FIN if `closing`; returns its length."""
    options = put_ack_options(out, at + 2 * IP, offer[0], now_ms, offer[1])
    flags = ACK | FIN if closing else ACK
    return put_tcp(out, at, source, destination, ports, acknowledgment, after, flags, WINDOW, options)


@kernel
def put_reset(out, at, source, destination, ports, sequence, acknowledgment, flags):
    """Write the RST to a packet: to a SYN as a closed port does, else with the number that was acknowledged (RFC
    9293, 3.5.2); returns its length."""
    if flags & SYN:
        return put_tcp(out, at, source, destination, ports, 0, (sequence + 1) & 0xFFFFFFFF, RST | ACK, 0, 0)
    return put_tcp(out, at, source, destination, ports, acknowledgment, 0, RST, 0, 0)


@kernel
def reply_to(frames, aside, packets, first, last, rules, slots, now, answering):
    """Fill slots with the replies to rows [first, last) of `packets`, whose octets are those of `frames`, and set
    their column `verified`; returns how many were filled.

    `slots`: where replies go (transmit.Slots). `now`: nanoseconds of the clock of `rules.limits`. `answering` False:
    only set the column.
    """
    # Arrays are fetched from their tuples once (160 ns a reply, checksums, two hashes and bounds checks included).
    octets, frame_offsets, links = frames.octets, frames.offset, frames.link
    vlans, kinds = aside.vlan, aside.kind
    out, state, layout = slots.octets, slots.state, slots.layout
    cookies, never, settings, counters = rules.cookies, rules.never, rules.settings, rules.counters
    buckets, rates = rules.limits.buckets, rules.limits.rates
    policy_rows, policy_table, echoes = rules.policies.row, rules.policies.table, rules.policies.echo
    sources, destinations, verified_rows = packets.source, packets.destination, packets.verified
    source_ports, destination_ports = packets.source_port, packets.destination_port
    sequences, acknowledgments, tcp_flags = packets.tcp_sequence, packets.tcp_acknowledgment, packets.tcp_flags
    options_offsets, options_lengths = packets.options_offset, packets.options_length
    all_layers, checksums, fragments, blocks = packets.layers, packets.checksum, packets.ip_fragment, packets.block
    ip_lengths, ip_offsets, ip_captured = packets.ip_length, packets.ip_offset, packets.ip_captured
    payload_offsets, truncated, frame_rows = packets.payload_offset, packets.truncated, packets.frame
    icmp_types, icmp_codes = packets.icmp_type, packets.icmp_code
    filled = 0
    now_ms = now // 1_000_000 & 0xFFFFFFFF
    for row in range(first, last):
        layers = all_layers[row] | RESPONDER
        all_layers[row] = layers
        if checksums[row] & (IP_WRONG | TRANSPORT_WRONG) or fragments[row] & FRAGMENT:
            continue
        reply, above, data = np.int64(-1), np.int64(0), np.int64(0)
        block = blocks[row]
        source, destination = np.int64(sources[row]), np.int64(destinations[row])
        flags, ports, sequence, acknowledgment = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        if layers & TCP_OPTIONS:  # the header is whole, and its length is right
            flags, port = np.int64(tcp_flags[row]), np.int64(destination_ports[row])
            ports = np.int64(source_ports[row]) << 16 | port
            sequence, acknowledgment = np.int64(sequences[row]), np.int64(acknowledgments[row])
            if flags & (ACK | SYN) == ACK:
                above = acknowledged(source, destination, ports, acknowledgment, cookies)
                if above:
                    verified_rows[row] = 1
                    counters[block, VERIFIED] += 1
            data = ip_lengths[row] - (payload_offsets[row] - ip_offsets[row])
            policy = policy_table[policy_rows[block], port]
            reply = reply_of(flags, above, policy, data, sequence, acknowledgment, settings[0], cookies)
        elif layers & ICMP_REST and icmp_types[row] == ECHO_REQUEST and echoes[block]:
            reply = np.int64(ECHOES if icmp_codes[row] == 0 else -1)
        if reply < 0 or not answering or truncated[row]:
            continue
        frame = frame_rows[row]
        if kinds[frame] != TO_US:
            continue
        if block_of(source, never) >= 0:
            counters[block, FORBIDDEN] += 1
            continue
        slot = free_slot(out, state, layout)
        if slot < 0:
            counters[block, RING_FULL] += 1
            continue
        to = slot + layout[1]
        link = put_link(
            octets, frame_offsets[frame], ip_offsets[row], np.int64(links[frame]), np.int64(vlans[frame]), out, to
        )
        if link < 0:
            counters[block, NO_WAY] += 1
            continue
        verdict = allowed(source, now, buckets, rates)
        if verdict != ALLOWED:
            counters[block, BY_ADDRESS + verdict - ADDRESS_LIMITED] += 1  # the verdicts' order is the counters'
            continue
        ip = to + link
        if reply == ECHOES:
            icmp = payload_offsets[row] - 8
            length = put_echo_reply(
                out, ip, destination, source, octets, icmp, ip_offsets[row] + ip_captured[row] - icmp
            )
        elif reply == RESETS:
            length = put_reset(out, ip, source, destination, ports, sequence + data, acknowledgment, flags)
        else:
            offer = offered(octets, options_offsets[row], np.int64(options_lengths[row]))
            if reply == SYNACKS:
                length = put_synack(
                    out, ip, source, destination, ports, sequence, flags, offer, now_ms, cookies, settings[1]
                )
            else:
                after = (sequence + data + (1 if flags & FIN else 0)) & 0xFFFFFFFF
                length = put_ack(
                    out, ip, source, destination, ports, acknowledgment, after, offer, now_ms, reply == FINS
                )
        hand_over(out, state, layout, slot, link + length)
        counters[block, reply] += 1
        filled += 1
    return filled
