"""Frames from a live interface: an AF_PACKET socket whose ring (TPACKET_V3) is mapped into memory.

The kernel writes frames into blocks and hands over a block when it is full or `BLOCK_MS` old; `Ring.next` gives it as
Frames in the ring itself, without copying, and `Ring.release` gives it back. `Ring.statistics` has the frames that
found no room. (packet(7); Documentation/networking/packet_mmap.rst)
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import select
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ims.capture.ring_walk import BLOCK_STATUS, Aside, walk_block
from ims.capture.source import Frames, empty_frames
from ims.kernels import kernel
from ims.packet.link_types import ETHERNET, RAW
from ims.packet.octets import le32

SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION = 1, 5, 6, 10
PACKET_FANOUT, PACKET_IGNORE_OUTGOING, PACKET_MR_PROMISC = 18, 23, 1
TPACKET_V3 = 2
FANOUT_HASH = 0
SO_ATTACH_FILTER = 26
RETURN = 0x06
ETH_P_ALL = 0x0003
SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCGIFMTU = 0x8913, 0x8927, 0x8921
IFF_UP, IFF_RUNNING = 0x1, 0x40

BLOCK = 1 << 17
BLOCK_MS = 1
"""A SYN that comes alone waits at most so long for its answer. The kernel hands over a block at this age, full or not,
so blocks are small: of 64 MB, blocks of 1 MB last 64 ms (measured: 2 % lost), these 512 ms."""
FRAME = 2048  # of no consequence in V3, but it must divide a block
FRAMES_A_BLOCK = 1 << 11  # a frame takes 96 octets of a block at least
FRAMES_AT_ONCE = 8192
"""Of several blocks; the answers must fit in the ring of replies."""

ETHERNET_TYPES = {1, 772}
"""ARPHRD_ types (linux/if_arp.h) whose frames begin with an Ethernet header."""


class Interface(NamedTuple):
    """A network interface at one moment."""

    name: str
    number: int
    """the kernel's: ifindex"""
    type: int
    """ARPHRD_ number"""
    mac: bytes
    mtu: int

    @property
    def has_link_header(self) -> bool:
        """Ethernet, or a tunnel whose frames begin at the IP header."""
        return self.type in ETHERNET_TYPES


def interface(name: str) -> Interface:
    """An interface's properties. Raises ValueError where there is none of this name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        try:
            index = socket.if_nametoindex(name)
            address, mtu = _ioctl(channel, SIOCGIFHWADDR, name), _ioctl(channel, SIOCGIFMTU, name)
        except OSError as error:
            there = ", ".join(sorted(name for _, name in socket.if_nameindex()))
            raise ValueError(f"there is no interface {name!r}; there are {there}") from error
    kind = struct.unpack_from("H", address, 16)[0]
    return Interface(name, index, kind, address[18:24], struct.unpack_from("i", mtu, 16)[0])


def is_up(name: str) -> bool | None:
    """Whether an interface is up and has a carrier; None where there is no such interface any more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        try:
            flags = struct.unpack_from("H", _ioctl(channel, SIOCGIFFLAGS, name), 16)[0]
        except OSError:
            return None
    return bool(flags & IFF_UP and flags & IFF_RUNNING)


def _ioctl(channel: socket.socket, request: int, name: str) -> bytes:
    """The kernel's answer, an `ifreq` (netdevice(7)); /sys may be another namespace's. Raises OSError."""
    return fcntl.ioctl(channel, request, struct.pack("16s24x", name.encode()[:15]))


@kernel
def _next_ready(octets, at):
    """Whether the block at `at` is ours to read."""
    return le32(octets, at + BLOCK_STATUS) & 1 == 1


@kernel
def _all_ready(octets, blocks):
    count = 0
    for block in range(blocks):
        count += le32(octets, block * BLOCK + BLOCK_STATUS) & 1
    return count


