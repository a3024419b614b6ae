"""A store that packets come into, and a clock beside it, as a test sets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ims.decode.category import SCAN
from ims.link.contract import TAIL
from ims.records import PAYLOAD, PRESUMED, WHOLE_TCP, arrow_schema, packet_batch
from ims.store.columns import Distinct, packets_table
from ims.store.writer import SensorWriter

from ..store.made import put

SECOND = 1_000_000
BEGAN = 1_772_582_400 + 12 * 3600
BLOCKS = ["C/24", "D/24"]
NOTHING = Distinct(np.zeros(0, np.uint8), np.zeros(2, np.int32))


class Clock:
    """The time, as a test sets it."""

    def __init__(self) -> None:
        self.now = float(BEGAN)

    def time(self) -> float:
        return self.now


class Live:
    """A store that packets come into."""

    def __init__(self, path: Path) -> None:
        self.path, self._writer = path, SensorWriter(path, "a", lanes=1)
        self.stored = 0

    def come(
        self,
        seconds: float,
        count: int = 1,
        port: int = 80,
        block: int = 0,
        new: bytes | None = None,
        presumed: int = 0,
    ) -> None:
        """`count` packets of this moment, the first with a new payload. `presumed`: their length, left to hardware."""
        batch = packet_batch(count)
        for column in batch:
            column[:] = 0
        batch.time[:count] = round(seconds * SECOND)
        batch.total_length[:count] = 100
        batch.layers[:count] = WHOLE_TCP
        if presumed:
            batch.total_length[:count], batch.presumed_length[:count] = 0, presumed
            batch.layers[:count] |= PRESUMED
        batch.protocol[:count] = 6
        batch.category[:count] = SCAN
        batch.destination_port[:count] = port
        batch.block[:count] = block
        signatures = np.zeros((1, 16), np.uint8)
        if new is not None:
            batch.layers[0] |= PAYLOAD
            batch.payload_length[0], batch.new_payload[0] = len(new), 1
            signatures = np.frombuffer(signature(new), np.uint8).reshape(1, 16)
            put(self._writer, "payloads", payload(new, round(seconds * SECOND)))
        put(self._writer, "packets", packets_table(batch, count, BLOCKS, signatures, NOTHING))
        self.stored += count

    def show(self) -> None:
        self._writer.checkpoint()

    def finish(self, hour: int) -> None:
        self._writer.checkpoint(publish_before_us=hour * SECOND)

    def close(self) -> None:
        self._writer.close()


def signature(octets: bytes) -> bytes:
    import hashlib

    return hashlib.md5(octets).digest()


def payload(octets: bytes, micros: int) -> pa.Table:
    row = {
        "signature": signature(octets), "day": micros // (86_400 * SECOND), "first_seen": micros, "length": len(octets),
        "payload": octets, "protocol": 6, "destination_port": 80, "source": 1, "ever_first_seen": micros, "truncated": False,
    }  # fmt: skip
    columns = []
    for field in arrow_schema("payloads"):
        kind = (
            pa.int32()
            if pa.types.is_date32(field.type)
            else pa.int64()
            if pa.types.is_timestamp(field.type)
            else field.type
        )
        columns.append(pa.array([row[field.name]], kind).cast(field.type))
    return pa.table(columns, schema=arrow_schema("payloads"))


def told(parts: dict[str, pa.Table], name: str = "blocks") -> list[dict[str, Any]]:
    assert {part: table.schema for part, table in parts.items()} == TAIL
    return parts[name].to_pylist()
