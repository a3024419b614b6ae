"""One batch, on one screen: frames to packets to signatures to the store.

`add` takes the frames of one buffer while it is still in the processor's cache: decode them into rows, sign the
rows' payloads, copy out what the store must keep of the buffer (new payloads, raw frames). When a batch is full,
the writer's lanes encode it while the next one is filled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.capture.source import Frames
from ims.darknet import Darknet
from ims.decode.frame_types import frame_types, new_counters
from ims.decode.frames import decode_frames
from ims.decode.options import collect_options, options_table, reset_options
from ims.decode.recent_syns import CAPTURE_BITS, recent_syns, settle_resets
from ims.decode.verdict import COUNTERS, STORED
from ims.records import arrow_schema, packet_batch
from ims.sensor.counters import Report
from ims.sensor.payload_buffer import PayloadBuffer
from ims.sensor.spans import merged
from ims.settings.durations import HOUR_US
from ims.sign.cache import Cache
from ims.sign.signer import Signer
from ims.store.captures import CaptureRecord
from ims.store.columns import Distinct, packets_table
from ims.store.writer import SensorWriter

ROWS = 1 << 18
"""Rows a batch: one Parquet row group. (Measured: 2.4 Mpps encoding at 65,536, 2.7 at 262,144.)"""

KEPT_OCTETS = 64 << 20
"""Payloads and raw frames of a batch; beyond it the batch goes to the store before it is full."""

DAY_NS = 24 * HOUR_US * 1000
EPOCH = date(1970, 1, 1)
PASSIVE = "passive"


class _Batch:
    """A batch being filled, and the distinct values its rows point to."""

    def __init__(self, rows: int) -> None:
        self.packets = packet_batch(rows)
        self.options = options_table(rows)
        self.filled = 0

    def restart(self) -> None:
        self.filled = 0
        reset_options(self.options)


class _Counting(NamedTuple):
    """Packets by block: one object, which `watch` replaces at once, for others read it at any time."""

    before: dict[str, int]
    """of blocks that were watched before"""
    names: tuple[str, ...]
    counts: np.ndarray[Any, np.dtype[np.int64]]
    """of those in `names`"""

    def by_name(self) -> dict[str, int]:
        """All of them."""
        found = dict(self.before)
        for name, count in zip(self.names, self.counts.tolist(), strict=True):
            found[name] = found.get(name, 0) + count
        return found

    def then(self, names: tuple[str, ...]) -> _Counting:
        """What goes on with other blocks."""
        return _Counting(self.by_name(), names, np.zeros(len(names), np.int64))


Responder = Callable[[Frames, Any, int, int], None]
"""Answers rows [first, last) of a batch that were decoded from some frames."""

Work = Callable[[SensorWriter], None]
"""Writes one batch."""

Deliver = Callable[[Work, int, int], bool]
"""Has a batch of so many rows, and so many octets beside them, written; False where that can't be."""


@dataclass
class Room:
    """Whether there is room for a batch that is about to be filled."""

    reserve: Callable[[], bool]
    refuse: Callable[[int], None]
    """told how many rows came where there was none"""


@dataclass
class Shared:
    """What the pipelines of one sensor share: the cache, and what the store has of a day for it to learn."""

    cache: Cache
    payloads_of: Callable[[date], Iterator[tuple[Any, Distinct]]]
    lock: Any = field(default_factory=nullcontext)


