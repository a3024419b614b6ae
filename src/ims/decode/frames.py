"""Frames to packet columns: the stage's main kernel. Every frame ends in exactly one counter of verdict.py."""

from __future__ import annotations

import numpy as np

from ims.checksum import expected_field, ones_sum
from ims.decode.category import category_of
from ims.decode.ipv4 import MORE_FRAGMENTS, OFFSET, block_of, header_length, packet_end
from ims.decode.link import find_ipv4
from ims.decode.transport import tcp_header, udp_payload, verify
from ims.decode.tunnel import DEPTH, inside
from ims.decode.verdict import (
    ARP,
    CHECKSUM_WRONG,
    FRAGMENTS,
    FRAMES,
    IPV6,
    IS_ARP,
    IS_IPV6,
    IS_MALFORMED,
    IS_NO_TUNNEL,
    IS_UNSUPPORTED,
    MALFORMED,
    NOT_IPV4,
    OUTSIDE,
    STORED,
    TRANSPORT_MALFORMED,
    TRUNCATED,
    UNSUPPORTED_LINK,
    UNWRAPPED,
)
from ims.kernels import kernel
from ims.octets import be16, be32
from ims.records import (
    ICMP,
    IP_WRONG,
    PAYLOAD,
    PORTS,
    TCP,
    TRANSPORT_UNVERIFIED,
    TRANSPORT_WRONG,
)


@kernel
def find_packet(octets, at, end, link, unwrap, counters):
    """(offset of the IPv4 header, its length, where the packet ends) or a negative number of verdict.py first:
    through the link layer and, where asked, out of tunnels."""
    nowhere = np.int64(0)
    ip = find_ipv4(octets, at, end, link)
    for _ in range(DEPTH + 1):
        if ip < 0:
            return ip, nowhere, nowhere
        header = header_length(octets, ip, end)
        if header == 0:
            return np.int64(IS_MALFORMED), nowhere, nowhere
        if unwrap == 0 or be16(octets, ip + 6) & (MORE_FRAGMENTS | OFFSET):
            break
        limit = packet_end(octets, ip, end)
        inner = inside(octets, ip + header, limit, octets[ip + 9], unwrap)
        if inner == IS_NO_TUNNEL:
            break
        counters[UNWRAPPED] += 1
        ip, end = inner, limit
    return ip, header, packet_end(octets, ip, end)


@kernel
def refuse(verdict, counters):
    """Count a frame that holds no packet for us."""
    if verdict == IS_MALFORMED:
        counters[MALFORMED] += 1
    elif verdict == IS_UNSUPPORTED:
        counters[UNSUPPORTED_LINK] += 1
    else:
        counters[NOT_IPV4] += 1
        if verdict == IS_ARP:
            counters[ARP] += 1
        elif verdict == IS_IPV6:
            counters[IPV6] += 1


