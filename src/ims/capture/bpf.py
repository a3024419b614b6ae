"""A kernel filter made from the blocks (classic BPF: bpf(4), Documentation/networking/filter.rst): traffic to other
addresses never reaches the ring, so it costs nothing.

It lets too much through rather than too little, decoding decides again: up to two VLAN tags that nobody stripped are
stepped over, and of more than RANGES ranges the nearest are joined.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ims.unwrap import udp_ports

RANGES = 500
"""A program may have 4,096 instructions, and a range takes seven."""
ACCEPT, REJECT = 0xFFFFFFFF, 0
NETWORK = 0xFFF00000  # SKF_NET_OFF: offsets from the network header on

LOAD_32, LOAD_16, LOAD_8 = 0x20, 0x28, 0x30  # from the frame
AT_X_32, AT_X_16, AT_X_8 = 0x40, 0x48, 0x50  # from the frame, X further
SET_X, JUMP, EQUAL, AT_LEAST, ABOVE, ANY_OF, RETURN = 0x01, 0x05, 0x15, 0x35, 0x25, 0x45, 0x06
AND, SHIFT_LEFT, ADD_X, TO_X = 0x54, 0x64, 0x0C, 0x07  # of A; the last copies it to X

IPV4, ARP, VLANS = 0x0800, 0x0806, (0x8100, 0x88A8, 0x9100)
PROTOCOLS = {"ipip": 4, "gre": 47}
UDP, FRAGMENT_OFFSET = 17, 0x1FFF


class Step(NamedTuple):
    """One instruction whose jumps are labels; None: the next instruction."""

    code: int
    k: int = 0
    true: str | None = None
    false: str | None = None


Program = list[tuple[int, int, int, int]]


def program(
    ranges: Iterable[tuple[int, int]], link_header: bool, arp: bool = False, unwrap: Iterable[str] = ()
) -> Program:
    """Instructions (code, jt, jf, k) that accept IPv4 packets to `ranges` (first, last), on Ethernet or
    (`link_header` False) where frames begin at the IP header; ARP that asks for one of them if `arp`; and packets in
    which the tunnels of `unwrap` may be."""
    steps: list[tuple[str | None, Step]] = []

    def add(step: Step, label: str | None = None) -> None:
        steps.append((label, step))

    if link_header:
        for number, tags in enumerate((0, 4, 8)):
            add(Step(SET_X, tags), f"tags{number}")
            add(Step(AT_X_16, 12))
            add(Step(EQUAL, IPV4, "ipv4"))
            add(Step(EQUAL, ARP, "arp" if arp else "reject"))
            if number < 2:
                for kind in VLANS:
                    add(Step(EQUAL, kind, f"tags{number + 1}"))
            add(Step(JUMP, 0, "reject"))
    base = 14 if link_header else NETWORK
    byte, word = (AT_X_8, AT_X_32) if link_header else (LOAD_8, LOAD_32)
    tunnels = set(unwrap)
    ports = udp_ports(sorted(tunnels))
    add(Step(byte, base + 9), "ipv4")
    for name in sorted(tunnels & PROTOCOLS.keys()):
        add(Step(EQUAL, PROTOCOLS[name], "accept"))
    add(Step(word, base + 16))
    add(Step(JUMP, 0, "search"))
    if link_header and arp:
        add(Step(AT_X_32, 38), "arp")
        add(Step(JUMP, 0, "search"))
    add(Step(RETURN, ACCEPT), "accept")
    add(Step(RETURN, REJECT), "reject")
    # Ports last: a frame that ends before they would come is refused there, and may be for a block.
    steps += _search(joined(ranges), "search", "udp" if ports else "none")
    steps += _udp_tunnels(ports, link_header) if ports else []
    steps.append(("none", Step(RETURN, REJECT)))
    return _assembled(steps)


def _udp_tunnels(ports: Iterable[int], link_header: bool) -> list[tuple[str | None, Step]]:
    """To some port of UDP, behind an IP header of any length; or a later fragment, which has no ports and is counted
    (decode/tunnel.py). X is what tags take."""
    byte, half, base = (AT_X_8, AT_X_16, 14) if link_header else (LOAD_8, LOAD_16, NETWORK)
    steps: list[Step] = []
    if link_header:  # it may be ARP that asked for another address
        steps += [Step(AT_X_16, 12), Step(EQUAL, IPV4, None, "none")]
    steps += [
        Step(byte, base + 9),
        Step(EQUAL, UDP, None, "none"),
        Step(half, base + 6),
        Step(ANY_OF, FRAGMENT_OFFSET, "tunnel"),
        Step(byte, base),
        Step(AND, 0x0F),
        Step(SHIFT_LEFT, 2),
        *([Step(ADD_X)] if link_header else []),
        Step(TO_X),
        Step(AT_X_16, base + 2),
        *(Step(EQUAL, port, "tunnel") for port in ports),
        Step(JUMP, 0, "none"),
    ]
    labels = ["udp", *[None] * (len(steps) - 1), "tunnel"]
    return list(zip(labels, [*steps, Step(RETURN, ACCEPT)], strict=True))


def joined(ranges: Iterable[tuple[int, int]], most: int = RANGES) -> list[tuple[int, int]]:
    """The ranges, sorted; neighbours made one, and those with the smallest gaps too where there are more than
    `most`."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    excess = len(found) - most
    if excess > 0:
        gaps = sorted(range(1, len(found)), key=lambda i: found[i][0] - found[i - 1][1])
        close = set(gaps[:excess])
        kept: list[tuple[int, int]] = []
        for number, (first, last) in enumerate(found):
            if number in close:
                kept[-1] = (kept[-1][0], last)
            else:
                kept.append((first, last))
        found = kept
    return found


def _search(ranges: list[tuple[int, int]], label: str, other: str) -> list[tuple[str | None, Step]]:
    """A binary search for the address in A; where it is in no range, `other` goes on."""
    if len(ranges) == 1:
        first, last = ranges[0]
        return [
            (label, Step(AT_LEAST, first, f"{label}+")),
            (None, Step(JUMP, 0, other)),
            (f"{label}+", Step(ABOVE, last, None, f"{label}=")),
            (None, Step(JUMP, 0, other)),
            (f"{label}=", Step(RETURN, ACCEPT)),
        ]
    middle = len(ranges) // 2
    left, right = f"{label}0", f"{label}1"
    return [
        (label, Step(AT_LEAST, ranges[middle][0], None, left)),
        (None, Step(JUMP, 0, right)),
        *_search(ranges[:middle], left, other),
        *_search(ranges[middle:], right, other),
    ]


def _assembled(steps: list[tuple[str | None, Step]]) -> Program:
    places = {label: number for number, (label, _) in enumerate(steps) if label is not None}
    found: Program = []
    for number, (_, step) in enumerate(steps):

        def distance(label: str | None, here: int = number) -> int:
            return 0 if label is None else places[label] - here - 1

        if step.code == JUMP:
            found.append((JUMP, 0, 0, distance(step.true)))
        else:
            found.append((step.code, distance(step.true), distance(step.false), step.k))
    return found
