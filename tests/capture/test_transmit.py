"""Frames put into the sending ring, as its layout says, leave by the interface; slots come back."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from ims.capture.afpacket import interface
from ims.capture.transmit import BLOCK, DATA, SLOT, VNET, Outgoing
from ims.simulate.namespaces import Namespaces, ip, may_make_namespaces

from .wire import KIND, frame, inside

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)
PATIENCE = 60


@pytest.fixture(scope="module")
def net() -> Iterator[Namespaces]:
    with Namespaces() as made:
        yield made


@pytest.fixture
def peer(net: Namespaces) -> Iterator[socket.socket]:
    """Receives frames of KIND at the other end of the wire."""

    def opened() -> socket.socket:
        takes = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(KIND))
        takes.bind(("eth0", KIND))
        takes.settimeout(PATIENCE)
        return takes

    with inside(net.peer, opened) as takes:
        yield takes


def outgoing(net: Namespaces, blocks: int = 1, slot: int = SLOT) -> Outgoing:
    def opened() -> Outgoing:
        return Outgoing(interface("eth0"), blocks, slot)

    return inside(net.machine, opened)


def put(wire: Outgoing, number: int, octets: bytes, hand_over: bool = True) -> None:
    """Fill a slot by the letter of `Slots`."""
    size = int(wire.slots.layout[0])
    at = number * size
    slot = wire.slots.octets[at : at + size]
    assert slot[:4].tolist() == [0] * 4
    head = struct.pack("<BBHHHH", 0, 0, len(octets), 0, 0, 0)
    slot[4:8] = list(struct.pack("<I", len(octets) + VNET))
    slot[DATA - VNET : DATA + len(octets)] = list(head + octets)
    if hand_over:
        slot[0] = 1


def wait_until_free(wire: Outgoing, count: int) -> None:
    size = int(wire.slots.layout[0])
    deadline = time.monotonic() + PATIENCE
    while wire.slots.octets[: count * size : size].any():
        assert time.monotonic() < deadline
        wire.send()


def test_frames_handed_over_leave_in_order_and_their_slots_come_back(net: Namespaces, peer: socket.socket) -> None:
    sent = [frame(bytes([number]) * (46 + number)) for number in range(100)]
    with closing(outgoing(net)) as wire:
        for number, octets in enumerate(sent):
            put(wire, number, octets)
        wire.send()
        assert [peer.recv(4096) for _ in sent] == sent
        wait_until_free(wire, len(sent))
        put(wire, len(sent), frame(b"the next"))
        wire.send()
        assert peer.recv(4096) == frame(b"the next")


def test_a_slot_that_was_not_handed_over_is_not_sent(net: Namespaces, peer: socket.socket) -> None:
    with closing(outgoing(net)) as wire:
        put(wire, 0, frame(b"first"))
        put(wire, 1, frame(b"not yet"), hand_over=False)
        wire.send()
        assert peer.recv(4096) == frame(b"first")
        wire.slots.octets[SLOT] = 1
        wire.send()
        assert peer.recv(4096) == frame(b"not yet")


@pytest.mark.parametrize("slot", [256, 2048])
def test_a_ring_has_as_many_slots_as_fit_and_a_frame_may_fill_one(
    net: Namespaces, peer: socket.socket, slot: int
) -> None:
    with closing(outgoing(net, 2, slot)) as wire:
        assert wire.slots.layout.tolist() == [slot, DATA, 2 * BLOCK // slot]
        assert wire.slots.octets.size == 2 * BLOCK
        longest = frame(bytes(range(256)) * 6)[: min(slot - DATA, 1514)]
        put(wire, 0, longest)
        wire.send()
        assert peer.recv(4096) == longest


def test_an_interface_that_is_down_is_said_and_what_was_filled_waits(net: Namespaces, peer: socket.socket) -> None:
    with closing(outgoing(net)) as wire:
        ip(f"-n {net.machine} link set eth0 down")
        put(wire, 0, frame(b"patient"))
        with pytest.raises(OSError, match="Network is down"):
            wire.send()
        assert wire.slots.octets[0] == 1
        ip(f"-n {net.machine} link set eth0 up")
        net.wait_for_carrier(net.machine)
        wait_until_free(wire, 1)
        assert peer.recv(4096) == frame(b"patient")


def test_a_slot_that_divides_no_block_is_refused(net: Namespaces) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        outgoing(net, slot=24)