@kernel
def decode_frames(frames, start, ranges, unwrap, batch, filled, counters):
    """Decode frames[start:count] into the rows of `batch` from `filled` on; returns how many are filled then.

    `ranges`: the darknet (darknet.Ranges). `unwrap`: flags of tunnel.py. `counters`: as COUNTERS of verdict.py.
    The caller sees to it that the batch has room; where it hasn't, decoding stops before the frame that doesn't
    fit. Writes every column of a row but `signature_entry`, `new_payload` and `options_entry`.

    (9.5 Mpps on one core, checks and checksums included, with the traffic of benchmarks/traffic.py.)
    """
    octets = frames.octets
    for index in range(start, frames.count):
        row = filled
        if row >= batch.time.size:
            break
        counters[FRAMES] += 1
        at = frames.offset[index]
        end = at + frames.captured[index]
        wire_end = at + max(frames.captured[index], frames.length[index])
        if at < 0 or end < at or end > octets.size:
            counters[MALFORMED] += 1
            continue
        ip, header, limit = find_packet(octets, at, end, np.int64(frames.link[index]), unwrap, counters)
        if ip < 0:
            refuse(ip, counters)
            continue
        destination = be32(octets, ip + 16)
        block = block_of(destination, ranges)
        if block < 0:
            counters[OUTSIDE] += 1
            continue
        counters[STORED] += 1
        filled += 1

        source = be32(octets, ip + 12)
        protocol = np.int64(octets[ip + 9])
        total = be16(octets, ip + 2)
        fragment = be16(octets, ip + 6)
        captured = limit - ip
        length = wire_end - ip if total == 0 else min(total, wire_end - ip)
        truncated = captured < length
        sums = np.int64(0)
        field = be16(octets, ip + 10)
        expected = expected_field(ones_sum(octets, ip, header), field)
        if field != expected and not (field == 0xFFFF and expected == 0):
            sums |= IP_WRONG
        # What IP's columns can't express: options, lengths that lie, and a checksum that isn't the computed one.
        raw = header != 20 or total != captured or truncated or field != expected

        transport = ip + header
        layers = np.int64(0)
        payload, payload_length = transport, limit - transport
        flags, icmp_type = np.int64(0), np.int64(0)
        options_length = np.int64(0)
        broken = False
        known = protocol == 6 or protocol == 17 or protocol == 1
        if fragment & OFFSET:
            if known:
                sums |= TRANSPORT_UNVERIFIED
        elif known:
            whole = not truncated and total == captured and fragment & MORE_FRAGMENTS == 0
            udp_length = np.int64(0)
            if protocol == 6:
                size = tcp_header(octets, transport, limit)
                broken = size == 0
                if not broken:
                    layers = np.int64(PORTS | TCP)
                    payload, payload_length = transport + size, limit - transport - size
                    options_length = size - 20
                    flags = be16(octets, transport + 12) & 0x1FF
                    raw = raw or octets[transport + 12] & 0x0E != 0
            elif protocol == 17:
                size = udp_payload(octets, transport, limit)
                broken = size < 0
                if not broken:
                    layers = np.int64(PORTS)
                    payload, payload_length = transport + 8, size
                    udp_length = be16(octets, transport + 4)
                    raw = raw or udp_length != limit - transport
            else:
                broken = transport + 8 > limit
                if not broken:
                    layers = np.int64(ICMP)
                    payload, payload_length = transport + 8, limit - transport - 8
                    icmp_type = np.int64(octets[transport])
            if broken:
                payload_length = np.int64(0)
                sums |= TRANSPORT_UNVERIFIED
                raw = True
                if protocol != 1 and transport + 4 <= limit:
                    layers = np.int64(PORTS)
                counters[TRANSPORT_MALFORMED] += 1
            elif whole:
                result, exact = verify(octets, transport, limit, protocol, source, destination, udp_length)
                sums |= result
                raw = raw or not exact
            else:
                sums |= TRANSPORT_UNVERIFIED
                raw = True
        if payload_length > 0xFFFF:  # segments merged by the kernel can be longer than IP can say
            payload_length = np.int64(0xFFFF)
            raw = True
        if payload_length > 0:
            layers |= PAYLOAD

        time = frames.time[index]
        batch.time[row] = time // 1000
        batch.time_ns[row] = time % 1000
        batch.source[row] = source
        batch.destination[row] = destination
        batch.protocol[row] = protocol
        if layers & PORTS:
            batch.source_port[row] = be16(octets, transport)
            batch.destination_port[row] = be16(octets, transport + 2)
        else:
            batch.source_port[row] = 0
            batch.destination_port[row] = 0
        if layers & TCP:
            batch.tcp_sequence[row] = be32(octets, transport + 4)
            batch.tcp_acknowledgment[row] = be32(octets, transport + 8)
            batch.tcp_window[row] = be16(octets, transport + 14)
            batch.tcp_urgent[row] = be16(octets, transport + 18)
        else:
            batch.tcp_sequence[row] = 0
            batch.tcp_acknowledgment[row] = 0
            batch.tcp_window[row] = 0
            batch.tcp_urgent[row] = 0
        if layers & ICMP:
            batch.icmp_code[row] = octets[transport + 1]
            batch.icmp_rest[row] = be32(octets, transport + 4)
        else:
            batch.icmp_code[row] = 0
            batch.icmp_rest[row] = 0
        batch.icmp_type[row] = icmp_type
        batch.checksum[row] = sums
        batch.tcp_flags[row] = flags
        batch.tos[row] = octets[ip + 1]
        batch.ttl[row] = octets[ip + 8]
        batch.ip_id[row] = be16(octets, ip + 4)
        batch.ip_fragment[row] = fragment
        batch.total_length[row] = total
        batch.payload_length[row] = payload_length
        batch.category[row] = category_of(protocol, layers if not broken else 0, flags, icmp_type)
        batch.block[row] = block
        batch.truncated[row] = truncated
        batch.layers[row] = layers
        batch.raw[row] = raw
        batch.ip_offset[row] = ip
        batch.ip_captured[row] = captured
        batch.ip_length[row] = length
        batch.options_offset[row] = transport + 20
        batch.options_length[row] = options_length
        batch.payload_offset[row] = payload
        if fragment & (MORE_FRAGMENTS | OFFSET):
            counters[FRAGMENTS] += 1
        if truncated:
            counters[TRUNCATED] += 1
        if sums & (IP_WRONG | TRANSPORT_WRONG):
            counters[CHECKSUM_WRONG] += 1
    return filled
