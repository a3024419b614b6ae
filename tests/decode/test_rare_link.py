"""Token Ring, ARCNET, SLIP and the like: the packet in them, and what holds none."""

from __future__ import annotations

from .headers import PACKET, checks_of, snap
from .makers import MACS, ethernet

RING = b"\x10\x40" + MACS
ROUTED = RING[:8] + bytes([RING[8] | 0x80]) + RING[9:]
SAME = {
    "Token Ring": (6, RING + snap(PACKET, 0x0800)),
    "Token Ring, a source's route": (6, ROUTED + b"\x06\x30\1\2\3\4" + snap(PACKET, 0x0800)),
    "ARCNET": (7, b"\1\2\xd4\0\0\1" + PACKET),
    "ARCNET, RFC 1051": (7, b"\1\2\xf0" + PACKET),
    "ARCNET, an exception's frame": (7, b"\1\2\xd4\xff\xff\xff\xff\0\0\1" + PACKET),
    "ARCNET, the first of fragments": (7, b"\1\2\xd4\3\0\1" + PACKET),
    "ARCNET of Linux": (129, b"\1\2\0\0\xd4\0\0\1" + PACKET),
    "ARCNET of Linux, RFC 1051": (129, b"\1\2\0\0\xf0" + PACKET),
    "SLIP": (8, bytes(16) + PACKET),
    "SLIP, a header that came compressed": (8, b"\0\x80" + bytes(14) + PACKET),
    "Symantec's firewall": (99, bytes(6) + b"\x08\0" + bytes(36) + PACKET),
    "SunATM": (123, b"\2\0\0\x21" + snap(PACKET, 0x0800)),
    "SunATM, LAN emulation": (123, b"\1\0\0\x21\0\1" + ethernet(PACKET)),
}
NOTHING = {
    "the ring's own frame": (6, b"\x10\0" + MACS + bytes(40), {"not_ipv4": 1}),
    "ARCNET, a later fragment": (7, b"\1\2\xd4\2\0\1" + PACKET, {"not_ipv4": 1}),
    "ARP on ARCNET": (7, b"\1\2\xd5\0\0\1" + bytes(20), {"not_ipv4": 1, "arp": 1}),
    "ARP on ARCNET, RFC 1051": (7, b"\1\2\xf1" + bytes(20), {"not_ipv4": 1, "arp": 1}),
    "IPv6 on ARCNET": (7, b"\1\2\xc4\0\0\1" + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "IPX on ARCNET": (7, b"\1\2\xfa" + bytes(40), {"not_ipv4": 1}),
    "SLIP, IPv6": (8, bytes(16) + b"\x60" + bytes(39), {"not_ipv4": 1, "ipv6": 1}),
    "ATM's signals": (123, b"\6\0\0\5" + bytes(40), {"not_ipv4": 1}),
}


(
    test_each_gives_the_same_packet,
    test_cut_off_anywhere_it_is_malformed_or_truncated_never_another,
    test_what_holds_no_packet_is_counted_for_what_it_is,
) = checks_of(SAME, NOTHING)
