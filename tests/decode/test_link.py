"""Every link layer, with any stack of tags and labels, gives the same packet; what holds none is counted."""

from __future__ import annotations

import struct

import pytest

from .makers import MACS, decoded, ethernet, udp

PACKET = udp(b"payload")


def tag(kind: int, inner: bytes, protocol: int) -> bytes:
    """What follows the type of a tagged frame."""
    return struct.pack(">HH", 7, protocol) + inner


def label(inner: bytes, bottom: bool = True) -> bytes:
    return struct.pack(">I", 16 << 12 | bottom << 8 | 64) + inner


def snap(inner: bytes, kind: int) -> bytes:
    return b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", kind) + inner


def attribute(kind: int, octets: bytes, order: str) -> bytes:
    """One of netfilter's."""
    return struct.pack(order + "HH", 4 + len(octets), kind) + octets + bytes(-len(octets) % 4)


def deep(tags: int) -> bytes:
    inner, kind = PACKET, 0x0800
    for _ in range(tags):
        inner, kind = tag(0x8100, inner, kind), 0x8100
    return ethernet(inner, kind)


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
    "RAW": (101, PACKET),
    "RAW of BSD": (12, PACKET),
    "RAW of OpenBSD": (14, PACKET),
    "IPV4": (228, PACKET),
    "NULL, little-endian": (0, b"\2\0\0\0" + PACKET),
    "NULL, big-endian": (0, b"\0\0\0\2" + PACKET),
    "LOOP": (108, b"\0\0\0\2" + PACKET),
    "PPP": (9, b"\0\x21" + PACKET),
    "PPP with address and control": (9, b"\xff\x03\0\x21" + PACKET),
    "PPP, short protocol": (9, b"\x21" + PACKET),
    "PPP in HDLC": (50, b"\xff\x03\0\x21" + PACKET),
    "PPP, MPLS": (9, b"\x02\x81" + label(PACKET)),
    "SLL": (113, bytes(14) + b"\x08\0" + PACKET),
    "SLL with a tag": (113, bytes(14) + b"\x81\0" + tag(0x8100, PACKET, 0x0800)),
    "SLL2": (276, b"\x08\0" + bytes(18) + PACKET),
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
    "Cisco HDLC": (104, b"\x0f\0\x08\0" + PACKET),
    "Cisco HDLC, MPLS": (104, b"\x0f\0\x88\x47" + label(PACKET)),
    "PPP in HDLC, Cisco's": (50, b"\x0f\0\x08\0" + PACKET),
    "PPP in HDLC, Cisco's broadcast": (50, b"\x8f\0\x08\0" + PACKET),
    "PPPoE alone": (51, b"\x11\0\0\1\0\x20\0\x21" + PACKET),
    "Frame Relay": (107, b"\x18\x41\3\xcc" + PACKET),
    "Frame Relay, Cisco's": (107, b"\x18\x41\x08\0" + PACKET),
    "Frame Relay, SNAP": (107, b"\x18\x41\3\0\x80\0\0\0\x08\0" + PACKET),
    "Frame Relay, four octets": (107, b"\x18\x40\x02\x05\3\xcc" + PACKET),
    "ENC": (109, b"\2\0\0\0" + bytes(8) + PACKET),
    "PFLOG": (117, b"\x3d\2\0\0eth0" + bytes(56) + PACKET),
    "IPNET": (226, b"\1\2" + bytes(22) + PACKET),
    "NFLOG": (239, b"\2\0\0\0" + attribute(1, bytes(4), "<") + attribute(9, PACKET, "<")[:-1]),
    "NFLOG, a prefix to be padded": (239, b"\2\0\0\0" + attribute(10, b"drop\0", "<") + attribute(9, PACKET, "<")[:-1]),
    "NFLOG, big-endian": (239, b"\2\0\0\0" + attribute(1, bytes(4), ">") + attribute(9, PACKET, ">")[:-1]),
    "802.11": (105, b"\x08\1" + bytes(22) + snap(PACKET, 0x0800)),
    "802.11 with QoS, four addresses": (105, b"\x88\3" + bytes(30) + snap(PACKET, 0x0800)),
    "radiotap": (127, b"\0\0\x08\0\0\0\0\0\x08\2" + bytes(22) + snap(PACKET, 0x0800)),
    "radiotap, padded": (127, b"\0\0\x09\0\2\0\0\0\x20\x88\2" + bytes(26) + snap(PACKET, 0x0800)),
    "Prism": (119, bytes(144) + b"\x08\2" + bytes(22) + snap(PACKET, 0x0800)),
    "Juniper Ethernet": (178, b"MGC\1" + ethernet(PACKET)),
    "Juniper Ethernet with extensions": (178, b"MGC\x81\0\6" + b"\1\4\0\0\0\x47" + ethernet(PACKET)),
    "PPI": (192, struct.pack("<BBHI", 0, 0, 8, 1) + ethernet(PACKET)),
    "PKTAP": (258, struct.pack("<III", 108, 1, 1) + bytes(96) + ethernet(PACKET)),
    "Broadcom's tag": (281, MACS + bytes(4) + b"\x08\0" + PACKET),
    "Broadcom's tag before": (282, bytes(4) + ethernet(PACKET)),
    "Marvell's DSA": (284, MACS + b"\xc0\x20\0\0" + b"\x08\0" + PACKET),
    "Marvell's EDSA": (285, MACS + b"\xda\xda\0\0\xc0\x20\0\0" + b"\x08\0" + PACKET),
    "MPLS alone": (219, label(PACKET)),
    "ATM with LLC": (100, snap(PACKET, 0x0800)),
    "FDDI": (10, b"\x50" + MACS + snap(PACKET, 0x0800)),
    "IP over Fibre Channel": (122, bytes(16) + snap(PACKET, 0x0800)),
    "IP over FireWire": (138, bytes(16) + b"\x08\0" + PACKET),
    "netANALYZER": (240, bytes(4) + ethernet(PACKET)),
    "SLL, GRE's": (113, b"\0\0\x03\x0a" + bytes(10) + b"\x08\0" + PACKET),
    "SLL, 802.2": (113, bytes(14) + b"\0\4" + snap(PACKET, 0x0800)),
}


