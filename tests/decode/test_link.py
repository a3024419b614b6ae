"""Every link layer gives the same packet; what holds none is counted. Those of families of links have tests of their own."""

from __future__ import annotations

import struct

from .headers import PACKET, checks_of, label, snap, tag
from .makers import MACS, decoded, ethernet, udp
from .test_ethernet import SAME as ON_ETHERNET
from .test_host_link import SAME as OF_HOSTS
from .test_juniper_link import SAME as OF_JUNIPER
from .test_ppp import SAME as IN_PPP
from .test_radio import SAME as BY_RADIO
from .test_rare_link import SAME as ON_RARE
from .test_wan_link import SAME as OVER_WAN


def erf(kind: int, inner: bytes, extensions: bytes = b"") -> bytes:
    """A record of Endace's."""
    head = struct.pack("<QBB", 0, kind | (0x80 if extensions else 0), 4)
    return head + struct.pack(">HHH", 16 + len(extensions) + len(inner), 0, len(inner)) + extensions + inner


SAME = {
    "RAW": (101, PACKET),
    "RAW of BSD": (12, PACKET),
    "RAW of OpenBSD": (14, PACKET),
    "IPV4": (228, PACKET),
    "SLL": (113, bytes(14) + b"\x08\0" + PACKET),
    "SLL with a tag": (113, bytes(14) + b"\x81\0" + tag(0x8100, PACKET, 0x0800)),
    "SLL2": (276, b"\x08\0" + bytes(18) + PACKET),
    "PPPoE alone": (51, b"\x11\0\0\1\0\x20\0\x21" + PACKET),
    "PPI": (192, struct.pack("<BBHI", 0, 0, 8, 1) + ethernet(PACKET)),
    "PKTAP": (258, struct.pack("<III", 108, 1, 1) + bytes(96) + ethernet(PACKET)),
    "MPLS alone": (219, label(PACKET)),
    "ATM with LLC": (100, snap(PACKET, 0x0800)),
    "FDDI": (10, b"\x50" + MACS + snap(PACKET, 0x0800)),
    "IP over Fibre Channel": (122, bytes(16) + snap(PACKET, 0x0800)),
    "IP over FireWire": (138, bytes(16) + b"\x08\0" + PACKET),
    "netANALYZER": (240, bytes(4) + ethernet(PACKET)),
    "ERF, Ethernet": (197, erf(2, b"\0\0" + ethernet(PACKET))),
    "ERF with extension headers": (197, erf(16, b"\0\0" + ethernet(PACKET), b"\x83" + bytes(7) + b"\4" + bytes(7))),
    "ERF, Cisco HDLC": (197, erf(1, b"\x0f\0\x08\0" + PACKET)),
    "ERF, PPP of a channel": (197, erf(5, bytes(4) + b"\xff\3\0\x21" + PACKET)),
    "ERF, ATM": (197, erf(4, bytes(4) + snap(PACKET, 0x0800))),
    "ERF, ATM of a channel": (197, erf(9, bytes(8) + snap(PACKET, 0x0800))),
    "ERF, IPv4": (197, erf(22, PACKET)),
    "SLL, GRE's": (113, b"\0\0\x03\x0a" + bytes(10) + b"\x08\0" + PACKET),
    "SLL, 802.2": (113, bytes(14) + b"\0\4" + snap(PACKET, 0x0800)),
    "ATM with LLC, Linux's": (106, snap(PACKET, 0x0800)),
    "netANALYZER with preamble": (241, bytes(12) + ethernet(PACKET)),
    "PPI, PPP": (192, struct.pack("<BBHI", 0, 0, 12, 9) + bytes(4) + b"\0\x21" + PACKET),
}
NOTHING = {
    "IPv6, raw": (101, b"\x60" + bytes(39), {"not_ipv4": 1, "ipv6": 1}),
    "IPv6, its own link": (229, b"\x60" + bytes(39), {"not_ipv4": 1, "ipv6": 1}),
    "version 5": (1, ethernet(b"\x55" + PACKET[1:]), {"malformed": 1}),
    "header length 16": (1, ethernet(b"\x44" + PACKET[1:]), {"malformed": 1}),
    "total length 19": (1, ethernet(PACKET[:2] + b"\0\x13" + PACKET[4:]), {"malformed": 1}),
    "USB": (189, bytes(60), {"unsupported_link": 1}),
    "a link of tomorrow": (65_535, bytes(60), {"unsupported_link": 1}),
    "nothing": (1, b"", {"malformed": 1}),
    "PPI of a link that isn't read": (192, struct.pack("<BBHI", 0, 0, 8, 189) + bytes(60), {"unsupported_link": 1}),
    "PPI in PPI": (192, struct.pack("<BBHI", 0, 0, 8, 192) * 9, {"unsupported_link": 1}),
    "PPI that lies": (192, struct.pack("<BBHI", 0, 0, 7, 1) + ethernet(PACKET), {"malformed": 1}),
    "PKTAP that lies": (258, struct.pack("<III", 107, 1, 1) + bytes(160), {"malformed": 1}),
    "ERF, IPv6": (197, erf(23, b"\x60" + bytes(39)), {"not_ipv4": 1, "ipv6": 1}),
    "ERF, InfiniBand": (197, erf(21, bytes(60)), {"unsupported_link": 1}),
    "ERF whose extensions don't end": (197, erf(2, b"", b"\x83" + bytes(7)), {"malformed": 1}),
    "raw, version 5": (101, b"\x55" + PACKET[1:], {"not_ipv4": 1}),
}


(
    test_each_gives_the_same_packet,
    test_cut_off_anywhere_it_is_malformed_or_truncated_never_another,
    test_what_holds_no_packet_is_counted_for_what_it_is,
) = checks_of(SAME, NOTHING)


def test_links_may_differ_frame_by_frame() -> None:
    every = [
        *SAME.values(),
        *ON_ETHERNET.values(),
        *OF_HOSTS.values(),
        *IN_PPP.values(),
        *BY_RADIO.values(),
        *OVER_WAN.values(),
        *OF_JUNIPER.values(),
        *ON_RARE.values(),
    ]
    rows, counters = decoded([frame for _, frame in every], [link for link, _ in every])
    assert {row["packet"] for row in rows} == {PACKET}
    assert counters == {"frames": len(every), "stored": len(every)}


def test_what_is_not_for_a_monitored_block_is_outside() -> None:
    inside = [udp(destination=0xC633_6400 + n) for n in (0, 127, 128, 255)]
    rows, counters = decoded(inside, 101, block="H/25=198.51.100.0/25")
    assert [row["destination"] & 255 for row in rows] == [0, 127]
    assert counters == {"frames": 4, "stored": 2, "outside": 2}
