"""Bins of time in panels: what is drawn of a table, several bins together where a picture has no room for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.figures.ticks import ValueAxis, linear_axis, log_axis, value_label

Numbers = np.ndarray[Any, Any]
LARGEST = 1e300
GAP = "not watched"
"""What is hatched, unless a picture says otherwise."""


@dataclass(frozen=True)
class Bins:
    """One panel's watched bins, in order. `index`: each one's number in the range; others in between were not watched.
    NaN in `low` and `high`: the bin has no band; in `curve`: no fitted curve passes it."""

    index: Numbers
    value: Numbers
    low: Numbers
    high: Numbers
    curve: Numbers

    def runs(self, has: Numbers | None = None) -> list[slice]:
        """Bins that follow each other without a gap; with `has`, of those bins alone for which it is true."""
        breaks = np.flatnonzero(np.diff(self.index) != 1) + 1
        if has is None:
            edges = [0, *breaks.tolist(), len(self.index)]
            return [slice(begin, end) for begin, end in pairwise(edges) if begin < end]
        changes = np.flatnonzero(np.diff(has.astype(np.int8))) + 1
        edges = [0, *np.union1d(breaks, changes).tolist(), len(self.index)]
        return [slice(begin, end) for begin, end in pairwise(edges) if begin < end and has[begin]]


@dataclass(frozen=True)
class PanelBins:
    """The bins of all panels on one grid. `bin_us`: a bin as drawn, which holds `together` of the table's. `until_us`:
    the end of the table's last bin; that of the last one drawn may be later."""

    since_us: int
    until_us: int
    bin_us: int
    count: int
    together: int
    panels: dict[str, Bins]

    @property
    def span_us(self) -> int:
        """The length of the range; at least 1."""
        return max(self.until_us - self.since_us, 1)

    def time_us(self, index: Any) -> Any:
        """When bins begin, or the range ends."""
        return np.minimum(self.since_us + index * self.bin_us, self.until_us)

    def gaps(self, name: str) -> list[tuple[int, int]]:
        """Numbers of bins that weren't watched: from, and before which."""
        bins = self.panels[name]
        edges = [0]
        for run in bins.runs():
            edges += [int(bins.index[run.start]), int(bins.index[run.stop - 1]) + 1]
        edges.append(self.count)
        return [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if begin < end]

    @property
    def has_gaps(self) -> bool:
        """Whether a panel has a bin that wasn't watched."""
        return any(self.gaps(name) for name in self.panels)

    def smallest(self, *more: str) -> float:
        """The least of values, bands and these columns; 0 where there is none."""
        return min((float(np.nanmin(each)) for each in self._all(*more) if not np.isnan(each).all()), default=0.0)

    def largest(self) -> float:
        """The greatest of values, bands and curves; 0 where there is none."""
        return max((float(np.nanmax(each)) for each in self._all("curve") if not np.isnan(each).all()), default=0.0)

    def positive(self, names: Sequence[str] = ("value", "low", "high")) -> float | None:
        """The least number above 0 in these columns."""
        columns = [getattr(bins, name) for bins in self.panels.values() for name in names]
        return min((float(each[each > 0].min()) for each in columns if (each > 0).any()), default=None)

    def _all(self, *more: str) -> list[Numbers]:
        return [getattr(bins, name) for bins in self.panels.values() for name in ("value", "low", "high", *more)]


def panel_names(panels: Sequence[tuple[str, str]]) -> list[str]:
    """The names of panels, which are given with what stands above each. Raises ValueError where there is none, or one
    stands twice."""
    names = [name for name, _ in panels]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{len(names)} panels, {len(set(names))} different names; expected at least one, none twice")
    return names


