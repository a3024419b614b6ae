"""Replies as octets: IPv4 (RFC 791), TCP (RFC 9293) and ICMP echo (RFC 792), with right checksums."""

from __future__ import annotations

import numpy as np

from ims.checksum import expected_field, ones_sum, pseudo_header
from ims.kernels import kernel
from ims.octets import be32, put16, put32

FIN, SYN, RST, ACK, ECE, CWR = 0x01, 0x02, 0x04, 0x10, 0x40, 0x80
IP, TCP, TTL, DO_NOT_FRAGMENT = 20, 20, 64, 0x4000
LARGEST = 60
"""Octets of IP that a reply has at most."""

# What a SYN offers, as bits; a timestamp's value comes with it.
OFFERS_SCALE, OFFERS_SACK, OFFERS_TIMESTAMP = 1, 2, 4


@kernel
def offered(octets, at, length):
    """(bits of what the TCP options octets[at:at + length] offer, timestamp value). Options after a broken one
    don't count (RFC 9293, 3.1)."""
    bits, value = np.int64(0), np.int64(0)
    end = min(at + length, octets.size)
    while at < end:
        kind = octets[at]
        if kind == 0:
            break
        if kind == 1:
            at += 1
            continue
        if at + 1 >= end:
            break
        size = np.int64(octets[at + 1])
        if size < 2 or at + size > end:
            break
        if kind == 3 and size == 3:
            bits |= OFFERS_SCALE
        elif kind == 4 and size == 2:
            bits |= OFFERS_SACK
        elif kind == 8 and size == 10:
            bits |= OFFERS_TIMESTAMP
            value = be32(octets, at + 2)
        at += size
    return bits, value


@kernel
def put_ip(out, at, source, destination, protocol, total):
    """Write an IPv4 header without options."""
    put16(out, at, 0x4500)
    put16(out, at + 2, total)
    put32(out, at + 4, DO_NOT_FRAGMENT)
    put16(out, at + 8, TTL << 8 | protocol)
    put16(out, at + 10, 0)
    put32(out, at + 12, source)
    put32(out, at + 16, destination)
    put16(out, at + 10, expected_field(ones_sum(out, at, IP), 0))


@kernel
def put_timestamp(out, at, value, echoed):
    """Write a timestamp option (RFC 7323), ten octets."""
    put16(out, at, 0x080A)
    put32(out, at + 2, value)
    put32(out, at + 6, echoed)


@kernel
def put_synack_options(out, at, offers, mss, value, echoed):
    """Write a SYN-ACK's options in Linux's order, to what was offered; returns their length, at most 20."""
    put16(out, at, 0x0204)
    put16(out, at + 2, mss)
    end = at + 4
    if offers & OFFERS_TIMESTAMP:
        put16(out, end, 0x0402 if offers & OFFERS_SACK else 0x0101)
        put_timestamp(out, end + 2, value, echoed)
        end += 12
    elif offers & OFFERS_SACK:
        put32(out, end, 0x01010402)
        end += 4
    if offers & OFFERS_SCALE:
        put32(out, end, 0x01030300)  # by 0: no more than 64 kB may be under way to us
        end += 4
    return end - at


@kernel
def put_tcp(out, at, source, destination, ports, sequence, acknowledgment, flags, window, options):
    """Write IP and TCP around `options` octets that stand at `at` + 40; returns the packet's length. `ports`: ours
    << 16 | the peer's."""
    length = TCP + options
    put_ip(out, at, source, destination, 6, IP + length)
    tcp = at + IP
    put32(out, tcp, ports)
    put32(out, tcp + 4, sequence)
    put32(out, tcp + 8, acknowledgment)
    put16(out, tcp + 12, length >> 2 << 12 | flags)
    put16(out, tcp + 14, window)
    put32(out, tcp + 16, 0)
    total = pseudo_header(source, destination, 6, length) + ones_sum(out, tcp, length)
    put16(out, tcp + 16, expected_field(total, 0))
    return IP + length


@kernel
def put_echo_reply(out, at, source, destination, octets, icmp, length):
    """Write the reply to the ICMP echo of `length` octets at `icmp`, as much of it as LARGEST allows; returns
    the packet's length."""
    length = min(length, LARGEST - IP)
    put_ip(out, at, source, destination, 1, IP + length)
    reply = at + IP
    put32(out, reply, 0)
    for i in range(4, length):
        out[reply + i] = octets[icmp + i]
    put16(out, reply + 2, expected_field(ones_sum(out, reply, length), 0))
    return IP + length
