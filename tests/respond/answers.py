"""Frames in, replies out: the responder's kernels over frames made by hand."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ims.capture.ring_walk import Aside
from ims.capture.transmit import DATA, SLOT, VNET, Slots
from ims.darknet import Block, Darknet
from ims.decode.frames import decode_frames
from ims.decode.verdict import COUNTERS
from ims.records import packet_batch
from ims.respond.arp import answer_arp
from ims.respond.cookie import Clock
from ims.respond.limit import limits
from ims.respond.policy import never_answered, policies
from ims.respond.reply import COUNTERS as REPLIES
from ims.respond.reply import Rules, reply_to

from ..decode.makers import ethernet, frames_of, ip, summed

SENDING = 2
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
DARK = Darknet([Block.parse("C/24=198.51.100.0/24")])


class Desk:
    """A responder for one block; `seconds` is its clock."""

    def __init__(
        self,
        policy: str | Mapping[str, str] = "ack",
        *,
        echo: bool = False,
        private: bool = False,
        exclude: Sequence[str] = (),
        reply_limit: float | None = None,
        data_limit: int = 65_536,
        slots: int = 4096,
    ) -> None:
        self.clock = Clock(bytes(range(32)), data_limit)
        self.seconds = 1e6
        self.rules = Rules(
            self.clock.cookies,
            limits(reply_limit, None, bytes(16)),
            policies(DARK, {"C/24": policy}, ["C/24"] if echo else []),
            never_answered(DARK, private, [ipaddress.IPv4Network(prefix) for prefix in exclude]),
            np.array([data_limit, 1460], np.int64),
            np.zeros((1, len(REPLIES)), np.int64),
        )
        self.slots = Slots(
            np.zeros(SLOT * slots, np.uint8), np.zeros(1, np.int64), np.array([SLOT, DATA, slots], np.int64)
        )
        self.rows: Any = None

    def answer(self, *frames: bytes, link: int = 1, kind: int = 0, vlan: int = 0, arp: bool = False) -> list[bytes]:
        """The replies to some frames, as frames, in order."""
        self.clock.tick(self.seconds)
        held = frames_of(frames, [link] * len(frames))
        aside = Aside(np.full(len(frames) + 1, vlan, np.uint32), np.full(len(frames) + 1, kind, np.uint8))
        now = int(self.seconds * 1e9)
        if arp:
            mac = np.frombuffer(b"\x02ims\x00\x01", np.uint8)
            count = answer_arp(held, aside, DARK.ranges(), mac, self.rules.counters, self.slots)
        else:
            self.rows = packet_batch(max(1, len(frames)))
            filled = decode_frames(held, 0, DARK.ranges(), 0, self.rows, 0, np.zeros(len(COUNTERS), np.int64))
            count = reply_to(held, aside, self.rows, 0, filled, self.rules, self.slots, now, True)
            self.filled = filled
        found = self.taken()
        assert len(found) == count
        return found

    def taken(self) -> list[bytes]:
        """Take out what was handed over, as the kernel would."""
        found = []
        for at in range(0, len(self.slots.octets), SLOT):
            slot = self.slots.octets[at : at + SLOT]
            if slot[0] not in (0, SENDING):
                assert slot[:4].tobytes() == b"\1\0\0\0"
                length = struct.unpack("<I", slot[4:8].tobytes())[0] - VNET
                assert struct.unpack("<BBHHHH", slot[DATA - VNET : DATA].tobytes()) == (0, 0, length, 0, 0, 0)
                found.append(slot[DATA : DATA + length].tobytes())
                slot[:8] = 0
        self.slots.state[0] = 0
        return found

    @property
    def counted(self) -> dict[str, int]:
        return {name: int(n) for name, n in zip(REPLIES, self.rules.counters.sum(axis=0), strict=True) if n}


class Reply(NamedTuple):
    """A TCP reply, field by field."""

    source: str
    destination: str
    ports: tuple[int, int]
    sequence: int
    acknowledgment: int
    flags: int
    window: int
    options: bytes


def read(frame: bytes, link: int = 14) -> Reply:
    """A TCP reply in plain Python."""
    packet = frame[link:]
    assert packet[0] == 0x45
    assert packet[9] == 6
    assert struct.unpack(">H", packet[2:4])[0] == len(packet) <= 60
    ours, theirs, sequence, acknowledgment, flags, window = struct.unpack(">HHIIHH", packet[20:36])
    return Reply(
        str(ipaddress.IPv4Address(packet[12:16])),
        str(ipaddress.IPv4Address(packet[16:20])),
        (ours, theirs),
        sequence,
        acknowledgment,
        flags & 0x1FF,
        window,
        packet[40:],
    )


def segment(
    flags: int, payload: bytes = b"", sequence: int = 1000, acknowledgment: int = 0, options: bytes = b"", **fields: int
) -> bytes:
    """A frame with a TCP segment from 192.0.2.1:1025 to 198.51.100.7:80."""
    ports = fields.pop("ports", 1025 << 16 | 80)
    head = struct.pack(
        ">IIIHHHH",
        ports,
        sequence & 0xFFFFFFFF,
        acknowledgment & 0xFFFFFFFF,
        (5 + len(options) // 4) << 12 | flags,
        1024,
        0,
        0,
    )
    return ethernet(ip(6, summed(6, head + options + payload, 16, **fields), **fields))
