"""Wireless frames, and what drivers put before them: the packet in them, and what holds none."""

from __future__ import annotations

import struct

from .headers import PACKET, checks_of, snap


def data() -> bytes:
    """The header of a data frame from an access point."""
    return b"\x08\2" + bytes(22)


SAME = {
    "802.11": (105, b"\x08\1" + bytes(22) + snap(PACKET, 0x0800)),
    "802.11 with QoS, four addresses": (105, b"\x88\3" + bytes(30) + snap(PACKET, 0x0800)),
    "radiotap": (127, b"\0\0\x08\0\0\0\0\0\x08\2" + bytes(22) + snap(PACKET, 0x0800)),
    "radiotap, padded": (127, b"\0\0\x09\0\2\0\0\0\x20\x88\2" + bytes(26) + snap(PACKET, 0x0800)),
    "Prism": (119, bytes(144) + b"\x08\2" + bytes(22) + snap(PACKET, 0x0800)),
    "802.11 with QoS": (105, b"\x88\1" + bytes(24) + snap(PACKET, 0x0800)),
    "802.11 with QoS and HT control": (105, b"\x88\x81" + bytes(28) + snap(PACKET, 0x0800)),
    "radiotap, time before the flags, not padded": (
        127,
        b"\0\0\x11\0\3\0\0\0" + bytes(9) + data() + snap(PACKET, 0x0800),
    ),
    "radiotap, two words of flags, padded": (
        127,
        b"\0\0\x0d\0\2\0\0\x80\0\0\0\0\x20\x88\2" + bytes(26) + snap(PACKET, 0x0800),
    ),
    "radiotap, time before the flags, padded": (
        127,
        b"\0\0\x11\0\3\0\0\0" + bytes(8) + b"\x20\x88\2" + bytes(26) + snap(PACKET, 0x0800),
    ),
    "AVS": (163, struct.pack(">II", 0x80211001, 64) + bytes(56) + data() + snap(PACKET, 0x0800)),
    "AVS, as Prism": (119, struct.pack(">II", 0x80211002, 64) + bytes(56) + data() + snap(PACKET, 0x0800)),
}
NOTHING = {
    "a beacon": (105, b"\x80\0" + bytes(60), {"not_ipv4": 1}),
    "802.11, encrypted": (105, b"\x08\x41" + bytes(60), {"not_ipv4": 1}),
    "data without data": (105, b"\x48\1" + bytes(60), {"not_ipv4": 1}),
    "an acknowledgment": (105, b"\xd4\0" + bytes(8), {"not_ipv4": 1}),
    "several frames in one": (105, b"\x88\1" + bytes(22) + b"\x80\0" + bytes(60), {"not_ipv4": 1}),
    "AVS without its magic": (163, bytes(80), {"malformed": 1}),
    "AVS that lies": (163, struct.pack(">II", 0x80211001, 1 << 31) + bytes(80), {"malformed": 1}),
    "radiotap of 7 octets": (127, b"\0\0\7\0\0\0\0" + bytes(60), {"malformed": 1}),
    "radiotap that ends in its flags": (127, b"\0\0\x09\0\2\0\0\x80\0" + b"\x80\0" + bytes(60), {"not_ipv4": 1}),
}


(
    test_each_gives_the_same_packet,
    test_cut_off_anywhere_it_is_malformed_or_truncated_never_another,
    test_what_holds_no_packet_is_counted_for_what_it_is,
) = checks_of(SAME, NOTHING)
