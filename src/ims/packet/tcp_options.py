"""TCP options (RFC 9293, section 3.2; RFC 7323): read what a SYN offers, write a SYN-ACK's."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.packet.octets import be32, put16, put32

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
        size = np.int64(octets[at + 1]) if at + 1 < end else 0
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
def put_timestamp(out, at, value, echoed):
    """Write a timestamp option (RFC 7323), ten octets."""
    put16(out, at, 0x080A)
    put32(out, at + 2, value)
    put32(out, at + 6, echoed)


@kernel
def put_ack_options(out, at, offers, value, echoed):
    """Write the options of an acknowledgment, to what the packet offered; returns their length, at most 12."""
    if not offers & OFFERS_TIMESTAMP:
        return np.int64(0)
    put16(out, at, 0x0101)
    put_timestamp(out, at + 2, value, echoed)
    return np.int64(12)


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
