"""Types of frames that aren't read: by number and name, in a table that nobody can fill without end."""

from __future__ import annotations

import numpy as np

from ims.darknet import Block, Darknet
from ims.decode.frame_types import SLOTS, count_type, frame_types, in_words, new_counters
from ims.decode.frames import decode_frames
from ims.decode.verdict import COUNTERS
from ims.records import packet_batch

from .makers import ethernet, frames_of, ip, udp

RANGES = Darknet([Block.parse("C=198.51.100.0/24")]).ranges()


def types_of(*frames: tuple[int, bytes]) -> list[dict[str, object]]:
    counters = new_counters()
    given = frames_of([octets for _, octets in frames], [link for link, _ in frames])
    decode_frames(given, 0, RANGES, 3, packet_batch(len(frames)), 0, counters)
    return frame_types(counters)


def test_types_are_named_by_number_and_name_most_frames_first() -> None:
    found = types_of(
        (189, bytes(60)), (189, bytes(60)), (1, ethernet(bytes(46), 0x88CC)), (60_000, b""), (1, ethernet(udp()))
    )
    assert [in_words(row) for row in found] == [
        "2 frames of link type 189 (USB_LINUX)",
        "1 frame of link type 1 (ETHERNET), Ethernet type 0x88cc (LLDP)",
        "1 frame of link type 60000",
    ]
    assert [row["counter"] for row in found] == ["unsupported_link", "not_ipv4", "unsupported_link"]
    assert (found[1]["link_type"], found[1]["ethernet_type"], found[1]["frames"]) == (1, 0x88CC, 1)


def test_users_own_link_types_and_new_ones_have_names() -> None:
    found = types_of((147, bytes(60)), (162, bytes(60)), (162, bytes(60)), (290, bytes(60)))
    assert [row["link_name"] for row in found] == ["USER15", "USER0", "ETW"]


def test_arp_and_ipv6_have_counters_of_their_own() -> None:
    assert types_of((1, ethernet(bytes(46), 0x0806)), (1, ethernet(bytes(46), 0x86DD)), (229, bytes(40))) == []


def test_a_type_below_tags_or_in_a_tunnel_is_told_and_what_has_none_too() -> None:
    gre = ip(47, b"\0\0\x88\xf7" + bytes(40), destination=1)
    found = types_of(
        (1, ethernet(b"\0\1\x88\xcc" + bytes(46), 0x8100)), (1, ethernet(gre)), (9, b"\xc0\x21" + bytes(9))
    )
    assert {(row["link_type"], row["ethernet_type"]) for row in found} == {(1, 0x88CC), (1, 0x88F7), (9, None)}


def test_more_types_than_fit_are_counted_together() -> None:
    counters = new_counters()
    for kind in range(SLOTS + 5):
        count_type(counters, 1, 2000 + kind)
    found = frame_types(counters)
    assert len(found) == SLOTS + 1
    assert in_words(found[-1]) == "5 frames of other types"
    assert (counters[: len(COUNTERS)] == 0).all()


def test_counters_without_the_table_stay_as_they_are() -> None:
    counters = np.zeros(len(COUNTERS), np.int64)
    count_type(counters, 1, 2000)
    assert not counters.any() and frame_types(counters) == []