def panel_bins(table: pa.Table, names: Sequence[str], bin_us: int, most: int) -> PanelBins:
    """These panels' bins, at most so many in each, from columns `time` (a bin's begin), `panel`, `value`, `low`, `high`
    and, if there is one, `curve`. The value of several bins together is the mean of the watched ones, as is their
    curve; their band goes from the lowest to the highest. What is infinite or no number counts as not watched.

    Raises ValueError for a bin that isn't above 0.
    """
    if bin_us < 1:
        raise ValueError(f"a bin of {bin_us} us; expected one above 0")
    panel = np.array([name if name is not None else "" for name in table.column("panel").to_pylist()], dtype=object)
    known = table.column("time").is_valid().combine_chunks()
    chosen = np.isin(panel, np.array(names, dtype=object)) & arrow.flags(known) if len(panel) else np.zeros(0, np.bool_)
    time = arrow.numbers(table.column("time").cast(pa.timestamp("us", "UTC")))[chosen]
    if not len(time):
        nothing = np.zeros(0)
        return PanelBins(0, 0, bin_us, 0, 1, {name: Bins(nothing.astype(int), *[nothing] * 4) for name in names})
    value, low, high = (_finite(table.column(name))[chosen] for name in ("value", "low", "high"))
    has_curve = "curve" in table.column_names
    curve = _finite(table.column("curve"))[chosen] if has_curve else np.full(len(value), np.nan)
    since = int(time.min())
    index = (time - since) // bin_us
    count = int(index.max()) + 1
    together = -(-count // most)
    panels = {}
    for name in names:
        rows = np.flatnonzero((panel[chosen] == name) & ~np.isnan(value))
        rows = rows[np.argsort(index[rows], kind="stable")]
        columns = Bins(index[rows] // together, value[rows], low[rows], high[rows], curve[rows])
        panels[name] = _pooled(columns, together > 1)
    return PanelBins(since, since + count * bin_us, bin_us * together, -(-count // together), together, panels)


def _finite(column: pa.ChunkedArray) -> Numbers:
    """NaN for what is null, infinite or too large for an axis above it."""
    whole = column.cast(pa.float64()).combine_chunks()
    values = arrow.numbers(whole).copy()
    if whole.null_count:
        values[~arrow.flags(whole.is_valid())] = np.nan
    values[~(np.abs(values) <= LARGEST)] = np.nan
    return values


def _pooled(bins: Bins, is_pooled: bool) -> Bins:
    """One bin of those with the same index."""
    index, value, low, high = bins.index, bins.value, bins.low, bins.high
    if not len(index):
        return bins
    begins = np.flatnonzero(np.r_[True, index[1:] != index[:-1]])
    if is_pooled:  # a band of bins is also over those that have none themselves
        low, high = np.fmin(low, value), np.fmax(high, value)
    if len(begins) == len(index):
        return Bins(index, value, low, high, bins.curve)
    low, high = np.fmin.reduceat(low, begins), np.fmax.reduceat(high, begins)
    return Bins(index[begins], _means(value, begins), low, high, _means(bins.curve, begins))


def _means(values: Numbers, begins: Numbers) -> Numbers:
    """Of the numbers in each part that begins there; NaN where there is none."""
    is_number = ~np.isnan(values)
    counts = np.add.reduceat(is_number.astype(np.int64), begins)
    each = np.repeat(np.maximum(counts, 1), np.diff(np.r_[begins, len(values)]))
    means: Numbers = np.add.reduceat(np.where(is_number, values, 0.0) / each, begins)
    return np.where(counts > 0, means, np.nan)


def value_axis(bins: PanelBins, log: bool, most: int) -> ValueAxis:
    """The axis that all panels share. On a logarithmic one 0 stands at the lower edge, below all other values; a band's
    end moves the edge by a factor of ten at most, a curve not at all."""
    least = bins.positive(["value"]) if log else None
    if least is None:
        return linear_axis(bins.smallest("curve"), bins.largest(), most)
    axis = log_axis(max(bins.positive() or least, least / 10), bins.largest(), most)
    if bins.smallest() <= 0 and axis.low >= least * (1 - 1e-9):
        return log_axis(least / 2, bins.largest(), most)
    return axis


def band_note(bins: PanelBins, band_title: str) -> str:
    """What the band is, and how many bins are drawn as one; empty where there is no band."""
    if bins.together > 1:
        return f"drawn by {bins.together:,} bins together; band: from the lowest to the highest"
    has_band = band_title and any((~np.isnan(each.low) & ~np.isnan(each.high)).any() for each in bins.panels.values())
    return f"band: {band_title}" if has_band else ""


def edge_note(bins: PanelBins, axis: ValueAxis) -> str:
    """What a logarithmic axis can't hold; empty where there is nothing such."""
    if not axis.is_log:
        return ""
    least = min(float(each.value.min()) for each in bins.panels.values() if len(each.value))
    lowest = min(
        (float(np.nanmin(each.low)) for each in bins.panels.values() if not np.isnan(each.low).all()), default=np.inf
    )
    below = ["zeros" if least == 0 else "values not above 0"] if least <= 0 else []
    below += [f"ends of bands below {value_label(axis.low)}"] if lowest < axis.low else []
    return f"logarithmic scale: {' and '.join(below)} are drawn at the lower edge" if below else ""
