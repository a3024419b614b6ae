"""A kernel filter made from the blocks (classic BPF: bpf(4), Documentation/networking/filter.rst): traffic to other
addresses never reaches the ring, so it costs nothing.

It accepts too much rather than too little, and decoding decides again: up to two VLAN tags that nobody stripped are
skipped, and of more than RANGES ranges the nearest are joined.
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
    """One instruction; `true` and `false` are labels that it jumps to, None: the next instruction."""

    code: int
    k: int = 0
    true: str | None = None
    false: str | None = None
    label: str | None = None


Program = list[tuple[int, int, int, int]]


def program(
    ranges: Iterable[tuple[int, int]], link_header: bool, arp: bool = False, unwrap: Iterable[str] = ()
) -> Program:
    """Instructions (code, jt, jf, k) that accept IPv4 packets to `ranges` (first, last), on Ethernet or
    (`link_header` False) where frames begin at the IP header; ARP that asks for one of them if `arp`; and packets in
    which the tunnels of `unwrap` may be."""
    steps: list[Step] = []
    if link_header:
        for number, tags in enumerate((0, 4, 8)):
            steps += [
                Step(SET_X, tags, label=f"tags{number}"),
                Step(AT_X_16, 12),
                Step(EQUAL, IPV4, "ipv4"),
                Step(EQUAL, ARP, "arp" if arp else "reject"),
                *(Step(EQUAL, kind, f"tags{number + 1}") for kind in VLANS if number < 2),
                Step(JUMP, 0, "reject"),
            ]
    base = 14 if link_header else NETWORK
    byte, word = (AT_X_8, AT_X_32) if link_header else (LOAD_8, LOAD_32)
    tunnels = set(unwrap)
    ports = udp_ports(sorted(tunnels))
    steps += [
        Step(byte, base + 9, label="ipv4"),
        *(Step(EQUAL, PROTOCOLS[name], "accept") for name in sorted(tunnels & PROTOCOLS.keys())),
        Step(word, base + 16),
        Step(JUMP, 0, "search"),
        *([Step(AT_X_32, 38, label="arp"), Step(JUMP, 0, "search")] if link_header and arp else []),
        Step(RETURN, ACCEPT, label="accept"),
        Step(RETURN, REJECT, label="reject"),
        # Ports last: a frame that ends before them is rejected there, and may be for a block.
        *_search(joined(ranges), "search", "udp" if ports else "none"),
        *(_udp_tunnels(ports, link_header) if ports else []),
        Step(RETURN, REJECT, label="none"),
    ]
    return _assembled(steps)


def _udp_tunnels(ports: Iterable[int], link_header: bool) -> list[Step]:
    """Accept some ports of UDP, behind an IP header of any length, and later fragments, which have no ports and are
    counted (decode/tunnel.py). X is the length of the tags."""
    byte, half, base = (AT_X_8, AT_X_16, 14) if link_header else (LOAD_8, LOAD_16, NETWORK)
    # With link headers it may be ARP for another address.
    steps = [Step(AT_X_16, 12), Step(EQUAL, IPV4, None, "none")] if link_header else []
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
        Step(RETURN, ACCEPT, label="tunnel"),
    ]
    return [steps[0]._replace(label="udp"), *steps[1:]]


def joined(ranges: Iterable[tuple[int, int]], most: int = RANGES) -> list[tuple[int, int]]:
    """The ranges, sorted; adjacent ones joined, and, beyond `most`, those with the smallest gaps too."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    gaps = sorted(range(1, len(found)), key=lambda i: found[i][0] - found[i - 1][1])
    for number in sorted(gaps[: max(0, len(found) - most)], reverse=True):  # the last first: others keep their numbers
        found[number - 1 : number + 1] = [(found[number - 1][0], found[number][1])]
    return found


def _search(ranges: list[tuple[int, int]], label: str, other: str) -> list[Step]:
    """A binary search for the address in A; where it is in no range, `other` is next."""
    if len(ranges) == 1:
        first, last = ranges[0]
        return [
            Step(AT_LEAST, first, f"{label}+", label=label),
            Step(JUMP, 0, other),
            Step(ABOVE, last, None, f"{label}=", label=f"{label}+"),
            Step(JUMP, 0, other),
            Step(RETURN, ACCEPT, label=f"{label}="),
        ]
    middle = len(ranges) // 2
    left, right = f"{label}0", f"{label}1"
    return [
        Step(AT_LEAST, ranges[middle][0], None, left, label=label),
        Step(JUMP, 0, right),
        *_search(ranges[:middle], left, other),
        *_search(ranges[middle:], right, other),
    ]


def _assembled(steps: list[Step]) -> Program:
    places = {step.label: number for number, step in enumerate(steps)}
    found: Program = []
    for number, step in enumerate(steps):

        def distance(label: str | None, here: int = number) -> int:
            return 0 if label is None else places[label] - here - 1

        if step.code == JUMP:
            found.append((JUMP, 0, 0, distance(step.true)))
        else:
            found.append((step.code, distance(step.true), distance(step.false), step.k))
    return found
