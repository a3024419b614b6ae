"""Frames to packet columns: the stage's main kernel. Every frame ends in one of EXCLUSIVE of verdict.py."""

from __future__ import annotations

import numpy as np

from ims.decode.category import category_of
from ims.decode.cut_header import take_cut_header
from ims.decode.ethernet import IPV4
from ims.decode.frame_types import refuse
from ims.decode.lengths import take_lengths
from ims.decode.link import find_ipv4
from ims.decode.raw import is_odd
from ims.decode.transport import verify
from ims.decode.tunnel import take_out
from ims.decode.verdict import CHECKSUM_WRONG, FRAGMENTS, FRAMES, MALFORMED, OUTSIDE, STORED, TRUNCATED
from ims.kernels import kernel
from ims.membership import block_of
from ims.packet.checksum import expected_field, ones_sum
from ims.packet.field_values import FRAGMENT_OFFSET as OFFSET
from ims.packet.field_values import MORE_FRAGMENTS, PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP
from ims.packet.ipv4 import cut_header_length, header_length, packet_end
from ims.packet.link_types import ETHERNET
from ims.packet.octets import be16, be32
from ims.packet.transport import transport_header
from ims.packet.udp import datagram_end
from ims.records import IP_WRONG, PAYLOAD, PORTS, TRANSPORT_UNVERIFIED, TRANSPORT_WRONG, WHOLE_ICMP, WHOLE_TCP


