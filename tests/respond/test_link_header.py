"""A reply goes back to the address and through the VLANs that its packet came from, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ims.capture.transmit import DATA, SLOT
from ims.respond import link_header
from ims.respond import segment as segment_of_replies
from ims.respond.link_header import LONGEST, NO_WAY, put_link

from ..decode.makers import MACS
from .answers import SYN, Desk, read, segment

ETHERNET, RAW, SLL = 1, 101, 113
TAGS = {0x8100: "8100", 0x88A8: "88a8", 0x9100: "9100"}


def test_the_longest_reply_fits_a_slot():
    """What the writers of headers, which check no bounds, are promised."""
    assert DATA + link_header.LONGEST + segment_of_replies.LARGEST <= SLOT


def test_a_reply_goes_back_through_the_vlan_it_came_from():
    plain = segment(SYN)
    tagged = plain[:12] + bytes.fromhex("88a80064 8100e00a") + plain[12:]
    [frame] = Desk().answer(tagged)
    assert frame[12:22] == bytes.fromhex("88a80064 8100e00a 0800")
    [frame] = Desk().answer(plain, vlan=0x8100000A)
    assert frame[12:18] == bytes.fromhex("8100000a 0800")
    read(frame, 18)
    labelled = plain[:12] + bytes.fromhex("8847 000011ff") + plain[14:]
    desk = Desk()
    assert desk.answer(labelled) == []
    assert desk.counted == {"no_way": 1}


def test_a_reply_without_a_link_header():
    [packet] = Desk().answer(segment(SYN)[14:], link=101)
    read(packet, 0)


def header(frame: bytes, ip: int, link: int = ETHERNET, vlan: int = 0, before: int = 5) -> bytes | None:
    """What is written; None: there is no way."""
    octets = np.frombuffer(b"\xff" * before + frame, np.uint8)
    out = np.full(60, 0x55, np.uint8)
    length = int(put_link(octets, before, before + ip, link, vlan, out, 7))
    if length == NO_WAY:
        assert (out == 0x55).all()
        return None
    assert set(out[:7].tolist()) == set(out[7 + length :].tolist()) == {0x55}
    assert length <= LONGEST
    return out[7 : 7 + length].tobytes()


@given(st.lists(st.tuples(st.sampled_from(sorted(TAGS)), st.integers(0, 0xFFFF)), max_size=5), st.booleans())
@example([(0x8100, 5)] * 3, False)
@example([(0x8100, 5)] * 3, True)
def test_addresses_change_places_and_tags_stay_up_to_three(tags: list[tuple[int, int]], stripped: bool) -> None:
    between = b"".join(kind.to_bytes(2, "big") + tag.to_bytes(2, "big") for kind, tag in tags)
    frame = MACS + between + b"\x08\0\x45"
    found = header(frame, len(frame) - 1, vlan=0x8100000A if stripped else 0)
    own = bytes.fromhex("8100000a") if stripped else b""
    if len(tags) + stripped > 3:
        assert found is None
    else:
        assert found == MACS[6:] + MACS[:6] + own + between + b"\x08\0"


@pytest.mark.parametrize("place", [0, 6])
def test_there_is_no_way_to_or_from_a_group(place: int) -> None:
    frame = bytearray(MACS + b"\x08\0\x45")
    frame[place] |= 1
    assert header(bytes(frame), 14) is None


@pytest.mark.parametrize(
    ("between", "link"),
    [
        ("86dd", ETHERNET),
        ("8847000011ff", ETHERNET),
        ("886411000001000208 00".replace(" ", ""), ETHERNET),
        ("0800", SLL),
    ],
)
def test_there_is_no_way_back_into_what_is_no_plain_ethernet(between: str, link: int) -> None:
    frame = MACS + bytes.fromhex(between) + b"\x45"
    assert header(frame, len(frame) - 1, link) is None


def test_a_packet_in_a_tunnel_has_no_way_and_one_without_a_link_header_needs_none() -> None:
    assert header(b"\x45" + bytes(60), 0, RAW) == b""
    assert header(b"\x45" + bytes(60), 24, RAW) is None
    assert header(MACS + b"\x08\0\x45" + bytes(60), 38) is None


@given(
    st.binary(max_size=60), st.integers(-3, 60), st.sampled_from([ETHERNET, RAW, SLL]), st.sampled_from([0, 0x8100000A])
)
def test_whatever_the_octets_what_is_written_is_a_link_header_or_nothing(
    frame: bytes, ip: int, link: int, vlan: int
) -> None:
    found = header(frame, ip, link, vlan)
    if found:
        assert link == ETHERNET and ip <= len(frame)
        assert (found[:6], found[6:12], found[-2:]) == (frame[6:12], frame[:6], b"\x08\0")
