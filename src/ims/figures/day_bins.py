"""The hours of a day as bins of panels, in any zone: what goes over midnight goes on at the begin of the day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.figures.marks import Mark
from ims.figures.panel_bins import Numbers, PanelBins, panel_bins, value_axis
from ims.figures.ticks import ValueAxis
from ims.settings.durations import DAY_US, HOUR_US

CELL_US, FINEST_US = HOUR_US // 2, HOUR_US // 4
"""Zones differ from UTC by quarters of an hour. Half an hour makes curves reach close to the edges of a panel."""
HEADROOM = 1.06
NUMBERS = ("value", "low", "high", "curve")
STEPS = (1, 2, 3, 6, 12)


@dataclass(frozen=True)
class Peak:
    """The hour of the day at which a curve is highest, and its interval, which may go over midnight: `low` may be below
    0, `high` above 24. There is none where an end is None."""

    hour: float
    low: float | None = None
    high: float | None = None

    @property
    def marks(self) -> list[Mark]:
        """As a mark of a panel, whose day begins at 0 microseconds."""
        day = math.floor(self.hour / 24)
        low, high = (None if end is None else _us(end - 24 * day) for end in (self.low, self.high))
        if low is None or high is None:
            low = high = None
        return [Mark(_us(self.hour - 24 * day), "", low, high, DAY_US)]


def day_bins(table: pa.Table, names: Sequence[str], bin_us: int, most: int) -> PanelBins:
    """These panels' bins, at most so many in each, from columns `hour` (when a bin begins, of any day, to a quarter),
    `panel`, `value`, `low`, `high` and, if there is one, `curve`: at the middle of each bin, followed from one to the
    next. The range is a whole day from 0 microseconds on.

    Raises ValueError for a bin that isn't whole quarters of an hour, or of which a day isn't a multiple.
    """
    if bin_us < 1 or bin_us % FINEST_US or DAY_US % bin_us:
        raise ValueError(f"a bin of {bin_us} us; expected quarters of an hour, of which a day is a multiple")
    known = table.filter(table.column("hour").is_valid())
    begin = np.round(arrow.floats(known.column("hour")) * HOUR_US / FINEST_US).astype(np.int64) * FINEST_US
    panel = np.array(known.column("panel").to_pylist(), dtype=object)
    cell = math.gcd(bin_us, int(np.gcd.reduce(begin)))
    if DAY_US // math.gcd(CELL_US, cell) <= most:
        cell = math.gcd(CELL_US, cell)
    within = np.arange(bin_us // cell) * cell
    time = (begin[:, None] + within).ravel() % DAY_US
    columns = {name: np.repeat(_column(known, name), len(within)) for name in NUMBERS}
    for name in names:
        rows = np.flatnonzero(panel == name)
        at = (rows[:, None] * len(within) + np.arange(len(within))).ravel()
        columns["curve"][at] = _curve(begin[rows] + bin_us // 2, _column(known, "curve")[rows], time[at] + cell // 2)
    whole_day = [0, DAY_US - cell]  # two cells without values, so that the range is a day
    cells = pa.table({
        "time": arrow.column(np.r_[time, whole_day], pa.timestamp("us", "UTC")),
        "panel": arrow.column([*np.repeat(panel, len(within)).tolist(), names[0], names[0]], pa.string()),
        **{name: arrow.column(np.r_[values, np.nan, np.nan], pa.float64()) for name, values in columns.items()},
    })  # fmt: skip
    return panel_bins(cells, names, cell, most)


def day_axis(bins: PanelBins, most: int) -> ValueAxis:
    """The axis that all panels share, from 0 to a little above the highest value: panels are small, and a round value
    above it may be twice as high."""
    axis, highest = value_axis(bins, False, max(most, 1)), bins.largest() * HEADROOM
    if not 0 < highest < axis.high:
        return axis
    return ValueAxis(axis.low, highest, tuple(tick for tick in axis.ticks if tick <= highest))


def day_marks(bins: PanelBins, peaks: Mapping[str, Peak]) -> dict[str, list[Mark]]:
    """The marks of each panel: none, or that of its peak."""
    return {name: peaks[name].marks if name in peaks else [] for name in bins.panels}


def hour_ticks(most: int) -> list[tuple[int, str]]:
    """At most so many hours of a day, but at least three, in microseconds and as labels."""
    step = next((each for each in STEPS if 24 // each + 1 <= most), STEPS[-1])
    return [(hour * HOUR_US, f"{hour:02}:00") for hour in range(0, 25, step)]


def _us(hour: float) -> int:
    return round(hour * HOUR_US)


def _column(table: pa.Table, name: str) -> Numbers:
    return arrow.floats(table.column(name)) if name in table.column_names else np.full(len(table), np.nan)


def _curve(middle: Numbers, value: Numbers, at: Numbers) -> Numbers:
    """The curve at moments of a day that repeats, NaN where it isn't known at all."""
    has = np.isfinite(value)
    if not has.any():
        return np.full(len(at), np.nan)
    found: Numbers = np.interp(at, middle[has] % DAY_US, value[has], period=DAY_US)
    return found