@kernel
def decode_frames(frames, start, ranges, unwrap, batch, filled, counters):
    """Decode frames[start:count] into the rows of `batch` from `filled` on; returns how many are filled then.

    `ranges`: the darknet (darknet.Ranges). `unwrap`: from unwrap.py. `counters`: from `new_counters` of frame_types.py.
    Where the batch is full, decoding stops before the frame that doesn't fit. Writes every column of a row but
    `signature_entry`, `new_payload` and `options_entry`, and the last four of PACKETS only where `layers` says that
    they aren't null.

    (9.1 Mpps on one core, checks and checksums included, with the traffic of benchmarks/traffic.py.)
    """
    octets = frames.octets
    # Arrays are taken from their tuples once, as that costs atomic operations (measured: 4.1 -> 5.9 Mpps).
    offsets, lengths_captured, lengths = frames.offset, frames.captured, frames.length
    times, links, offloaded = frames.time, frames.link, frames.offloaded
    out_time, out_time_ns, out_source = batch.time, batch.time_ns, batch.source
    out_destination, out_protocol, out_source_port = batch.destination, batch.protocol, batch.source_port
    out_destination_port, out_icmp_type = batch.destination_port, batch.icmp_type
    out_icmp_code, out_icmp_rest, out_checksum = batch.icmp_code, batch.icmp_rest, batch.checksum
    out_tcp_flags, out_tcp_sequence = batch.tcp_flags, batch.tcp_sequence
    out_tcp_acknowledgment, out_tcp_window = batch.tcp_acknowledgment, batch.tcp_window
    out_tcp_urgent, out_tos, out_ttl, out_ip_id = batch.tcp_urgent, batch.tos, batch.ttl, batch.ip_id
    out_ip_fragment, out_total_length = batch.ip_fragment, batch.total_length
    out_payload_length, out_category, out_block = batch.payload_length, batch.category, batch.block
    out_truncated, out_layers, out_raw = batch.truncated, batch.layers, batch.raw
    out_ip_offset, out_ip_captured, out_ip_length = batch.ip_offset, batch.ip_captured, batch.ip_length
    out_options_offset, out_options_length = batch.options_offset, batch.options_length
    out_payload_offset, out_frame, out_verified = batch.payload_offset, batch.frame, batch.verified
    capacity = out_time.size

    for index in range(start, frames.count):
        row = filled
        if row >= capacity:
            break
        counters[FRAMES] += 1
        at = offsets[index]
        end = at + lengths_captured[index]
        wire_end = max(end, at + lengths[index])
        if at < 0 or end < at or end > octets.size:
            counters[MALFORMED] += 1
            continue

        ip = at + 14
        if links[index] != ETHERNET or ip > end or be16(octets, at + 12) != IPV4:
            ip = find_ipv4(octets, at, end, np.int64(links[index]))  # not called for most (measured: 5.9 -> 9.1 Mpps)
        if unwrap and ip >= 0:
            ip, end, wire_end = take_out(octets, ip, end, wire_end, ranges, unwrap, counters)
        if ip < 0:
            refuse(ip, np.int64(links[index]), counters)
            continue
        header = claimed = header_length(octets, ip, end)
        if header == 0:
            claimed = cut_header_length(octets, ip, end)
            header = end - ip
            if claimed == 0:
                counters[MALFORMED] += 1
                continue
        destination = be32(octets, ip + 16)
        block = block_of(destination, ranges)
        if block < 0:
            counters[OUTSIDE] += 1
            continue
        counters[STORED] += 1
        filled += 1

        limit = packet_end(octets, ip, end)
        captured, length = limit - ip, packet_end(octets, ip, wire_end) - ip
        source = be32(octets, ip + 12)
        protocol = np.int64(octets[ip + 9])
        total = be16(octets, ip + 2)
        fragment = be16(octets, ip + 6)
        sums = np.int64(0)
        field = be16(octets, ip + 10)
        expected = expected_field(ones_sum(octets, ip, header), field) if header == claimed else field
        if field != expected and not (field == 0xFFFF and expected == 0):
            sums |= IP_WRONG

        transport = ip + header
        payload, payload_length = transport, limit - transport
        layers = category = options_length = icmp_type = icmp_code = icmp_rest = np.int64(0)
        ports = flags = reserved = window = urgent = sequence = acknowledgment = np.int64(0)
        exact, cut_header = True, False
        if protocol == PROTOCOL_TCP or protocol == PROTOCOL_UDP or protocol == PROTOCOL_ICMP:
            if fragment & OFFSET:
                sums |= TRANSPORT_UNVERIFIED
            else:
                size = transport_header(octets, transport, limit, protocol)
                payload, payload_length = transport + size, limit - transport - size
                if size == 0:
                    payload_length = np.int64(0)
                    sums |= TRANSPORT_UNVERIFIED
                    exact, cut_header = False, True
                else:
                    if protocol == PROTOCOL_TCP:
                        layers = np.int64(WHOLE_TCP)
                        ports = be32(octets, transport)
                        sequence, acknowledgment = be32(octets, transport + 4), be32(octets, transport + 8)
                        flags = be16(octets, transport + 12)
                        reserved, flags = flags & 0x0E00, flags & 0x01FF
                        window, urgent = be16(octets, transport + 14), be16(octets, transport + 18)
                        options_length = size - 20
                    elif protocol == PROTOCOL_UDP:
                        layers = np.int64(PORTS)
                        ports = be32(octets, transport)
                        payload_length = datagram_end(octets, transport, limit) - payload
                    else:
                        layers = np.int64(WHOLE_ICMP)
                        icmp_type, icmp_code = np.int64(octets[transport]), np.int64(octets[transport + 1])
                        icmp_rest = be32(octets, transport + 4)
                    whole = captured == length and total == captured
                    whole = whole and fragment & MORE_FRAGMENTS == 0 and offloaded[index] == 0
                    found, exact = verify(octets, transport, limit, protocol, source, destination, whole)
                    sums |= found
                    category = category_of(protocol, layers, flags, icmp_type)
        elif protocol == PROTOCOL_SCTP and fragment & OFFSET == 0 and transport + 4 <= limit:
            layers = np.int64(PORTS)
            ports = be32(octets, transport)
        raw = is_odd(header, total, captured, length, field == expected, exact, reserved, payload_length)
        payload_length = min(payload_length, 0xFFFF)  # segments merged by the kernel can be longer
        if payload_length > 0:
            layers |= PAYLOAD
        truncated = captured < length

        time = times[index]
        out_time[row] = time // 1000
        out_time_ns[row] = time % 1000
        out_source[row] = source
        out_destination[row] = destination
        out_protocol[row] = protocol
        out_source_port[row] = ports >> 16
        out_destination_port[row] = ports & 0xFFFF
        out_icmp_type[row] = icmp_type
        out_icmp_code[row] = icmp_code
        out_icmp_rest[row] = icmp_rest
        out_checksum[row] = sums
        out_tcp_flags[row] = flags
        out_tcp_sequence[row] = sequence
        out_tcp_acknowledgment[row] = acknowledgment
        out_tcp_window[row] = window
        out_tcp_urgent[row] = urgent
        out_tos[row] = octets[ip + 1]
        out_ttl[row] = octets[ip + 8]
        out_ip_id[row] = be16(octets, ip + 4)
        out_ip_fragment[row] = fragment
        out_total_length[row] = total
        out_payload_length[row] = payload_length
        out_category[row] = category
        out_block[row] = block
        out_truncated[row] = truncated
        out_raw[row] = raw
        out_ip_offset[row] = ip
        out_ip_captured[row] = captured
        out_ip_length[row] = length
        out_options_offset[row] = transport + 20
        out_options_length[row] = options_length
        out_payload_offset[row] = payload
        out_frame[row] = index
        out_verified[row] = 0
        if raw:  # few packets are: none of this is done for the others
            if cut_header:
                layers |= take_cut_header(octets, transport, limit, protocol, batch, row, counters)
            layers = take_lengths(octets, ip, claimed, limit, length, layers, batch, row)
        out_layers[row] = layers
        if fragment & (MORE_FRAGMENTS | OFFSET):
            counters[FRAGMENTS] += 1
        if truncated:
            counters[TRUNCATED] += 1
        if sums & (IP_WRONG | TRANSPORT_WRONG):
            counters[CHECKSUM_WRONG] += 1
    return filled
