"""Headers of loopbacks, firewalls' logs, switches' ports: the packet behind them, and what holds none."""

from __future__ import annotations

import struct

from .headers import PACKET, checks_of
from .makers import MACS, ethernet


def attribute(kind: int, octets: bytes, order: str) -> bytes:
    """One of netfilter's."""
    return struct.pack(order + "HH", 4 + len(octets), kind) + octets + bytes(-len(octets) % 4)


SAME = {
    "NULL, little-endian": (0, b"\2\0\0\0" + PACKET),
    "NULL, big-endian": (0, b"\0\0\0\2" + PACKET),
    "LOOP": (108, b"\0\0\0\2" + PACKET),
    "ENC": (109, b"\2\0\0\0" + bytes(8) + PACKET),
    "PFLOG": (117, b"\x3d\2\0\0eth0" + bytes(56) + PACKET),
    "IPNET": (226, b"\1\2" + bytes(22) + PACKET),
    "NFLOG": (239, b"\2\0\0\0" + attribute(1, bytes(4), "<") + attribute(9, PACKET, "<")[:-1]),
    "NFLOG, a prefix to be padded": (239, b"\2\0\0\0" + attribute(10, b"drop\0", "<") + attribute(9, PACKET, "<")[:-1]),
    "NFLOG, big-endian": (239, b"\2\0\0\0" + attribute(1, bytes(4), ">") + attribute(9, PACKET, ">")[:-1]),
    "Broadcom's tag": (281, MACS + bytes(4) + b"\x08\0" + PACKET),
    "Broadcom's tag before": (282, bytes(4) + ethernet(PACKET)),
    "Marvell's DSA": (284, MACS + b"\xc0\x20\0\0" + b"\x08\0" + PACKET),
    "Marvell's EDSA": (285, MACS + b"\xda\xda\0\0\xc0\x20\0\0" + b"\x08\0" + PACKET),
    "PFLOG, without padding": (117, b"\x30\2" + bytes(46) + PACKET),
}
NOTHING = {
    "IPv6 on BSD's loopback": (0, b"\x1e\0\0\0" + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "IPv6 on Linux's loopback": (0, b"\x0a\0\0\0" + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "Appletalk on BSD's loopback": (0, b"\x10\0\0\0" + PACKET, {"not_ipv4": 1}),
    "LOOP in another byte order": (108, b"\2\0\0\0" + PACKET, {"not_ipv4": 1}),
    "IPv6 in PFLOG": (117, b"\x3d\x18" + bytes(62) + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "PFLOG, too short a header": (117, b"\x1c\2" + bytes(62), {"malformed": 1}),
    "IPv6 in IPNET": (226, b"\1\x1a" + bytes(22) + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "IPv6 in NFLOG": (239, b"\x0a\0\0\0" + attribute(9, bytes(40), "<"), {"not_ipv4": 1, "ipv6": 1}),
    "NFLOG without a packet": (239, b"\2\0\0\0" + attribute(10, b"drop\0", "<"), {"malformed": 1}),
    "an attribute that lies": (239, b"\2\0\0\0\1\0\1\0" + attribute(9, PACKET, "<"), {"malformed": 1}),
    "ARP behind a switch's tag": (281, MACS + bytes(4) + b"\x08\6" + bytes(28), {"not_ipv4": 1, "arp": 1}),
}


(
    test_each_gives_the_same_packet,
    test_cut_off_anywhere_it_is_malformed_or_truncated_never_another,
    test_what_holds_no_packet_is_counted_for_what_it_is,
) = checks_of(SAME, NOTHING)
