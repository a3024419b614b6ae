"""One batch, on one screen: frames to packets to signatures to the store.

`add` takes the frames of one buffer while it is in the processor's cache: decodes them into rows, signs the rows'
payloads, copies what the store must keep of the buffer (new payloads, raw frames). When a batch is full, the writer's
lanes encode it while the next one is filled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ims.capture.source import Frames, empty_frames
from ims.darknet import Darknet
from ims.decode.frame_types import frame_types, new_counters
from ims.decode.frames import decode_frames
from ims.decode.options import collect_options, options_table, reset_options
from ims.decode.recent_syns import CAPTURE_BITS, recent_syns, settle_resets
from ims.decode.verdict import COUNTERS, STORED
from ims.records import packet_batch
from ims.sensor.counters import Report
from ims.sensor.coverage import Period, coverage_table
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
    """Packets by block: one object, which `watch` replaces at once, because other threads read it at any time."""

    before: dict[str, int]
    """of blocks that were watched before"""
    names: tuple[str, ...]
    counts: np.ndarray[Any, np.dtype[np.int64]]
    """of those in `names`"""

    def by_name(self) -> dict[str, int]:
        """All of them."""
        found = Counter(self.before)
        found.update(dict(zip(self.names, self.counts.tolist(), strict=True)))
        return found


Responder = Callable[[Frames, Any, int, int], None]
"""Answers rows [first, last) of a batch that were decoded from some frames."""

Work = Callable[[SensorWriter], None]
"""Writes one batch."""

Deliver = Callable[[Work, int, int], bool]
"""Has a batch of so many rows and octets written; False where that isn't possible."""


@dataclass
class Room:
    """Whether there is room for a batch that is about to be filled."""

    reserve: Callable[[], bool]
    refuse: Callable[[int], None]
    """called with the number of rows where there was none"""


@dataclass
class Shared:
    """What the pipelines of one sensor share: the cache, and the store's payloads of a day, to fill it."""

    cache: Cache
    payloads_of: Callable[[date], Iterator[tuple[Any, Distinct]]]
    lock: Any = field(default_factory=nullcontext)