class Ring:
    """One ring on one interface. Not for several threads: a worker has its own."""

    def __init__(
        self,
        device: Interface,
        blocks: int = 64,
        program: Sequence[tuple[int, int, int, int]] = (),
        fanout: int | None = None,
        promiscuous: bool = False,
    ) -> None:
        """`blocks`: of BLOCK octets. `program`: a kernel filter (bpf.py). `fanout`: number of a group of rings among
        which the kernel spreads flows. Raises PermissionError without CAP_NET_RAW, OSError where the kernel refuses.
        """
        self.device, self.blocks = device, blocks
        self._at = self._taken = 0
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            self._set_up(program, fanout, promiscuous)
        except BaseException:
            self._socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def _set_up(self, program: Sequence[tuple[int, int, int, int]], fanout: int | None, promiscuous: bool) -> None:
        opened = self._socket
        opened.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        frames = BLOCK // FRAME * self.blocks
        request = struct.pack("7I", BLOCK, self.blocks, FRAME, frames, BLOCK_MS, 0, 0)
        opened.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        with contextlib.suppress(OSError):  # before Linux 4.20: walk_block leaves our own frames out
            opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.filter(program)
        self._memory = mmap.mmap(opened.fileno(), BLOCK * self.blocks)
        self._octets = np.frombuffer(self._memory, np.uint8)
        self._frames = empty_frames(self._octets, FRAMES_AT_ONCE)
        self.aside = Aside(np.zeros(FRAMES_AT_ONCE, np.uint32), np.zeros(FRAMES_AT_ONCE, np.uint8))
        self._without_link = not self.device.has_link_header
        self._link = RAW if self._without_link else ETHERNET
        _next_ready(self._octets, 0)  # load the kernels
        _all_ready(self._octets, self.blocks)
        walk_block(np.zeros(64, np.uint8), 0, 64, self._link, self._without_link, self._frames, self.aside, 0)
        opened.bind((self.device.name, ETH_P_ALL))
        if promiscuous:
            request = struct.pack("IHH8s", self.device.number, PACKET_MR_PROMISC, 0, b"")
            opened.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
        if fanout is not None:
            opened.setsockopt(SOL_PACKET, PACKET_FANOUT, fanout & 0xFFFF | FANOUT_HASH << 16)

    def filter(self, program: Sequence[tuple[int, int, int, int]]) -> None:
        """Have the kernel keep only frames that the program accepts; it replaces the earlier one at once."""
        if program:
            code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
            held = ctypes.create_string_buffer(code, len(code))
            filter_program = struct.pack("HP", len(program), ctypes.addressof(held))
            self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_program)

    def refuse_more(self) -> None:
        """Have the kernel take nothing any more; what is in the ring can be read."""
        self.filter([(RETURN, 0, 0, 0)])

    def wait(self, seconds: float) -> bool:
        """Wait until a block is ready, at most `seconds`."""
        if not self.ready and self._poll.poll(seconds * 1000):
            self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # ENETDOWN, said once: is_up tells more
        return self.ready

    @property
    def ready(self) -> bool:
        """Whether a block is waiting."""
        return bool(_next_ready(self._octets, self._at * BLOCK))

    def next(self) -> Frames | None:
        """The frames of the next blocks that are ready, valid until `release`; None where none is."""
        count = taken = 0
        octets, at = self._octets, self._at
        while count <= FRAMES_AT_ONCE - FRAMES_A_BLOCK and taken < self.blocks and _next_ready(octets, at * BLOCK):
            begin, found = at * BLOCK, self._frames
            count = walk_block(octets, begin, BLOCK, self._link, self._without_link, found, self.aside, count)
            taken += 1
            at = (at + 1) % self.blocks
        self._taken = taken
        return self._frames._replace(count=count) if taken else None

    def release(self) -> None:
        """Give the blocks whose frames `next` gave back to the kernel."""
        for _ in range(self._taken):
            begin = self._at * BLOCK + BLOCK_STATUS
            self._octets[begin : begin + 4] = 0
            self._at = (self._at + 1) % self.blocks
        self._taken = 0

    def waiting(self) -> int:
        """Blocks of the ring that wait to be read."""
        return int(_all_ready(self._octets, self.blocks))

    def statistics(self) -> tuple[int, int]:
        """(frames that passed the filter, those of them that found no room) since the last call."""
        seen, lost, _ = struct.unpack("III", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12))
        return seen, lost

    def close(self) -> None:
        """Close the socket. What `next` gave is no longer valid."""
        self._socket.close()
