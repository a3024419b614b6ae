"""Replies that a source has, by the times that it sends back: each of its segments has that of one of ours (RFC 7323,
section 4.3).

Our clock isn't recorded, but it never goes back. So a time above the last one that was sent back is that of a reply
which was due after that one's; where only one was, the source has it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ims.analyse.exchange.options_text import END, NOP, TIMESTAMP
from ims.analyse.exchange.packets import Packet

HALF = 1 << 31
"""Of the times there are: a later one is less than this above another."""


def with_times_sent_back(packets: Sequence[Packet], is_timed: Sequence[bool]) -> list[bool]:
    """Of each packet, by its place, whether the source is known to have the reply to it. `packets`: in the order of
    time; `is_timed`: whether a reply with a time was due."""
    found = [False] * len(packets)
    due: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    newest: dict[
        tuple[object, ...], tuple[int, int]
    ] = {}  # a time, and how many replies were due before that one's, at least
    for place, packet in enumerate(packets):
        key = packet.connection
        if packet.verified and (echoed := echoed_time(bytes.fromhex(packet.tcp_options or ""))):
            time, before = newest.get(key, (None, -1))
            if time is None or 0 < (echoed - time) % (2 * HALF) < HALF:
                later = due[key][before + 1 :]
                if len(later) == 1:
                    found[later[0]] = True
                newest[key] = echoed, before + 1
        if is_timed[place]:
            due[key].append(place)
    return found


def echoed_time(options: bytes) -> int:
    """The time that is sent back; 0: none."""
    at = 0
    while at < len(options) and options[at] != END:
        if options[at] == NOP:
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size < 2 or at + size > len(options):
            break
        if options[at] == TIMESTAMP and size == 10:
            return int.from_bytes(options[at + 6 : at + 10], "big")
        at += size
    return 0