class Pipeline:
    """The stages of one run. `unwrap`: tunnels to remove (decode/tunnel.py); `save`: makes a checkpoint of all that was
    added before; `respond`: answers packets as soon as they are decoded; `rows`: of a batch. Batches go to `writer` at
    once; or, where that is None, to `deliver`, with a cache that is `shared`."""

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
        self._unwrap, self._save, self._respond = unwrap, save, respond
        if writer is None:
            assert deliver is not None and shared is not None
            self._deliver, self._shared = deliver, shared
        else:

            def write_at_once(work: Work, rows: int, octets: int) -> bool:
                work(writer)
                return True

            self._deliver = write_at_once
            self._shared = Shared(Cache(cache_signatures, writer.key), writer.payloads_of)
        self._rows, self._kept_octets, self._room = rows, kept_octets, room
        self._reserved = True
        self.not_stored = 0
        self._counting = _Counting({}, (), np.zeros(0, np.int64))
        self.watch(darknet)
        self._counters = new_counters()
        self._recent_syns = recent_syns(self._shared.cache.key, syn_bits)
        self._signer = Signer(self._shared.cache, rows)
        self.kept = PayloadBuffer(payload_budget)
        """what became of payloads"""
        self._batch = _Batch(rows)
        self._spare: list[_Batch] = []
        self.newest_us = 0
        """time of the newest packet, in microseconds since the epoch; 0 before the first"""
        self._begun: set[int] = set()
        self._load_kernels()

    def _load_kernels(self) -> None:
        """Give each stage no rows, to load kernels before the first packet (0.3 s), or compile them (up to half a
        minute, once): a pipe would overflow meanwhile."""
        nothing, packets = np.zeros(1, np.uint8), self._batch.packets
        decode_frames(empty_frames(nothing, 1), 0, self._ranges, self._unwrap, packets, 0, self._counters)
        settle_resets(packets, 0, 0, self._recent_syns, self._counters)
        collect_options(nothing, packets, 0, 0, self._batch.options)
        self._signer.load_kernels(nothing, packets)
        self.kept.load_kernels(nothing, packets)

    def watch(self, darknet: Darknet) -> None:
        """Take packets to these blocks from now on. Not while a batch is being filled: `flush` first."""
        self._darknet, self._ranges = darknet, darknet.ranges()
        self._counting = _Counting(self.by_block, tuple(darknet.names), np.zeros(len(darknet.names), np.int64))

    @property
    def by_block(self) -> dict[str, int]:
        """Packets stored so far, by block, including those that wait. For any thread."""
        return self._counting.by_name()

    @property
    def packets(self) -> int:
        """Packets stored so far, including those that wait."""
        return int(self._counters[STORED])

    def add(self, frames: Frames, start: int, lost: dict[str, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Take frames[start:]; `lost` counts payloads not kept, by block. Returns the times of the packets that were
        stored, in microseconds; valid until the next call."""
        if any(day in self._begun for day in self._days(frames, start) - self._signer.cache.days):
            self.flush()
            self._save()  # a day that the cache forgot comes back: its payloads must be in the store
        if self._rows - self._batch.filled < frames.count - start or self.kept.octets > self._kept_octets:
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
        self.newest_us = max(self.newest_us, int(times.max()))
        return times

    def _sign(self, frames: Frames, first: int, filled: int, lost: dict[str, int]) -> None:
        """Everything about rows [first, filled) that only matters if they are stored."""
        batch, packets = self._batch, self._batch.packets
        collect_options(frames.octets, packets, first, filled, batch.options)
        with self._shared.lock:
            for day in self._signer.missing_days(packets, first, filled):
                self._learn(day)
            found = self._signer.sign(frames.octets, packets, first, filled, self.kept.storing)
        self.kept.take(frames.octets, packets, first, filled, found, self._darknet.names, lost)

    @staticmethod
    def _days(frames: Frames, start: int) -> set[int]:
        times = frames.time[start : frames.count]
        first, last = int(times.min()) // DAY_NS, int(times.max()) // DAY_NS
        return {first} if first == last else set(np.unique(times // DAY_NS).tolist())

    def _learn(self, day: int) -> None:
        """Enter the store's payloads of a UTC day into the cache, so that they aren't new again."""
        self._begun.add(day)
        for signatures, payloads in self._shared.payloads_of(EPOCH + timedelta(days=day)):
            self._signer.cache.load(day, signatures, payloads.octets, payloads.offsets)

    def keep_payloads(self, wanted: bool) -> None:
        """Whether new payloads are kept from now on; those that aren't are counted as lost, and are new when they come
        again."""
        self.kept.storing = wanted

    @property
    def counters(self) -> dict[str, int]:
        """COUNTERS of decode/verdict.py, so far."""
        return dict(zip(COUNTERS, self._counters.tolist(), strict=False))  # types of frames follow them

    def recent(self, column: str) -> Any:
        """A column of the batch that is being filled; for a sample from another thread."""
        return getattr(self._batch.packets, column)[: self._batch.filled]

    @property
    def waiting(self) -> int:
        """Rows of the batch that is being filled."""
        return self._batch.filled

    def flush(self) -> None:
        """Hand the batch to the store; where it can't take it, the rows are counted as not stored, and the cache is
        filled again from the store."""
        batch = self._batch
        if batch.filled == 0:
            return
        rows, octets, blocks = batch.filled, self.kept.octets, self._darknet.names
        if not self._reserved:
            assert self._room is not None
            self._room.refuse(rows)
            self.not_stored += rows
            batch.restart()
            return
        signatures, copied = self._signer.signatures.copy(), self.kept.hand_over()
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
        return (self.newest_us - 60_000_000) // HOUR_US * HOUR_US

    def coverage(self, record: CaptureRecord) -> pa.Table:
        """The coverage rows of one capture. When something was lost isn't known: the longest period counts it."""
        periods = [Period(since, last + 1) for since, last, *_ in merged(record.spans)]
        longest = max(periods, key=lambda period: period.until - period.since)
        longest.lost, longest.payloads_lost = record.frames_lost, Counter(record.payloads_lost)
        return coverage_table(self._darknet, dict.fromkeys(self._darknet.names, PASSIVE), periods)

    def report(self, report: Report) -> None:
        """Write the counts of the run."""
        report.counters, report.not_read = self.counters, frame_types(self._counters)
        report.payloads, report.new_payloads = self.kept.payloads, self.kept.new_payloads
        report.payloads_undeduplicated, report.payloads_lost = self.kept.undeduplicated, self.kept.lost


def _constant(table: pa.Table) -> Callable[[], pa.Table]:
    return lambda: table
