"""What the store must keep of a batch's buffers: new payloads, and packets that columns can't express.

Both are copied out of the buffer, and become tables when the batch is full. A payload for which the cache had no room
is kept only within the hour's budget; beyond it, it is counted as lost, by block.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ims.arrow import bitmap, column
from ims.records import PORTS, arrow_schema
from ims.settings.durations import HOUR_US
from ims.sign.gather import gather_frames, gather_payloads
from ims.sign.signer import Found
from ims.store.columns import Distinct, binary_column
from ims.store.first_seen_index import FirstSeenIndex
from ims.store.rowkey import row_keys_of_batch

Array = np.ndarray[Any, Any]
HOURS_REMEMBERED = 1024
GLANCE = 64


class PayloadBuffer:
    """Collects for one batch at a time. `payload_budget`: bytes an hour (of packet time)."""

    def __init__(self, payload_budget: int) -> None:
        self._budget = payload_budget
        self._spent: dict[int, int] = {}
        self._payloads: list[tuple[Array, Distinct]] = []
        self._frames: list[tuple[Array, Distinct]] = []
        self.octets = 0
        self.storing = True
        """False: new payloads are counted as lost, whatever the budget"""
        self.newest = b""
        """the first octets of the newest payload"""
        self.payloads = self.new_payloads = self.undeduplicated = self.lost = 0

    def load_kernels(self, octets: Array, batch: Any) -> None:
        """Gather nothing, to load the kernels before the first packets."""
        gather_payloads(octets, batch, np.zeros(0, np.int64))
        gather_frames(octets, batch, 0, 0)

    def take(
        self,
        octets: Array,
        batch: Any,
        first: int,
        last: int,
        found: Found,
        blocks: tuple[str, ...],
        lost: dict[str, int],
    ) -> None:
        """Copy what must be kept of rows [first, last), whose bytes lie in `octets`."""
        self.payloads += found.hits + len(found.rows)
        self.new_payloads += len(found.rows)
        rows = found.rows
        if found.uncached.any():
            rows = self._within_budget(batch, found, blocks, lost)
        if len(rows):
            payloads = self._distinct(gather_payloads(octets, batch, rows))
            self._payloads.append((rows, payloads))
            self.newest = payloads.octets[payloads.offsets[-2] : payloads.offsets[-1]][:GLANCE].tobytes()
        raw, data, offsets = gather_frames(octets, batch, first, last)
        if len(raw):
            self._frames.append((raw, self._distinct((data, offsets))))

    def _distinct(self, gathered: tuple[Array, Array]) -> Distinct:
        data, offsets = gathered  # at most a buffer's octets: 32 bits are enough
        self.octets += len(data)
        return Distinct(data, offsets.astype(np.int32))

    def _within_budget(self, batch: Any, found: Found, blocks: tuple[str, ...], lost: dict[str, int]) -> Array:
        rows = found.rows[found.uncached]
        hours = batch.time[rows] // HOUR_US
        lengths = batch.payload_length[rows].astype(np.int64)
        kept = np.zeros(len(rows), np.bool_)
        for hour in np.unique(hours) if self.storing else ():
            mine = hours == hour
            spent = self._spent.pop(int(hour), 0) + np.cumsum(lengths[mine])
            kept[mine] = spent <= self._budget
            taken = spent[spent <= self._budget]
            # Once the budget is spent nothing more is taken in that hour, not even what would fit.
            self._spent[int(hour)] = int(taken[-1]) if len(taken) == len(spent) else self._budget
        while len(self._spent) > HOURS_REMEMBERED:
            self._spent.pop(next(iter(self._spent)))
        self.undeduplicated += int(kept.sum())
        self.lost += int((~kept).sum())
        for block, count in zip(*np.unique(batch.block[rows[~kept]], return_counts=True), strict=True):
            lost[blocks[block]] = lost.get(blocks[block], 0) + int(count)
        return np.sort(np.concatenate([found.rows[~found.uncached], rows[kept]]))

    def hand_over(self) -> Copied:
        """What was copied for the batch; resets the buffer."""
        copied = Copied(self._payloads, self._frames)
        self._payloads, self._frames, self.octets = [], [], 0
        return copied


class Copied(NamedTuple):
    """Payloads and raw frames of one batch: (rows, their octets)."""

    payloads: list[tuple[Array, Distinct]]
    frames: list[tuple[Array, Distinct]]

    def tables(self, batch: Any, signatures: Array, seen: FirstSeenIndex) -> tuple[pa.Table, pa.Table]:
        """(rows for `payloads`, rows for `frames_raw`)."""
        payloads = [_payload_rows(batch, rows, values, signatures, seen) for rows, values in self.payloads]
        frames = [_frame_rows(batch, rows, values, signatures) for rows, values in self.frames]
        schemas = arrow_schema("payloads"), arrow_schema("frames_raw")
        return pa.Table.from_batches(payloads, schemas[0]), pa.Table.from_batches(frames, schemas[1])


def _payload_rows(batch: Any, rows: Array, values: Distinct, signatures: Array, seen: FirstSeenIndex) -> pa.RecordBatch:
    schema, moment = arrow_schema("payloads"), pa.timestamp("us", "UTC")
    time = batch.time[rows]
    own = np.ascontiguousarray(signatures[batch.signature_entry[rows]])
    ports = [bitmap((batch.layers[rows] & PORTS) != 0), pa.py_buffer(batch.destination_port[rows])]
    columns = {
        "signature": pa.Array.from_buffers(pa.binary(16), len(rows), [None, pa.py_buffer(own)]),
        "day": column(time // (24 * HOUR_US), pa.date32()),
        "first_seen": column(time, moment),
        "length": column(batch.payload_length[rows], pa.uint16()),
        "payload": binary_column(values),
        "protocol": column(batch.protocol[rows], pa.uint8()),
        "destination_port": pa.Array.from_buffers(pa.uint16(), len(rows), ports),
        "source": column(batch.source[rows], pa.uint32()),
        "ever_first_seen": column(seen.first_seen(own, time), moment),
        "truncated": column(batch.truncated[rows], pa.bool_()),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _frame_rows(batch: Any, rows: Array, values: Distinct, signatures: Array) -> pa.RecordBatch:
    schema = arrow_schema("frames_raw")
    columns = {
        "time": column(batch.time[rows], pa.timestamp("us", "UTC")),
        "time_ns": column(batch.time_ns[rows], pa.uint16()),
        "row_key": column(row_keys_of_batch(batch, rows, signatures), pa.uint64()),
        "length": column(batch.ip_length[rows], pa.uint32()),
        "frame": binary_column(values),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
