"""What the kernel says of interfaces, and frames of a wire between two namespaces as a ring gives them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ims.capture.afpacket import BLOCK, Interface, Ring, interface, is_up
from ims.packet.link_types import ETHERNET
from ims.simulate.namespaces import Namespaces, ip, may_make_namespaces

from .wire import OF_KIND, frame, inside

live = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")
LOOPBACK = 772
PATIENCE = 60
BROADCAST = 1
"""Of linux/if_packet.h."""


def test_an_interface_is_what_the_system_says_it_is() -> None:
    found = interface("lo")
    folder = Path("/sys/class/net/lo")
    said = [int((folder / name).read_text()) for name in ("ifindex", "type", "mtu")]
    assert [found.number, found.type, found.mtu] == said
    assert (found.name, found.mac, found.type) == ("lo", bytes(6), LOOPBACK)
    assert is_up("lo") == bool(int((folder / "flags").read_text(), 16) & 1)


def test_an_interface_that_is_absent_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(ValueError, match=r"there is no interface 'nowhere0'; there are .*lo") as refusal:
        interface("nowhere0")
    assert "\n" not in str(refusal.value)
    assert is_up("nowhere0") is None


@pytest.mark.parametrize(("kind", "has"), [(1, True), (LOOPBACK, True), (65_534, False), (778, False)])
def test_frames_of_ethernet_have_a_link_header_and_a_tunnel_s_have_none(kind: int, has: bool) -> None:
    assert Interface("x", 1, kind, bytes(6), 1500).has_link_header is has


@pytest.fixture(scope="module")
def net() -> Iterator[Namespaces]:
    with Namespaces() as made:
        yield made


@pytest.fixture
def peer(net: Namespaces) -> Iterator[socket.socket]:
    """Sends frames from the other end of the wire."""

    def opened() -> socket.socket:
        sends = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sends.bind(("eth0", 0))
        return sends

    with inside(net.peer, opened) as sends:
        yield sends


def ring_of(net: Namespaces, blocks: int = 64) -> Ring:
    def opened() -> Ring:
        return Ring(interface("eth0"), blocks, OF_KIND)

    return inside(net.machine, opened)


def taken(ring: Ring, count: int) -> list[tuple[bytes, int, int, int, int]]:
    """(octets, time, link, VLAN, kind) of at least so many frames, whose blocks are given back."""
    found: list[tuple[bytes, int, int, int, int]] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} frames came"
        if not ring.wait(1):
            continue
        frames = ring.next()
        assert frames is not None
        for row in range(frames.count):
            at, captured = int(frames.offset[row]), int(frames.captured[row])
            about = (frames.time[row], frames.link[row], ring.aside.vlan[row], ring.aside.kind[row])
            octets = frames.octets[at : at + captured].tobytes()
            found.append((octets, *(int(each) for each in about)))  # type: ignore[arg-type]
        ring.release()
    return found


@live
def test_frames_come_whole_and_in_order_and_blocks_go_back(net: Namespaces, peer: socket.socket) -> None:
    sent = [frame(number.to_bytes(2, "big") * (23 + number)) for number in range(200)]
    with closing(ring_of(net)) as ring:
        begun = time.time_ns()
        for octets in sent:
            peer.send(octets)
        found = taken(ring, len(sent))
        assert [octets for octets, *_ in found] == sent
        assert {link for _, _, link, _, _ in found} == {ETHERNET}
        assert all(begun - 10**9 < when < time.time_ns() + 10**9 for _, when, *_ in found)
        assert (ring.waiting(), ring.ready, ring.next()) == (0, False, None)
        assert ring.statistics() == (len(sent), 0)
        assert ring.statistics() == (0, 0)  # since the last call


@live
def test_a_tag_that_the_kernel_strips_stands_beside_its_frame(net: Namespaces, peer: socket.socket) -> None:
    with closing(ring_of(net)) as ring:
        for tag in ("", "81002007", "88a80005"):
            peer.send(frame(b"content", bytes.fromhex(tag)))
        found = taken(ring, 3)
    assert [octets for octets, *_ in found] == [frame(b"content")] * 3
    assert [vlan for _, _, _, vlan, _ in found] == [0, 0x8100_2007, 0x88A8_0005]


@live
def test_what_finds_no_room_is_counted_and_the_ring_goes_on(net: Namespaces, peer: socket.socket) -> None:
    content = bytes(1400)
    with closing(ring_of(net, blocks=2)) as ring:
        assert ring.blocks == 2
        many = 3 * ring.blocks * BLOCK // len(content)
        for _ in range(many):
            peer.send(frame(content))
        assert ring.wait(PATIENCE)
        seen, lost = ring.statistics()
        assert seen == many and lost > 0
        came = len(taken(ring, many - lost))
        assert came == many - lost
        peer.send(frame(b"after all"))
        assert taken(ring, 1)[-1][0] == frame(b"after all")


@live
def test_a_ring_that_takes_no_more_gives_what_it_has(net: Namespaces, peer: socket.socket) -> None:
    with closing(ring_of(net)) as ring:
        peer.send(frame(b"before"))
        ring.refuse_more()
        peer.send(frame(b"after"))
        assert [octets for octets, *_ in taken(ring, 1)] == [frame(b"before")]
        assert ring.statistics() == (1, 0)


@live
def test_frames_of_ours_are_not_given(net: Namespaces, peer: socket.socket) -> None:
    def sent_by_us() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sends:
            sends.bind(("eth0", 0))
            sends.send(frame(b"ours"))

    with closing(ring_of(net)) as ring:
        inside(net.machine, sent_by_us)
        peer.send(frame(b"theirs"))
        assert [(octets, kind) for octets, *_, kind in taken(ring, 1)] == [(frame(b"theirs"), BROADCAST)]


@live
def test_an_interface_that_is_set_down_is_not_up(net: Namespaces) -> None:
    assert inside(net.machine, is_up, "eth0") is True
    ip(f"-n {net.machine} link set eth0 down")
    assert inside(net.machine, is_up, "eth0") is False
    ip(f"-n {net.machine} link set eth0 up")
