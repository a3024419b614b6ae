"""A worker: takes blocks of frames from a ring, answers, signs, and hands batches to the store thread. One thread each.

The most urgent in a block is first: ARP, then decoding and replies, which are sent in one system call, then signatures
and copying; then the block goes back to the kernel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import structlog

from ims.capture.afpacket import Ring
from ims.capture.ring_walk import Aside
from ims.capture.source import Frames, empty_frames
from ims.capture.transmit import Outgoing, Slots
from ims.cause import cause
from ims.darknet import Darknet, Ranges
from ims.records import packet_batch
from ims.respond.arp import answer_arp
from ims.respond.cookie import Clock
from ims.respond.reply import COUNTERS as REPLY_COUNTERS
from ims.respond.reply import Rules, reply_to
from ims.sensor.pipeline import Pipeline
from ims.sensor.replay import NoWire, ReplayRing

log = structlog.get_logger()

FLUSH_SECONDS = 0.2
"""A batch that isn't full waits so long; this and the journal's interval are a packet's latency in the store."""
WAIT_SECONDS = 0.1
BUSY_FRAMES, BUSY_SECONDS = 256, 0.003
"""After so many frames at once the worker sleeps a moment, so that more come together the next time, as network cards
moderate interrupts: Python's cost is shared among them. (Measured: 2.3 -> 2.1 us a packet.)"""
LAST_SECONDS = 0.01
SEND_AGAIN_SECONDS = 1.0


class Setup(NamedTuple):
    """What may change while a sensor runs."""

    darknet: Darknet
    rules: Rules | None
    """None: nothing is answered"""
    arp: bool


def load_reply_kernels(setup: Setup, aside: Aside, slots: Slots) -> None:
    """Compile and load the kernels that answer: answer nothing."""
    if setup.rules is None:
        return
    frames, mac = empty_frames(np.zeros(1, np.uint8), 1), np.frombuffer(bytes(6), np.uint8)
    answer_arp(frames, aside, setup.darknet.ranges(), mac, setup.rules.counters, slots)
    reply_to(frames, aside, packet_batch(1), 0, 0, setup.rules, slots, 0, False)


class Worker:
    """One thread over one ring. Other threads may read its counters at any time."""

    def __init__(
        self,
        name: str,
        ring: Ring | ReplayRing,
        replies: Outgoing | NoWire | None,
        pipeline: Callable[[Any], Pipeline],
        setup: Setup,
        clock: Clock,
        mac: bytes,
        lose_payloads: Callable[[dict[str, int]], None],
        payloads_wanted: Callable[[], bool],
    ) -> None:
        self.name, self.ring, self._replies, self.clock = name, ring, replies, clock
        self._mac = np.frombuffer(mac, np.uint8)
        self._setup, self._next_setup = setup, setup
        self._ranges: Ranges = setup.darknet.ranges()
        self._lose_payloads, self._payloads_wanted = lose_payloads, payloads_wanted
        self.pipeline = pipeline(self._respond)
        self.frames = self.batches = 0
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self._first_at = self._silent_until = 0.0
        self.send_failure: str | None = None
        """why replies aren't sent; capture goes on"""
        self.failure: BaseException | None = None
        self.ended = False

    def start(self) -> None:
        """Begin to take frames."""
        self._thread.start()

    @property
    def setup(self) -> Setup:
        """The present setup."""
        return self._setup

    def change(self, setup: Setup) -> None:
        """Use other blocks and rules from the next block of frames on."""
        self._next_setup = setup

    @property
    def changed(self) -> bool:
        """Whether the last `change` is in effect."""
        return self._setup is self._next_setup

    def join(self, seconds: float | None = None) -> None:
        """Wait until the worker has ended: after `stopping` was set, or at the end of a replayed capture."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while not self.stopping.is_set() and not self.ended:
                if self._setup is not self._next_setup:
                    self._change()
                if self.ring.wait(WAIT_SECONDS) and self._take() >= BUSY_FRAMES:
                    time.sleep(BUSY_SECONDS)
                self._flush_if_due()
            self.ring.refuse_more()
            while self.ring.wait(LAST_SECONDS):  # the kernel still has a block that isn't full
                self._take()
            self.pipeline.flush()
        except BaseException as error:
            self.failure = error
            log.error("a worker ended", worker=self.name, reason=repr(error))

    def _take(self) -> int:
        """Take all frames that are ready; returns how many the last blocks had."""
        lost: dict[str, int] = {}
        count = 0
        while (frames := self.ring.next()) is not None:
            if frames.count:
                self.clock.tick(time.monotonic())
                self._arp(frames)
                if not self.pipeline.waiting:
                    self._first_at = time.monotonic()
                self.pipeline.keep_payloads(self._payloads_wanted())
                self.pipeline.add(frames, 0, lost)
                self.frames += frames.count
                count = frames.count
            self.ring.release()
            self._flush_if_due()
            if self._setup is not self._next_setup:
                break
        if lost:
            self._lose_payloads(lost)
        return count

    def _flush_if_due(self) -> None:
        if self.pipeline.waiting and time.monotonic() - self._first_at >= FLUSH_SECONDS:
            self.pipeline.flush()
            self.batches += 1

    def _change(self) -> None:
        self.pipeline.flush()
        self._setup = self._next_setup
        self._ranges = self._setup.darknet.ranges()
        self.pipeline.watch(self._setup.darknet)

    def _arp(self, frames: Frames) -> None:
        rules = self._setup.rules
        if self._setup.arp and rules is not None and self._replies is not None and self._may_send():
            slots = self._replies.slots
            made = answer_arp(frames, self.ring.aside, self._ranges, self._mac, rules.counters, slots)
            if made or self.send_failure is not None:
                self._send()

    def _respond(self, frames: Frames, packets: Any, first: int, last: int) -> None:
        rules = self._setup.rules
        if rules is None or self._replies is None:
            return
        slots, answering = self._replies.slots, self._may_send()
        made = reply_to(frames, self.ring.aside, packets, first, last, rules, slots, time.monotonic_ns(), answering)
        if made or (answering and self.send_failure is not None):  # the ring may be full of unsent replies
            self._send()

    def _may_send(self) -> bool:
        return self.send_failure is None or time.monotonic() >= self._silent_until

    def _send(self) -> None:
        assert self._replies is not None
        try:
            self._replies.send()
        except OSError as error:
            if self.send_failure is None:
                log.error("replies can't leave; capture goes on", worker=self.name, reason=cause(error))
            self.send_failure = cause(error)
            self._silent_until = time.monotonic() + SEND_AGAIN_SECONDS
            return
        if self.send_failure is not None:
            log.warning("replies leave again", worker=self.name)
            self.send_failure = None

    def replied(self) -> dict[str, dict[str, int]]:
        """The rules' counters, by block and name."""
        setup = self._setup
        if setup.rules is None:
            return {}
        rows = zip(setup.darknet.names, setup.rules.counters.tolist(), strict=True)
        return {block: dict(zip(REPLY_COUNTERS, values, strict=True)) for block, values in rows}
