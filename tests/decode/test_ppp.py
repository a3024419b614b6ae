"""PPP's protocol field: of one octet or two, in PPP and in PPPoE."""

from __future__ import annotations

from .headers import PACKET, checks_of, label
from .makers import ethernet

SAME = {
    "PPP": (9, b"\0\x21" + PACKET),
    "PPP, short protocol": (9, b"\x21" + PACKET),
    "PPP, MPLS": (9, b"\x02\x81" + label(PACKET)),
    "PPP, MPLS multicast": (9, b"\x02\x83" + label(PACKET)),
    "multilink, all in one fragment": (9, b"\xff\3\0\x3d\xc0\0\0\1\0\x21" + PACKET),
    "multilink, short protocols": (9, b"\x3d\xc0\0\0\1\x21" + PACKET),
    "bridged Ethernet": (9, b"\xff\3\0\x31\0\1" + ethernet(PACKET)),
    "in PPPoE, short protocol": (1, ethernet(b"\x11\0\0\1\0\x20\x21" + PACKET, 0x8864)),
}
NOTHING = {
    "IPv6 in PPP": (9, b"\0\x57" + bytes(40), {"not_ipv4": 1, "ipv6": 1}),
    "PPP's LCP": (9, b"\xc0\x21" + bytes(40), {"not_ipv4": 1}),
    "half a protocol": (9, b"\0", {"malformed": 1}),
    "no protocol": (9, b"\xff\x03", {"malformed": 1}),
    "multilink, a first fragment": (9, b"\0\x3d\x80\0\0\1\0\x21" + PACKET, {"not_ipv4": 1}),
    "a bridged ring": (9, b"\0\x31\0\3" + bytes(60), {"not_ipv4": 1}),
    "compressed TCP": (9, b"\0\x2d" + PACKET, {"not_ipv4": 1}),
}


(
    test_each_gives_the_same_packet,
    test_cut_off_anywhere_it_is_malformed_or_truncated_never_another,
    test_what_holds_no_packet_is_counted_for_what_it_is,
) = checks_of(SAME, NOTHING)