class Pipeline:
    """The stages of one run. `unwrap`: tunnels to take off (decode/tunnel.py); `save`: makes a checkpoint of all
    that was added before; `respond`: answers packets as soon as they are decoded; `rows`: of a batch. Batches go to
    `writer` at once; or, where that is None, to `deliver`, with a cache that is `shared`."""

    def __init__(
        self,
        writer: SensorWriter | None,
        darknet: Darknet,
        unwrap: int,
        cache_signatures: int,
        payload_budget: int,
        save: Callable[[], None],
        deliver: Deliver | None = None,
        respond: Responder | None = None,
        rows: int = ROWS,
        shared: Shared | None = None,
        kept_octets: int = KEPT_OCTETS,
        room: Room | None = None,
        syn_bits: int = CAPTURE_BITS,
    ) -> None:
        self._unwrap, self._save = unwrap, save
        if writer is None:
            assert deliver is not None and shared is not None
            self._deliver, self._shared = deliver, shared
        else:
            self._deliver = lambda work, _rows, _octets: _at_once(work, writer)
            self._shared = Shared(Cache(cache_signatures, writer.key), writer.payloads_of)
        self._respond = respond
        self._rows, self._kept_octets, self._room = rows, kept_octets, room
        self._reserved = True
        self.not_stored = 0
        self._counting = _Counting({}, (), np.zeros(0, np.int64))
        self.watch(darknet)
        self._counters = new_counters()
        self._recent_syns = recent_syns(self._shared.cache.key, syn_bits)
        self._signer = Signer(self._shared.cache, rows)
        self._kept = PayloadBuffer(payload_budget)
        self._batch = _Batch(rows)
        self._spare: list[_Batch] = []
        self._newest_us = 0
        self._begun: set[int] = set()
        self._load_kernels()

    def _load_kernels(self) -> None:
        """Have kernels loaded before the first packet comes (0.3 s), or compiled (up to half a minute, once), in which
        a pipe would overflow: give each stage no rows."""
        nothing, none = np.zeros(1, np.uint8), np.zeros(1, np.int64)
        frames = Frames(nothing, none, none, none, none, np.zeros(1, np.uint16), nothing, 0)
        packets = self._batch.packets
        decode_frames(frames, 0, self._ranges, self._unwrap, packets, 0, self._counters)
        settle_resets(packets, 0, 0, self._recent_syns, self._counters)
        collect_options(nothing, packets, 0, 0, self._batch.options)
        self._signer.load_kernels(nothing, packets)
        self._kept.load_kernels(nothing, packets)

    def watch(self, darknet: Darknet) -> None:
        """Take packets to these blocks from now on. Not while a batch is being filled: `flush` first."""
        self._darknet, self._ranges = darknet, darknet.ranges()
        self._counting = self._counting.then(tuple(darknet.names))

    @property
    def by_block(self) -> dict[str, int]:
        """Packets stored so far, by block; those still waiting included. May be asked from any thread."""
        return self._counting.by_name()

    @property
    def packets(self) -> int:
        """Packets stored so far, those still waiting included."""
        return int(self._counters[STORED])

    def add(self, frames: Frames, start: int, lost: dict[str, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Take frames[start:]; `lost` counts payloads not kept, by block. Returns the times of the packets that were
        stored, in microseconds; valid until the next call."""
        if any(day in self._begun for day in self._days(frames, start) - self._signer.cache.days):
            self.flush()
            self._save()  # a day that the cache forgot comes back: what it learnt has to be in the store
        if self._rows - self._batch.filled < frames.count - start or self._kept.octets > self._kept_octets:
            self.flush()
        batch = self._batch
        packets, first = batch.packets, batch.filled
        filled = decode_frames(frames, start, self._ranges, self._unwrap, packets, first, self._counters)
        times: np.ndarray[Any, np.dtype[np.int64]] = packets.time[first:filled]
        if filled == first:
            return times
        if self._respond is not None:
            self._respond(frames, packets, first, filled)
        settle_resets(packets, first, filled, self._recent_syns, self._counters)
        if self._room is not None and first == 0:
            self._reserved = self._room.reserve()
        if self._reserved:
            self._sign(frames, first, filled, lost)
        batch.filled = filled
        counts = self._counting.counts
        counts += np.bincount(packets.block[first:filled], minlength=len(counts))
        self._newest_us = max(self._newest_us, int(times.max()))
        return times

    def _sign(self, frames: Frames, first: int, filled: int, lost: dict[str, int]) -> None:
        """Everything about rows [first, filled) that only matters if they are stored."""
        batch, packets = self._batch, self._batch.packets
        collect_options(frames.octets, packets, first, filled, batch.options)
        with self._shared.lock:
            for day in self._signer.missing_days(packets, first, filled):
                self._learn(day)
            found = self._signer.sign(frames.octets, packets, first, filled, self._kept.storing)
        self._kept.take(frames.octets, packets, first, filled, found, self._darknet.names, lost)

    @staticmethod
    def _days(frames: Frames, start: int) -> set[int]:
        times = frames.time[start : frames.count]
        first, last = int(times.min()) // DAY_NS, int(times.max()) // DAY_NS
        return {first} if first == last else set(np.unique(times // DAY_NS).tolist())

    def _learn(self, day: int) -> None:
        """Enter what the store has of a UTC day into the cache, so that it is not new once more."""
        self._begun.add(day)
        for signatures, payloads in self._shared.payloads_of(EPOCH + timedelta(days=day)):
            self._signer.cache.load(day, signatures, payloads.octets, payloads.offsets)

    def keep_payloads(self, wanted: bool) -> None:
        """Whether new payloads are kept from now on; those that aren't are counted as lost, and are new once more
        when they come again."""
        self._kept.storing = wanted

    @property
    def counters(self) -> dict[str, int]:
        """The books so far: COUNTERS of decode/verdict.py."""
        return dict(zip(COUNTERS, self._counters.tolist(), strict=False))  # behind them stand types of frames

    @property
    def newest_us(self) -> int:
        """Time of the newest packet, in microseconds since the epoch; 0 before the first."""
        return self._newest_us

    @property
    def kept(self) -> PayloadBuffer:
        """What became of payloads."""
        return self._kept

    def recent(self, column: str) -> Any:
        """A column of the batch that is being filled; for a glance from another thread."""
        return getattr(self._batch.packets, column)[: self._batch.filled]

    @property
    def waiting(self) -> int:
        """Rows of the batch that is being filled."""
        return self._batch.filled

    def flush(self) -> None:
        """Hand the batch to the store; where it can't take it, the rows are counted as not stored, and the cache
        learns anew what is."""
        batch = self._batch
        if batch.filled == 0:
            return
        rows, octets, blocks = batch.filled, self._kept.octets, self._darknet.names
        if not self._reserved:
            assert self._room is not None
            self._room.refuse(rows)
            self.not_stored += rows
            batch.restart()
            return
        signatures = self._signer.signatures.copy()
        copied = self._kept.hand_over()
        distinct = int(batch.options.count[0])
        options = Distinct(batch.options.octets, batch.options.offsets[: distinct + 1])

        def encode() -> pa.Table:
            return packets_table(batch.packets, rows, blocks, signatures, options)

        def write(writer: SensorWriter) -> None:
            payloads, frames = copied.tables(batch.packets, signatures, writer.seen)
            for name, table in (("payloads", payloads), ("frames_raw", frames)):
                if table.num_rows:
                    writer.write(name, _constant(table))
            writer.write("packets", encode, done=lambda: self._reuse(batch))

        if self._deliver(write, rows, octets):
            self._batch = self._spare.pop() if self._spare else _Batch(self._rows)
        else:
            self.not_stored += rows
            with self._shared.lock:
                self._shared.cache.make_room(())
            batch.restart()
        self._signer.begin_batch()

    def _reuse(self, batch: _Batch) -> None:
        batch.restart()
        self._spare.append(batch)

    def finished_before_us(self) -> int:
        """Hours that begin before this moment are finished: packets of a later one have come for a minute."""
        return (self._newest_us - 60_000_000) // HOUR_US * HOUR_US

    def coverage(self, record: CaptureRecord) -> pa.Table:
        """The coverage rows of one capture: every block, in each of its periods. When in them something was lost isn't
        known; it stands in the longest."""
        periods = [(since, last + 1) for since, last, *_ in merged(record.spans)]
        longest = max(periods, key=lambda period: period[1] - period[0])
        rows = [
            {
                "block": block.name,
                "prefix": str(block.prefix),
                "policy": PASSIVE,
                "since": period[0],
                "until": period[1],
                "frames_lost": record.frames_lost if period == longest else 0,
                "payloads_lost": record.payloads_lost.get(block.name, 0) if period == longest else 0,
            }
            for period in periods
            for block in self._darknet.blocks
        ]
        return arrow.table(rows, arrow_schema("coverage"))

    def report(self, report: Report) -> None:
        """Write the counts of the run."""
        report.counters = {name: int(value) for name, value in zip(COUNTERS, self._counters, strict=False)}
        report.not_read = frame_types(self._counters)
        report.payloads = self._kept.payloads
        report.new_payloads = self._kept.new_payloads
        report.payloads_undeduplicated = self._kept.undeduplicated
        report.payloads_lost = self._kept.lost


def _at_once(work: Work, writer: SensorWriter) -> bool:
    work(writer)
    return True


def _constant(table: pa.Table) -> Callable[[], pa.Table]:
    return lambda: table
