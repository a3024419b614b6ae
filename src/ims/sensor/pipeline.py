"""One batch, on one screen: frames to packets to signatures to the store.

`add` takes the frames of one buffer while it is still in the processor's cache: decode them into rows, sign the
rows' payloads, copy out what the store must keep of the buffer (new payloads, raw frames). When a batch is full,
the writer's lanes encode it while the next one is filled.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.capture.source import Frames
from ims.darknet import Darknet
from ims.decode.frames import decode_frames
from ims.decode.options import collect_options, options_table, reset_options
from ims.decode.verdict import COUNTERS, STORED
from ims.records import arrow_schema, packet_batch
from ims.sensor.counters import Report
from ims.sensor.kept import Kept
from ims.sign.cache import Cache
from ims.sign.signer import Signer
from ims.store.columns import Distinct, packets_table
from ims.store.journal import CaptureRecord
from ims.store.schema import HOUR_US
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

    def __init__(self) -> None:
        self.packets = packet_batch(ROWS)
        self.options = options_table(ROWS)
        self.filled = 0

    def restart(self) -> None:
        self.filled = 0
        reset_options(self.options)


class Pipeline:
    """The stages of one run. `unwrap`: tunnels to take off (decode/tunnel.py); `save`: makes a checkpoint of all
    that was added before."""

    def __init__(
        self,
        writer: SensorWriter,
        darknet: Darknet,
        unwrap: int,
        cache_signatures: int,
        payload_budget: int,
        save: Callable[[], None],
    ) -> None:
        self._writer, self._darknet, self._unwrap, self._save = writer, darknet, unwrap, save
        self._ranges = darknet.ranges()
        self._counters = np.zeros(len(COUNTERS), np.int64)
        self._signer = Signer(Cache(cache_signatures, writer.key), ROWS)
        self._kept = Kept(payload_budget)
        self._batch = _Batch()
        self._spare: list[_Batch] = []
        self._newest_us = 0
        self._begun: set[int] = set()
        self._load_kernels()

    def _load_kernels(self) -> None:
        """Have kernels loaded before the first packet comes (0.3 s), or compiled (up to half a minute, once), in which
        a pipe would overflow: give each stage no rows."""
        nothing, none = np.zeros(1, np.uint8), np.zeros(1, np.int64)
        frames = Frames(nothing, none, none, none, none, np.zeros(1, np.uint16), 0)
        packets = self._batch.packets
        decode_frames(frames, 0, self._ranges, self._unwrap, packets, 0, self._counters)
        collect_options(nothing, packets, 0, 0, self._batch.options)
        self._signer.load_kernels(nothing, packets)
        self._kept.load_kernels(nothing, packets)

    @property
    def packets(self) -> int:
        """Packets stored so far, those still waiting included."""
        return int(self._counters[STORED])

    def add(self, frames: Frames, start: int, lost: dict[str, int]) -> None:
        """Take frames[start:]; `lost` counts payloads not kept, by block."""
        if any(day in self._begun for day in self._days(frames, start) - self._signer.cache.days):
            self._save()  # a day that the cache forgot comes back: what it learnt has to be in the store
        if ROWS - self._batch.filled < frames.count - start or self._kept.octets > KEPT_OCTETS:
            self.flush()
        batch = self._batch
        packets, first = batch.packets, batch.filled
        filled = decode_frames(frames, start, self._ranges, self._unwrap, packets, first, self._counters)
        if filled == first:
            return
        collect_options(frames.octets, packets, first, filled, batch.options)
        for day in self._signer.missing_days(packets, first, filled):
            self._learn(day)
        found = self._signer.sign(frames.octets, packets, first, filled)
        self._kept.take(frames.octets, packets, first, filled, found, self._darknet.names, lost)
        batch.filled = filled
        self._newest_us = max(self._newest_us, int(packets.time[first:filled].max()))

    @staticmethod
    def _days(frames: Frames, start: int) -> set[int]:
        times = frames.time[start : frames.count]
        first, last = int(times.min()) // DAY_NS, int(times.max()) // DAY_NS
        return {first} if first == last else set(np.unique(times // DAY_NS).tolist())

    def _learn(self, day: int) -> None:
        """Enter what the store has of a UTC day into the cache, so that it is not new once more."""
        self._begun.add(day)
        for signatures, payloads in self._writer.payloads_of(EPOCH + timedelta(days=day)):
            self._signer.cache.load(day, signatures, payloads.octets, payloads.offsets)

    def flush(self) -> None:
        """Hand the batch to the store."""
        batch = self._batch
        if batch.filled == 0:
            return
        rows, blocks = batch.filled, self._darknet.names
        signatures = self._signer.signatures.copy()
        payloads, frames = self._kept.tables(batch.packets, signatures, self._writer.seen)
        for name, table in (("payloads", payloads), ("frames_raw", frames)):
            if table.num_rows:
                self._writer.write(name, _constant(table))
        distinct = int(batch.options.count[0])
        options = Distinct(batch.options.octets, batch.options.offsets[: distinct + 1])

        def encode() -> pa.Table:
            return packets_table(batch.packets, rows, blocks, signatures, options)

        self._writer.write("packets", encode, done=lambda: self._reuse(batch))
        self._batch = self._spare.pop() if self._spare else _Batch()
        self._signer.begin_batch()

    def _reuse(self, batch: _Batch) -> None:
        batch.restart()
        self._spare.append(batch)

    def finished_before_us(self) -> int:
        """Hours that begin before this moment are finished: packets of a later one have come for a minute."""
        return (self._newest_us - 60_000_000) // HOUR_US * HOUR_US

    def coverage(self, record: CaptureRecord) -> pa.Table:
        """The coverage rows of one capture: every block, from its first packet to its last."""
        rows = [
            {
                "block": block.name,
                "prefix": str(block.prefix),
                "policy": PASSIVE,
                "since": record.since_us,
                "until": record.until_us,
                "frames_lost": record.frames_lost,
                "payloads_lost": record.payloads_lost.get(block.name, 0),
            }
            for block in self._darknet.blocks
        ]
        return arrow.table(rows, arrow_schema("coverage"))

    def report(self, report: Report) -> None:
        """Write the counts of the run."""
        report.counters = {name: int(value) for name, value in zip(COUNTERS, self._counters, strict=True)}
        report.payloads = self._kept.payloads
        report.new_payloads = self._kept.new_payloads
        report.payloads_undeduplicated = self._kept.undeduplicated
        report.payloads_lost = self._kept.lost


def _constant(table: pa.Table) -> Callable[[], pa.Table]:
    return lambda: table
