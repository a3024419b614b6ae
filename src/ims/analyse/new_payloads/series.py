"""What the figure is drawn from: new payloads by bin and place, and by delay the share that came on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.intervals import of_counts
from ims.analyse.result import schema

if TYPE_CHECKING:
    from ims.analyse.new_payloads.data import Data
    from ims.analyse.new_payloads.survival import Survival

Array = np.ndarray[Any, Any]
COLUMNS = schema(ANALYSES["new-payloads"].series)
ALL = None
"""The places together: any text may be the name of a block."""
POINTS_A_DECADE = 24
"""Of a share by delay."""


def series_table(data: Data, new: Array, told: Array, curves: Mapping[str, Survival]) -> pa.Table:
    """Both. `new`: new payloads of each watched bin of a place; `told`: whether they are known: (n,) each."""
    rows = [*_by_time(data, new, told), *_by_delay(curves)]
    return arrow.table([dict.fromkeys(COLUMNS.names) | row for row in rows], COLUMNS)


def _by_time(data: Data, new: Array, told: Array) -> list[dict[str, Any]]:
    """What the figure draws by time: of all places together, and of each."""
    rows = []
    times, at = np.unique(data.time, return_inverse=True)
    # Where several watch, the bin was watched as long as any of them was, which is at least the longest of them.
    longest = np.zeros(len(times))
    np.maximum.at(longest, at, data.seconds)
    sums = {name: np.bincount(at[told], each[told], len(times)) for name, each in
            (("new", new), ("packets", data.packets), ("told", np.ones(len(new))))}  # fmt: skip
    rows += _bins(ALL, times, longest, sums["packets"], np.where(sums["told"] > 0, sums["new"], np.nan))
    for name in sorted(set(data.place.tolist())):
        mine = data.place == name
        values = np.where(told, new, np.nan)[mine]
        rows += _bins(name, data.time[mine], data.seconds[mine], data.packets[mine], values)
    return rows


def _bins(place: str | None, time: Array, seconds: Array, packets: Array, new: Array) -> list[dict[str, Any]]:
    low, high = of_counts(np.nan_to_num(new))
    known = ~np.isnan(new)
    columns = zip(time.tolist(), seconds.tolist(), packets.tolist(), new.tolist(), low.tolist(), high.tolist(),
                  known.tolist(), strict=True)  # fmt: skip
    return [
        {"part": "new", "time": at, "place": place, "seconds": long, "packets": int(sent),
         "new": int(value) if told else None, "low": least if told else None, "high": most if told else None}
        for at, long, sent, value, least, most, told in columns
    ]  # fmt: skip


def _by_delay(curves: Mapping[str, Survival]) -> list[dict[str, Any]]:
    """The share that has come to a next place, at delays that are evenly spaced on a logarithmic axis."""
    rows = []
    for which, curve in curves.items():
        if not len(curve.delay):
            continue
        decades = np.log10(max(curve.horizon, 1.0))
        grid = 10 ** np.linspace(0, decades, int(np.ceil(decades * POINTS_A_DECADE)) + 1)
        at = np.searchsorted(curve.delay, grid, side="right") - 1
        columns = [np.where(at >= 0, each[np.maximum(at, 0)], 0.0) for each in curve.share()]
        for delay, *values in zip(grid.tolist(), *(each.tolist() for each in columns), strict=True):
            share, low, high = (None if np.isnan(value) else value for value in values)
            rows.append({"part": which, "delay": delay, "share": share, "low": low, "high": high})
    return rows
