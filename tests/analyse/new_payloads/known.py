"""Data of the analysis as a model gets them, without a store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ims.analyse.new_payloads.data import Data, Range
from ims.analyse.new_payloads.watch import PlaceWatch

HOUR = 3_600_000_000
NOVELTY = pa.schema([
    ("time", pa.timestamp("us", "UTC")), ("place", pa.string()), ("second", pa.string()), ("second_delay", pa.int64()),
    ("third", pa.string()), ("third_delay", pa.int64()), ("payloads", pa.int64()), ("packets", pa.int64()),
])  # fmt: skip


def known(rows: list[tuple[Any, ...]], hours: int = 48, watch: dict[str, Any] | None = None) -> Data:
    """Of two places, a and b, watched from the begin on. `rows`: of novelty; times in hours, history of one."""
    watched = watch or {"a": ((0, hours),), "b": ((0, hours),)}
    periods = {name: tuple((begin * HOUR, end * HOUR) for begin, end in each) for name, each in watched.items()}
    table = pa.Table.from_pylist(
        [dict(zip(NOVELTY.names, (row[0] * HOUR, *row[1:]), strict=True)) for row in rows], NOVELTY
    )
    times = [(at * HOUR, name) for name in sorted(watched) for at in range(1, hours)]
    count = len(times)
    return Data(
        Range(HOUR, hours * HOUR, 0, HOUR), PlaceWatch(periods), HOUR, "block", None,
        np.array([at for at, _ in times]), np.array([name for _, name in times], object), np.full(count, 3600.0),
        np.full(count, 256.0), np.full(count, 10.0), table, pa.table({}),
    )  # fmt: skip
