"""A scenario played onto a link: packets at their times, and the sources' side of connections that a sensor accepts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ims.capture.afpacket import Interface, Ring
from ims.capture.transmit import Outgoing
from ims.player.transmit import STRAY, transmit
from ims.simulate.kernels.client import COUNTERS, answer
from ims.simulate.kernels.frame_buffer import PACKET, empty_draft
from ims.simulate.kernels.order import due
from ims.simulate.kernels.prng import stream
from ims.simulate.output.play import Play, While
from ims.simulate.output.truth import Truth

SLOT = 2048
REPLIES = 1 << 14
QUIET_SECONDS = 1.0
"""The end is after so long without a packet from the sensor."""
LONGEST_END_SECONDS = 10.0
TICK_SECONDS = 0.001
# IPv4, TCP, no IP options, SYN and ACK: ldh [12]; jeq 0x800; ldb [23]; jeq 6; ldb [47]; and 0x12; jeq 0x12; ret
SYN_ACKS_ONLY = (
    (0x28, 0, 0, 12), (0x15, 0, 6, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 4, 6), (0x30, 0, 0, 47), (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x12), (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0),
)  # fmt: skip


class Player:
    """Plays a scenario once on one interface. Not for several threads."""

    def __init__(self, play: Play, device: Interface, to: bytes, speed: float) -> None:
        """`play`: made with `live`. `to`: MAC address of the sensor's machine. `speed`: scenario's seconds a second; 0:
        as fast as it goes. Raises PermissionError without CAP_NET_RAW, OSError where the kernel refuses."""
        self._play, self._speed = play, speed
        self.truth = Truth(play)
        self._first, self._last = play.world.first, play.world.last
        self._link = np.frombuffer(to + device.mac, np.uint8)
        self._out = Outgoing(device, blocks=8, slot=SLOT)
        try:
            self._in = Ring(device, program=SYN_ACKS_ONLY)
        except BaseException:
            self._out.close()
            raise
        self._replies = empty_draft(REPLIES, REPLIES * 1514)
        self._in_order = np.arange(REPLIES, dtype=np.int64)
        self._packet = np.zeros(1, PACKET)[0]
        self._state, self._counters = stream(play.seed, 0), np.zeros(len(COUNTERS), np.int64)
        self.sent = 0

    @property
    def counters(self) -> dict[str, int]:
        """SYN-ACKs received, those for no SYN of ours, connections, those with messages, those followed by another."""
        return dict(zip(COUNTERS, self._counters.tolist(), strict=True))

    def run(self, progress: Callable[[float, int], None] | None = None) -> dict[str, Any]:
        """Play it all, and return the truth. Raises OSError where the interface can't send."""
        try:
            begin = time.monotonic_ns()
            for part in self._play.whiles():
                self._send(part, begin)
                self.truth.count(part)
                if progress is not None:
                    progress(part.until / self._play.length, self.sent)
            self._until_quiet(begin)
            return self.truth.whole() | {"live": {"sent": self.sent, **self.counters}}
        finally:
            self._in.close()
            self._out.close()

    def _now(self, begin: int) -> int:
        """The scenario's time, ns."""
        return int((time.monotonic_ns() - begin) * self._speed) if self._speed else self._play.length

    def _send(self, part: While, begin: int) -> None:
        at = 0
        while at < part.count:
            ready = due(part.draft, part.order, at, part.count, self._now(begin) + 1)
            reached = self._transmit(part.draft, part.order, at, min(ready, at + 4096))
            waits, at = reached == at, reached
            if not self._answer(part.since, TICK_SECONDS if waits else 0.0) and waits:
                self._out.send()

    def _transmit(self, draft: Any, order: Any, begin: int, end: int) -> int:
        if begin == end:
            return begin
        reached = int(transmit(draft, order, begin, end, self._link, self._first, self._last, self._out.slots))
        if reached == STRAY:
            raise RuntimeError("a packet to an address outside the scenario's blocks was about to be sent; nothing was")
        self.sent += reached - begin
        self._out.send()
        return reached

    def _answer(self, now: int, seconds: float) -> bool:
        """Answer the SYN-ACKs received, waiting for one at most so long; whether there was any frame."""
        ready = self._in.wait(seconds) if seconds else self._in.ready
        frames = self._in.next() if ready else None
        if frames is None:
            return False
        replies, done = self._replies, 0
        while done < frames.count:
            replies.used[:] = 0
            done = answer(
                frames, done, replies, self._packet, self._play.tables, self._first, self._last, self._state, now,
                self._counters,
            )  # fmt: skip
            count, at = int(replies.used[0]), 0
            while at < count:
                at = self._transmit(replies, self._in_order, at, count)
            self.truth.count(While(now, now, replies, self._in_order, count))
        self._in.release()
        return True

    def _until_quiet(self, begin: int) -> None:
        """Answer what still comes."""
        ends, quiet = time.monotonic() + LONGEST_END_SECONDS, time.monotonic() + QUIET_SECONDS
        while (now := time.monotonic()) < min(ends, quiet):
            self._out.send()
            if self._answer(self._play.length - 1, quiet - now):
                quiet = time.monotonic() + QUIET_SECONDS
