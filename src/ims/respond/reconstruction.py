"""Packets that were stored to the replies that the rules had for them: the rules of `reply`, over columns, without a
wire. Limits of rate, sources that are never answered and full rings are told by no column."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.kernels import kernel
from ims.packet.field_values import ACK, FIN, RST, SYN
from ims.packet.tcp_options import offered, put_ack_options, put_synack_options
from ims.respond.cookie import COOKIES, SHIFT, shift_for
from ims.respond.reply import FINS, RESETS, SYNACKS, reply_of, synack_flags

Array = np.ndarray[Any, Any]
NOT_KNOWN = -1
"""Of a SYN-ACK's sequence number, which is a cookie under keys that nobody keeps."""
MOST_OPTIONS = 40
"""Octets of a TCP header's options."""


class Segments(NamedTuple):
    """TCP packets whose header is whole, columns of int64 (n,). `above`: of cookie.acknowledged; `proof`: the
    acknowledgment number that holds the cookie; `policy`: of the port; `data`: octets of payload."""

    flags: Array
    above: Array
    proof: Array
    policy: Array
    data: Array
    sequence: Array
    acknowledgment: Array


class ReplySegments(NamedTuple):
    """To each segment, columns of int64 (n,). `reply`: its counter (reply.COUNTERS), -1: none; `sequence`: or
    NOT_KNOWN."""

    reply: Array
    flags: Array
    sequence: Array
    acknowledgment: Array


def replies_to(segments: Segments, limit: int) -> ReplySegments:
    """What a responder answers that acknowledges `limit` octets of a connection."""
    cookies = np.zeros(COOKIES, np.int64)
    cookies[SHIFT] = shift_for(limit)
    found = ReplySegments(*(np.zeros(len(segments.flags), np.int64) for _ in ReplySegments._fields))
    _fill(segments, limit, cookies, found)
    return found


def options_of(reply: int, options: bytes, mss: int) -> bytes:
    """TCP options of a reply to a packet with some. Its timestamp, of a clock that nobody records, is 0. `reply`: its
    counter (reply.COUNTERS)."""
    out = np.zeros(MOST_OPTIONS, np.uint8)
    return out[: _put_options(reply, np.array(bytearray(options), np.uint8), mss, out)].tobytes()


@kernel
def _put_options(reply, options, mss, out):
    if reply == RESETS:
        return np.int64(0)
    offer = offered(options, np.int64(0), np.int64(options.size))
    if reply == SYNACKS:
        return put_synack_options(out, np.int64(0), offer[0], mss, np.int64(0), offer[1])
    return put_ack_options(out, np.int64(0), offer[0], np.int64(0), offer[1])


@kernel
def _fill(segments, limit, cookies, found):
    for row in range(segments.flags.size):
        flags, above, data = segments.flags[row], segments.above[row], segments.data[row]
        sequence, acknowledgment = segments.sequence[row], segments.acknowledgment[row]
        reply = reply_of(flags, above, segments.policy[row], data, sequence, segments.proof[row], limit, cookies)
        found.reply[row] = reply
        if reply < 0:
            continue
        if reply == SYNACKS:
            found.flags[row], found.sequence[row] = synack_flags(flags), NOT_KNOWN
            found.acknowledgment[row] = (sequence + 1) & 0xFFFFFFFF
        elif flags & SYN:
            found.flags[row], found.sequence[row] = RST | ACK, 0
            found.acknowledgment[row] = (sequence + data + 1) & 0xFFFFFFFF
        elif reply == RESETS:
            found.flags[row], found.sequence[row], found.acknowledgment[row] = RST, acknowledgment, 0
        else:
            found.flags[row] = ACK | FIN if reply == FINS else ACK
            after = sequence + data + (1 if flags & FIN else 0)
            found.sequence[row], found.acknowledgment[row] = acknowledgment, after & 0xFFFFFFFF
