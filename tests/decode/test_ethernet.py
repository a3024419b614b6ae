"""Ethernet's types: tags, labels, pseudowires and LLC before a packet, and what holds none."""

from __future__ import annotations

import struct

from .headers import PACKET, checks_of, label, snap, tag
from .makers import MACS, ethernet


def deep(tags: int) -> bytes:
    inner, kind = PACKET, 0x0800
    for _ in range(tags):
        inner, kind = tag(0x8100, inner, kind), 0x8100
    return ethernet(inner, kind)


ISL = b"\x01\0\x0c\0\0"
ISL_REST = b"\xaa\xaa\x03" + MACS[6:9] + b"\0\x0e" + bytes(4)
SAME = {
    "Ethernet": (1, ethernet(PACKET)),
    "802.1Q": (1, ethernet(tag(0x8100, PACKET, 0x0800), 0x8100)),
    "802.1ad and 802.1Q": (1, ethernet(tag(0x88A8, tag(0x8100, PACKET, 0x0800), 0x8100), 0x88A8)),
    "a hundred tags": (1, deep(100)),
    "MPLS": (1, ethernet(label(PACKET), 0x8847)),
    "three labels": (1, ethernet(label(label(label(PACKET), False), False), 0x8847)),
    "MPLS upstream": (1, ethernet(label(PACKET), 0x8848)),
    "a tag and a label": (1, ethernet(tag(0x8100, label(PACKET), 0x8847), 0x8100)),
    "PPPoE": (1, ethernet(b"\x11\0\0\1\0\x20\0\x21" + PACKET, 0x8864)),
    "802.3 with SNAP": (1, ethernet(snap(PACKET, 0x0800), 8 + len(PACKET))),
    "0x9200": (1, ethernet(tag(0x9200, PACKET, 0x0800), 0x9200)),
    "a pseudowire with a control word": (1, ethernet(label(bytes(4) + ethernet(PACKET)), 0x8847)),
    "a pseudowire without": (1, ethernet(label(ethernet(PACKET)), 0x8847)),
    "a pseudowire from a MAC like IPv4": (1, ethernet(label(b"\x40" + ethernet(PACKET)[1:]), 0x8847)),
    "FabricPath": (1, MACS + b"\x89\x03\x04\x60" + ethernet(PACKET)),
    "VN-tag": (1, ethernet(b"\x80\0\0\1\x08\0" + PACKET, 0x8926)),
    "E-tag": (1, ethernet(b"\0\0\0\x10\0\0\x08\0" + PACKET, 0x893F)),
    "E-tag and 802.1Q": (1, ethernet(b"\0\0\0\x10\0\0\x81\0" + tag(0x8100, PACKET, 0x0800), 0x893F)),
    "PBB": (1, ethernet(struct.pack(">I", 5) + ethernet(PACKET), 0x88E7)),
    "PBB below 802.1ad": (1, ethernet(tag(0x88A8, struct.pack(">I", 5) + ethernet(PACKET), 0x88E7), 0x88A8)),
    "NSH": (1, ethernet(struct.pack(">HBBI", 0x0FC6, 1, 1, 0x1FF) + bytes(16) + PACKET, 0x894F)),
    "NSH, Ethernet": (1, ethernet(struct.pack(">HBBI", 0x0FC2, 2, 3, 0x1FF) + ethernet(PACKET), 0x894F)),
    "Cisco MetaData": (1, ethernet(b"\1\1\0\1\0\7\x08\0" + PACKET, 0x8909)),
    "Arista, 64 bits": (1, ethernet(b"\0\1\0\x10" + bytes(8) + b"\x08\0" + PACKET, 0xD28B)),
    "Arista, 48 bits": (1, ethernet(b"\0\1\0\x20" + bytes(6) + b"\x08\0" + PACKET, 0xD28B)),
    "MACsec, not encrypted": (1, ethernet(b"\x20\0\0\0\0\1" + bytes(8) + b"\x08\0" + PACKET, 0x88E5)),
    "802.2, IP": (1, ethernet(b"\6\6\3" + PACKET, 3 + len(PACKET))),
    "802.2, bridged": (1, ethernet(b"\xaa\xaa\3\0\x80\xc2\0\7\0\0" + ethernet(PACKET), 10 + 14 + len(PACKET))),
    "0x9100": (1, ethernet(tag(0x9100, PACKET, 0x0800), 0x9100)),
    "MACsec, not encrypted, without a channel": (1, ethernet(b"\0\0\0\0\0\1" + b"\x08\0" + PACKET, 0x88E5)),
    "NSH, MPLS": (1, ethernet(struct.pack(">HBBI", 0x0FC2, 2, 5, 0x1FF) + label(PACKET), 0x894F)),
    "NSH in NSH": (
        1,
        ethernet(struct.pack(">HBBI", 0x0FC2, 2, 4, 1) + struct.pack(">HBBI", 0x0FC2, 2, 1, 1) + PACKET, 0x894F),
    ),
    "802.3 with SNAP of bridges": (1, ethernet(b"\xaa\xaa\x03\0\0\xf8\x08\0" + PACKET, 8 + len(PACKET))),
    "HSR": (1, ethernet(b"\0\x30\0\1\x08\0" + PACKET, 0x892F)),
    "an R-tag below 802.1Q": (1, ethernet(tag(0x8100, b"\0\0\0\1\x08\0" + PACKET, 0xF1C1), 0x8100)),
    "TRILL": (1, ethernet(b"\0\x3f\0\1\0\2" + ethernet(PACKET), 0x22F3)),
    "TRILL with options": (1, ethernet(b"\0\x7f\0\1\0\2" + bytes(4) + ethernet(PACKET), 0x22F3)),
    "ISL": (1, ISL + b"\0" + MACS[6:] + b"\0\x40" + ISL_REST + ethernet(PACKET)),
    "ISL, the other group, a long frame": (
        1,
        b"\x0c" + ISL[1:] + b"\0" + MACS[6:] + b"\5\xfa" + ISL_REST + ethernet(PACKET),
    ),
    "ISL, 802.1Q in it": (
        1,
        ISL + b"\x30" + MACS[6:] + b"\0\x40" + ISL_REST + ethernet(tag(0x8100, PACKET, 0x0800), 0x8100),
    ),
    "jumbo LLC": (1, ethernet(snap(PACKET, 0x0800), 0x8870)),
    "LLC, a network layer's number": (1, ethernet(b"\xfe\xfe\3\xcc" + PACKET, 4 + len(PACKET))),
    "PPP": (1, ethernet(b"\0\x21" + PACKET, 0x880B)),
    "PPP with address and control": (1, ethernet(b"\xff\3\0\x21" + PACKET, 0x880B)),
    "a pseudowire of SNAP": (1, ethernet(label(bytes(4) + ethernet(snap(PACKET, 0x0800), 8 + len(PACKET))), 0x8847)),
    "a pseudowire of PBB": (1, ethernet(label(bytes(4) + ethernet(bytes(4) + ethernet(PACKET), 0x88E7)), 0x8847)),
    "a pseudowire from a MAC that begins with 1": (1, ethernet(label(b"\x10" + ethernet(PACKET)[1:]), 0x8847)),
    "a label's associated channel": (1, ethernet(label(b"\x10\0\0\x21" + PACKET), 0x8847)),
}
NOTHING = {
    "ARP": (1, ethernet(bytes(28), 0x0806), {"not_ipv4": 1, "arp": 1}),
    "IPv6": (1, ethernet(b"\x60" + bytes(39), 0x86DD), {"not_ipv4": 1, "ipv6": 1}),
    "LLDP": (1, ethernet(bytes(40), 0x88CC), {"not_ipv4": 1}),
    "spanning tree": (1, ethernet(b"\x42\x42\x03" + bytes(40), 43), {"not_ipv4": 1}),
    "IPv6 below a label": (1, ethernet(label(b"\x60" + bytes(39)), 0x8847), {"not_ipv4": 1, "ipv6": 1}),
    "an Ethernet header cut off": (1, MACS, {"malformed": 1}),
    "labels without a bottom": (1, ethernet(label(b"", False) * 3, 0x8847), {"malformed": 1}),
    "a tag cut off": (1, ethernet(b"\0\7", 0x8100), {"malformed": 1}),
    "NSH of length 0": (1, ethernet(bytes(40), 0x894F), {"malformed": 1}),
    "MACsec, encrypted": (1, ethernet(b"\x0c" + bytes(40), 0x88E5), {"not_ipv4": 1}),
    "NSH, IPv6": (1, ethernet(struct.pack(">HBBI", 0x0FC2, 2, 2, 1) + bytes(40), 0x894F), {"not_ipv4": 1, "ipv6": 1}),
    "NSH, nothing that is known": (
        1,
        ethernet(struct.pack(">HBBI", 0x0FC2, 2, 9, 1) + PACKET, 0x894F),
        {"not_ipv4": 1},
    ),
    "SNAP of a vendor": (1, ethernet(b"\xaa\xaa\x03\0\0\x0c\x20\0" + PACKET, 8 + len(PACKET)), {"not_ipv4": 1}),
    "MACsec, changed": (1, ethernet(b"\x04" + bytes(40), 0x88E5), {"not_ipv4": 1}),
    "Arista, no time that is known": (1, ethernet(b"\0\1\0\x30" + bytes(40), 0xD28B), {"not_ipv4": 1}),
    "labels above what nobody knows": (1, ethernet(label(b"\x10" + bytes(40)), 0x8847), {"not_ipv4": 1}),
    "TRILL cut off": (1, ethernet(b"\0\x3f\0", 0x22F3), {"malformed": 1}),
    "TRILL, IPv6": (1, ethernet(b"\0\x3f\0\1\0\2" + ethernet(bytes(40), 0x86DD), 0x22F3), {"not_ipv4": 1, "ipv6": 1}),
    "CDP": (1, b"\x01\0\x0c\xcc\xcc\xcc" + MACS[6:] + b"\0\x40" + ISL_REST + ethernet(PACKET), {"not_ipv4": 1}),
    "LLC, IS-IS": (1, ethernet(b"\xfe\xfe\3\x83" + bytes(40), 44), {"not_ipv4": 1}),
    "a label's associated channel, BFD": (1, ethernet(label(b"\x10\0\0\7" + bytes(40)), 0x8847), {"not_ipv4": 1}),
    "PPPoE discovery": (1, ethernet(bytes(40), 0x8863), {"not_ipv4": 1}),
}


(
    test_each_gives_the_same_packet,
    test_cut_off_anywhere_it_is_malformed_or_truncated_never_another,
    test_what_holds_no_packet_is_counted_for_what_it_is,
) = checks_of(SAME, NOTHING)
