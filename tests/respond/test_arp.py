"""ARP is answered for dark addresses alone, by the same way back, whatever is asked."""

from __future__ import annotations

import dpkt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.capture.transmit import ROOM, SLOT
from ims.respond.arp import request_at

from ..decode.makers import MACS
from ..effort import examples
from .answers import SENDING, SYN, Desk, segment

OURS = b"\x02ims\x00\x01"
TAG = bytes.fromhex("8100000a")


def arp(operation: int = 1, sender: str = "c6120001", target: str = "c6336407", tag: bytes = b"") -> bytes:
    body = (
        bytes.fromhex(f"000108000604{operation:04x}")
        + MACS[6:]
        + bytes.fromhex(sender)
        + bytes(6)
        + bytes.fromhex(target)
    )
    return b"\xff" * 6 + MACS[6:] + tag + b"\x08\x06" + body


def test_arp_is_answered_for_dark_addresses_only() -> None:
    desk = Desk()
    [frame] = desk.answer(arp(), arp=True, kind=1)
    assert len(frame) == 60
    assert frame[:14] == MACS[6:] + b"\x02ims\x00\x01" + b"\x08\x06"
    assert frame[14:42] == (
        bytes.fromhex("0001080006040002")
        + b"\x02ims\x00\x01"
        + bytes.fromhex("c6336407")
        + MACS[6:]
        + bytes.fromhex("c6120001")
    )
    [frame] = desk.answer(arp(tag=bytes.fromhex("8100000a")), arp=True)
    assert frame[12:18] == bytes.fromhex("8100000a0806")
    for other in (
        arp(target="c6336507"), arp(operation=2), arp(sender="00000000"), arp(sender="c6336407"), arp(sender="c6336408"),
        arp()[:40], segment(SYN),
    ):  # fmt: skip
        assert desk.answer(other, arp=True) == []


@pytest.mark.parametrize("tags", [0, 1, 2])
def test_an_answer_is_what_dpkt_reads_as_one(tags: int) -> None:
    desk = Desk()
    [frame] = desk.answer(arp(tag=TAG * tags), arp=True)
    read = dpkt.ethernet.Ethernet(frame)
    assert (read.dst, read.src) == (MACS[6:], OURS)
    answer = read.data
    assert isinstance(answer, dpkt.arp.ARP)
    assert answer.op == dpkt.arp.ARP_OP_REPLY
    assert (answer.sha, answer.spa) == (OURS, bytes([198, 51, 100, 7]))
    assert (answer.tha, answer.tpa) == (MACS[6:], bytes([198, 18, 0, 1]))
    assert len(frame) >= 60
    assert not any(frame[14 + 4 * tags + 28 :])
    assert desk.counted == {"arps": 1}


def test_a_tag_that_the_kernel_stripped_is_put_back() -> None:
    [frame] = Desk().answer(arp(), vlan=0x88A80005, arp=True)
    assert frame[12:18] == bytes.fromhex("88a800050806")


def test_senders_that_are_a_group_get_no_answer() -> None:
    sender = bytearray(arp())
    sender[6] |= 1
    claimed = bytearray(arp())
    claimed[14 + 8] |= 1
    assert Desk().answer(bytes(sender), bytes(claimed), arp=True) == []


def test_a_full_ring_is_counted_and_nothing_is_overwritten() -> None:
    desk = Desk(slots=2)
    desk.slots.octets[SLOT] = SENDING
    assert len(desk.answer(arp(), arp(), arp(), arp=True)) == 1
    assert desk.counted == {"arps": 1, "ring_full": 2}
    assert not desk.slots.octets[SLOT + 1 :].any()


@pytest.mark.parametrize("tags", [3, 4, 40, 60, 300])
def test_a_request_under_many_tags_writes_into_no_other_slot(tags: int) -> None:
    """A frame on the wire may hold some hundred of them; a slot holds fewer."""
    desk = Desk(slots=8)
    for slot in range(1, 8):
        desk.slots.octets[slot * SLOT] = SENDING
    before = desk.slots.octets.copy()
    replies = desk.answer(arp(tag=TAG * tags), arp(tag=TAG * tags), vlan=0x8100000A, arp=True)
    assert (desk.slots.octets[SLOT:] == before[SLOT:]).all()
    assert all(len(reply) <= ROOM for reply in replies)


@given(st.binary(max_size=80), st.integers(0, 41), st.integers(0, 255), st.integers(0, 3))
@settings(max_examples=examples(600, 150))
def test_a_request_is_found_where_dpkt_finds_one_and_nowhere_else(
    tail: bytes, place: int, value: int, tags: int
) -> None:
    octets = bytearray(arp() + tail)
    octets[place] = value
    octets[12:12] = TAG * tags
    body = 14 + 4 * tags
    found = request_at(np.frombuffer(bytes(octets), np.uint8), 0, len(octets))
    head = dpkt.arp.ARP(bytes(octets[body : body + 28]))
    right = (head.hrd, head.pro, head.hln, head.pln, head.op) == (1, 0x0800, 6, 4, 1)
    tagged_again = octets[body - 2 : body] in (b"\x81\0", b"\x88\xa8", b"\x91\0")
    if not tagged_again:
        assert found == (body if right and octets[body - 2 : body] == b"\x08\x06" else -1)
