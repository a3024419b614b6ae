"""Cisco's HDLC, PPP in HDLC, Frame Relay: the packet in them, and what holds none."""

from __future__ import annotations

from .headers import PACKET, checks_of, label
from .makers import ethernet

SAME = {
    "PPP with address and control": (9, b"\xff\x03\0\x21" + PACKET),
    "PPP in HDLC": (50, b"\xff\x03\0\x21" + PACKET),
    "PPP in HDLC, Cisco's": (50, b"\x0f\0\x08\0" + PACKET),
    "PPP in HDLC, Cisco's broadcast": (50, b"\x8f\0\x08\0" + PACKET),
    "Cisco HDLC": (104, b"\x0f\0\x08\0" + PACKET),
    "Cisco HDLC, MPLS": (104, b"\x0f\0\x88\x47" + label(PACKET)),
    "Frame Relay": (107, b"\x18\x41\3\xcc" + PACKET),
    "Frame Relay, Cisco's": (107, b"\x18\x41\x08\0" + PACKET),
    "Frame Relay, SNAP": (107, b"\x18\x41\3\0\x80\0\0\0\x08\0" + PACKET),
    "Frame Relay, four octets": (107, b"\x18\x40\x02\x05\3\xcc" + PACKET),
    "Frame Relay, padded": (107, b"\x18\x41\3\0\xcc" + PACKET),
    "Frame Relay, PPP": (107, b"\x18\x41\3\xcf\0\x21" + PACKET),
    "Frame Relay, a direction before": (206, b"\1\x18\x41\3\xcc" + PACKET),
    "multilink Frame Relay": (182, b"\xc0\5\x18\x41\3\xcc" + PACKET),
    "multilink Frame Relay, a first fragment": (182, b"\x80\5\x18\x41\3\xcc" + PACKET),
    "Cisco HDLC, a network layer's number": (104, b"\x0f\0\xfe\xfe\3\xcc" + PACKET),
    "Cisco HDLC, a direction before": (205, b"\0\x0f\0\x08\0" + PACKET),
    "PPP, a direction before": (204, b"\0\xff\3\0\x21" + PACKET),
    "PPP, a direction instead of the address": (166, b"\1\3\0\x21" + PACKET),
    "Frame Relay, bridged": (107, b"\x18\x41\3\0\x80\0\x80\xc2\0\7" + ethernet(PACKET)),
}
NOTHING = {
    "Cisco's keepalive": (104, b"\x8f\0\x80\x35" + bytes(18), {"not_ipv4": 1}),
    "IPv6 in Cisco's HDLC": (104, b"\x0f\0\x86\xdd" + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "IPv6 in Frame Relay": (107, b"\x18\x41\3\x8e" + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "multilink Frame Relay, a later fragment": (182, b"\x40\5\x18\x41\3\xcc" + PACKET, {"not_ipv4": 1}),
    "multilink Frame Relay's control": (182, b"\xe0\1" + bytes(40), {"not_ipv4": 1}),
    "a direction and nothing": (204, b"", {"malformed": 1}),
    "Frame Relay's management": (107, b"\0\1\3\x08\0\x75" + bytes(9), {"not_ipv4": 1}),
    "Frame Relay, an address of one octet": (107, b"\x19" + PACKET, {"malformed": 1}),
    "Frame Relay, SNAP of a vendor": (107, b"\x18\x41\3\0\x80\0\0\x0c\x20\0" + PACKET, {"not_ipv4": 1}),
}


(
    test_each_gives_the_same_packet,
    test_cut_off_anywhere_it_is_malformed_or_truncated_never_another,
    test_what_holds_no_packet_is_counted_for_what_it_is,
) = checks_of(SAME, NOTHING)
