"""Juniper's headers: the packet behind them on each line, and what holds none."""

from __future__ import annotations

from .headers import PACKET, checks_of, snap
from .makers import ethernet

EXTENSIONS = b"MGC\x81\0\6" + b"\1\4\0\0\0\x47"
SAME = {
    "Ethernet": (178, b"MGC\1" + ethernet(PACKET)),
    "Ethernet with extensions": (178, EXTENSIONS + ethernet(PACKET)),
    "no link header": (178, b"MGC\3" + b"\0\0\0\2" + PACKET),
    "PPP": (179, b"MGC\1\xff\x03\0\x21" + PACKET),
    "PPP without address and control": (179, b"MGC\1\0\x21" + PACKET),
    "Frame Relay": (180, b"MGC\1\x18\x41\3\xcc" + PACKET),
    "Cisco HDLC": (181, b"MGC\1\x0f\0\x08\0" + PACKET),
    "Cisco HDLC with extensions": (181, EXTENSIONS + b"\x0f\0\x08\0" + PACKET),
    "PPPoE": (167, b"MGC\1" + ethernet(b"\x11\0\0\1\0\x20\0\x21" + PACKET, 0x8864)),
    "ATM, 1": (137, b"MGC\1" + bytes(4) + snap(PACKET, 0x0800)),
    "ATM, 2": (135, b"MGC\1" + bytes(8) + snap(PACKET, 0x0800)),
}
NOTHING = {
    "another magic": (178, b"MGX\1" + bytes(60), {"malformed": 1}),
    "IPv6": (178, b"MGC\3\0\0\0\2\x60" + bytes(39), {"not_ipv4": 1, "ipv6": 1}),
    "ATM's management": (137, b"MGC\1\x80" + bytes(60), {"not_ipv4": 1}),
    "extensions that go on beyond the frame": (181, b"MGC\x81\1\0" + bytes(60), {"malformed": 1}),
    "another line of Juniper's": (130, b"MGC\1" + bytes(60), {"unsupported_link": 1}),
}


(
    test_each_gives_the_same_packet,
    test_cut_off_anywhere_it_is_malformed_or_truncated_never_another,
    test_what_holds_no_packet_is_counted_for_what_it_is,
) = checks_of(SAME, NOTHING)