@pytest.mark.parametrize("name", SAME)
def test_each_gives_the_same_packet(name: str) -> None:
    link, frame = SAME[name]
    [row], counters = decoded([frame], link)
    assert row["packet"] == PACKET
    assert row["payload"] == b"payload"
    assert (row["source_port"], row["destination_port"]) == (1025, 53)
    assert counters == {"frames": 1, "stored": 1}
    padded, _ = decoded([frame + bytes(18)], link)
    assert padded[0]["packet"] == PACKET


@pytest.mark.parametrize("name", SAME)
def test_cut_off_anywhere_it_is_malformed_or_truncated_never_another(name: str) -> None:
    link, frame = SAME[name]
    begins = frame.index(PACKET)
    for cut in range(len(frame)):
        rows, counters = decoded([frame], link, cut=cut)
        if cut < begins + 20:
            # One octet of PPP's may be a short protocol, and 802.3 without room for SNAP is something else.
            assert counters.get("malformed", 0) + counters.get("not_ipv4", 0) == 1, cut
            assert rows == []
        else:
            assert rows[0]["packet"] == PACKET[: cut - begins]
            assert rows[0]["truncated"] and counters["truncated"] == 1
            assert rows[0]["ip_length"] == len(PACKET)


NOTHING = {
    "ARP": (1, ethernet(bytes(28), 0x0806), {"not_ipv4": 1, "arp": 1}),
    "IPv6": (1, ethernet(b"\x60" + bytes(39), 0x86DD), {"not_ipv4": 1, "ipv6": 1}),
    "IPv6, raw": (101, b"\x60" + bytes(39), {"not_ipv4": 1, "ipv6": 1}),
    "IPv6, its own link": (229, b"\x60" + bytes(39), {"not_ipv4": 1, "ipv6": 1}),
    "IPv6 on BSD's loopback": (0, b"\x1e\0\0\0" + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "IPv6 in PPP": (9, b"\0\x57" + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "PPP's LCP": (9, b"\xc0\x21" + bytes(40), {"not_ipv4": 1}),
    "LLDP": (1, ethernet(bytes(40), 0x88CC), {"not_ipv4": 1}),
    "spanning tree": (1, ethernet(b"\x42\x42\x03" + bytes(40), 43), {"not_ipv4": 1}),
    "IPv6 below a label": (1, ethernet(label(b"\x60" + bytes(39)), 0x8847), {"not_ipv4": 1, "ipv6": 1}),
    "an Ethernet header cut off": (1, MACS, {"malformed": 1}),
    "labels without a bottom": (1, ethernet(label(b"", False) * 3, 0x8847), {"malformed": 1}),
    "a tag cut off": (1, ethernet(b"\0\7", 0x8100), {"malformed": 1}),
    "version 5": (1, ethernet(b"\x55" + PACKET[1:]), {"malformed": 1}),
    "header length 16": (1, ethernet(b"\x44" + PACKET[1:]), {"malformed": 1}),
    "total length 19": (1, ethernet(PACKET[:2] + b"\0\x13" + PACKET[4:]), {"malformed": 1}),
    "USB": (189, bytes(60), {"unsupported_link": 1}),
    "a beacon": (105, b"\x80\0" + bytes(60), {"not_ipv4": 1}),
    "802.11, encrypted": (105, b"\x08\x41" + bytes(60), {"not_ipv4": 1}),
    "NSH of length 0": (1, ethernet(bytes(40), 0x894F), {"malformed": 1}),
    "MACsec, encrypted": (1, ethernet(b"\x0c" + bytes(40), 0x88E5), {"not_ipv4": 1}),
    "a link of tomorrow": (65_535, bytes(60), {"unsupported_link": 1}),
    "nothing": (1, b"", {"malformed": 1}),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_holds_no_packet_is_counted_for_what_it_is(name: str) -> None:
    link, frame, counted = NOTHING[name]
    rows, counters = decoded([frame], link)
    assert rows == []
    assert counters == {"frames": 1, **counted}


def test_links_may_differ_frame_by_frame() -> None:
    rows, counters = decoded([frame for _, frame in SAME.values()], [link for link, _ in SAME.values()])
    assert {row["packet"] for row in rows} == {PACKET}
    assert counters == {"frames": len(SAME), "stored": len(SAME)}


def test_what_is_not_for_a_monitored_block_is_outside() -> None:
    inside = [udp(destination=0xC633_6400 + n) for n in (0, 127, 128, 255)]
    rows, counters = decoded(inside, 101, block="H/25=198.51.100.0/25")
    assert [row["destination"] & 255 for row in rows] == [0, 127]
    assert counters == {"frames": 4, "stored": 2, "outside": 2}
