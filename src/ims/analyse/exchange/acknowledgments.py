"""What a source's acknowledgments tell of us: which of our sequence numbers it received, and what that proves.

Nobody keeps the keys of our cookies, but `verified` says which acknowledgment numbers are one above a cookie, or two:
after our FIN. The cookie's low bits are its SYN's own sequence number, coarsely, which tells the two apart.

Where no responder was recorded, as in a capture, the first number that is acknowledged after a SYN is taken for that of
a SYN-ACK: somebody answered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ims.analyse.exchange.packets import Packet
from ims.packet.field_values import RST
from ims.respond.cookie import CLOCK_SECONDS, CLOSED, CONTINUES, shift_for
from ims.settings.durations import SECOND_US

MASK = 0xFFFFFFFF
VALID_US = 2 * CLOCK_SECONDS * SECOND_US
"""A cookie is valid for so long at most."""
FAR = 1 << 24
"""Octets after its SYN: a number beyond isn't taken for one of its connection, where no cookie says so."""
MOST_SYNS = 64
"""Of one connection's ports, the last ones that an acknowledgment may belong to: a source may send thousands."""


@dataclass
class Acknowledgments:
    """Of each packet, by its place. `above`: of cookie.acknowledged; `proof`: a number with the cookie in it;
    `own`: sequence number of the SYN-ACK to a SYN, None where nothing tells it; `received`: of a SYN, whether the
    source is known to have its SYN-ACK; `acknowledged`: whether its connection was accepted, by whomever."""

    above: list[int]
    proof: list[int]
    own: list[int | None]
    received: list[bool]
    acknowledged: list[bool]


def acknowledgments_of(packets: Sequence[Packet], limits: Sequence[int]) -> Acknowledgments:
    """`packets` in the order of time; `limits`: of each, octets of a connection that its sensor acknowledges."""
    count = len(packets)
    found = Acknowledgments([0] * count, [0] * count, [None] * count, [False] * count, [False] * count)
    connections: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, packet in enumerate(packets):
        if packet.is_whole_tcp:
            connections[packet.connection].append(place)
    for places in connections.values():
        _follow(packets, places, limits, found)
    return found


def _follow(packets: Sequence[Packet], places: Sequence[int], limits: Sequence[int], found: Acknowledgments) -> None:
    """One connection, or several one after the other between the same ports."""
    cookies: set[int] = set()
    begins: set[int] = set()
    all_syns: list[int] = []
    for place in places:
        packet = packets[place]
        if packet.is_syn:
            all_syns.append(place)
        if not packet.acknowledges or packet.verified is False:
            continue
        number, shift = packet.tcp_acknowledgment or 0, shift_for(limits[place])
        syns = all_syns[-MOST_SYNS:]
        if packet.verified:
            above = _above(number, cookies, [(packets[syn].tcp_sequence or 0) >> shift & 0xFF for syn in syns])
            found.above[place], found.proof[place] = above, number
        else:
            begin = _begin(packets, syns, packet)
            if begin is None or packet.flags & RST:
                continue
            begins.add(begin)
            above = CLOSED if (number - CLOSED) & MASK in cookies else CONTINUES
            found.above[place], found.proof[place] = above, (begin >> shift & 0xFF) + above
        own = (number - above) & MASK
        found.acknowledged[place] = True
        if own not in cookies:
            cookies.add(own)
            _tell(packets, syns, packet, own, shift, found)
    if cookies:
        for syn in all_syns:  # where no responder ran, only of the connections that were accepted
            found.acknowledged[syn] = packets[syn].verified is not None or packets[syn].tcp_sequence in begins


def _above(number: int, cookies: set[int], coarse: Sequence[int]) -> int:
    """How much a verified number is above its cookie: by the cookies that are known, else by the SYNs."""
    own = {above: (number - above) & MASK for above in (CONTINUES, CLOSED)}
    known = [above for above in own if own[above] in cookies] or [above for above in own if own[above] & 0xFF in coarse]
    return known[0] if known else CONTINUES


def _begin(packets: Sequence[Packet], syns: Sequence[int], packet: Packet) -> int | None:
    """The number of the SYN of this packet's connection; None where none is near."""
    for syn in reversed(syns):
        begin = packets[syn].tcp_sequence or 0
        if ((packet.tcp_sequence or 0) - begin - 1) & MASK < FAR:
            return begin
    return None


def _tell(
    packets: Sequence[Packet], syns: Sequence[int], packet: Packet, own: int, shift: int, found: Acknowledgments
) -> None:
    """Note at the SYNs which number was acknowledged. If several may have this cookie, which of their SYN-ACKs arrived
    isn't known: the last one gets the number, and none is certain. A cookie has only the coarse sequence number, so
    SYNs whose numbers differ a little may have the same one."""
    same = [
        syn
        for syn in syns
        if packet.time - packets[syn].time <= VALID_US
        and (packet.verified is None or (packets[syn].tcp_sequence or 0) >> shift & 0xFF == own & 0xFF)
    ]
    if not same:
        return
    are_all = len(syns) < MOST_SYNS or packet.time - packets[syns[0]].time > VALID_US
    found.own[same[-1]] = own
    found.received[same[-1]] = len(same) == 1 and are_all and bool(packet.verified)
