"""The packet rate of blocks by their size (paper, section 2.1 and Figure 2).

A block's packets in a bin are divided by the /24s that were watched and by the seconds in which they were: a /23's are
halved, and a bin of which half was watched isn't half as busy. So blocks of all sizes compare, and gaps are gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import Finding, listed
from ims.analyse.intervals import FEWEST, Array, Interval, of_counts, of_mean, of_quantile, quantile
from ims.analyse.options import Options
from ims.analyse.question import LEVEL
from ims.analyse.questions.rate import PER_24
from ims.analyse.rate.figure import figure, plot
from ims.analyse.result import Estimate, schema
from ims.query.language.syntax_tree import Net, walk
from ims.settings.durations import DAY_US, SECOND_US, written_duration
from ims.text import quantity

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence

__all__ = ["data", "figure", "model", "plot"]
ANALYSIS = ANALYSES["rate"]
LEAST_SECONDS = 1.0
"""A watch of a capture ends with its last packet: of one packet it takes a microsecond, which has no rate."""
MANY_BINS = 60
"""Of fewer, intervals are too narrow where bins follow each other (docs/analyses.md)."""
_MEAN = "packets divided by watched /24s and seconds; interval with the long-run variance of bins"
_FEW = "packets divided by watched /24s and seconds; interval as of independent packets"
_ALL = "the {word} of the blocks' means, with intervals that hold for all blocks at once"


@dataclass(frozen=True)
class Bins:
    """A block's watched bins in the order of time: begin (microseconds), mean addresses, seconds watched, packets, and
    the ends of the interval that holds their number, float64 (n,) each. Packets that aren't shown are NaN."""

    block: str
    time: Array
    addresses: Array
    seconds: Array
    packets: Array
    low: Array
    high: Array

    def at(self, chosen: Array) -> Bins:
        """Some of the bins."""
        return Bins(self.block, *(getattr(self, name)[chosen] for name in _COLUMNS))

    @property
    def exposure(self) -> Array:
        """What packets are divided by: /24s times seconds."""
        return self.addresses / 256 * self.seconds

    @property
    def is_known(self) -> bool:
        """Whether a rate can be computed: all packets are shown, and it was watched for more than a moment."""
        return bool(self.seconds.sum() >= LEAST_SECONDS) and not np.isnan(self.packets).any()

    def mean(self, level: float = LEVEL) -> Interval | None:
        """Mean rate: an interval that holds it whatever the true number of packets within low and high."""
        if not self.is_known:
            return None
        low, value, high = (of_mean(each, self.exposure, level) for each in (self.low, self.packets, self.high))
        return Interval(value.value, low.low, high.high)

    def median(self) -> Interval | None:
        """Median rate of the bins."""
        each = [np.nan_to_num(column / self.exposure, nan=-np.inf) for column in (self.low, self.packets, self.high)]
        found = [of_quantile(rates, 0.5) for rates in each]
        if any(one is None or np.isinf(one.value) for one in found):
            return None
        low, value, high = found
        return Interval(value.value, low.low, high.high)  # type: ignore[union-attr]

    def usual(self, width: int) -> Array:
        """Bins to take quantiles of: those watched for at least half of their width. (A second's watch may hold one
        packet, which isn't 300 in five minutes.)"""
        return np.asarray(self.seconds * SECOND_US >= width / 2)


_COLUMNS = ("time", "addresses", "seconds", "packets", "low", "high")


@dataclass(frozen=True)
class Data:
    """The bins of each block, their width in microseconds, whether packets are known to a role only within low and
    high, how many packets came in bins that by `coverage` weren't watched, and notes on the question."""

    blocks: Sequence[Bins]
    width: int
    withheld: bool = False
    uncovered: int = 0
    notes: Sequence[str] = ()


def data(evidence: Evidence, options: Options) -> Data:
    """Packets and the darknet's size by block and bin."""
    width = options.values["bin"]
    sizes = evidence.darknet(width)
    packets = evidence.series(width, "block")
    withheld = "low" in packets.column_names
    names = [name for name in ("value", "low", "high") if name in packets.column_names]
    joined = sizes.join(packets.select(["time", "block", *names]), ["time", "block"], join_type="left outer")
    joined = joined.sort_by([("block", "ascending"), ("time", "ascending")])
    columns = {name: arrow.floats(joined.column(name)) for name in ("addresses", "seconds", *names)}
    came, counted = pc.sum(packets.column("value")).as_py() or 0, np.nansum(columns["value"])
    if withheld:
        columns |= _within(columns)
    else:
        columns["value"] = columns["low"] = columns["high"] = np.nan_to_num(columns["value"])  # else it didn't come
    times, blocks = arrow.numbers(joined.column("time")), np.array(joined.column("block").to_pylist(), object)
    edges = np.flatnonzero(np.r_[True, blocks[1:] != blocks[:-1], True]) if len(blocks) else np.empty(0, np.int64)
    named = evidence.watches().by_block
    found = [
        Bins(blocks[begin], times[begin:end],
             *(columns[name][begin:end] for name in ("addresses", "seconds", "value", "low", "high")))
        for begin, end in pairwise(edges) if blocks[begin] in named
    ]  # fmt: skip
    uncovered = 0 if evidence.silent else int(came - counted)
    tree = options.request.filter
    directed = tree is not None and any(isinstance(each, Net) and each.direction != "source" for each in walk(tree))
    notes = ["the filter names destinations; rates are divided by all addresses of a block, not by those"] * directed
    return Data(found, evidence.width, withheld, uncovered, notes)


def _within(columns: dict[str, Array]) -> dict[str, Array]:
    """Packets of which a role sees a noisy sum of those bins that are published: the middle of the interval that holds
    the true number. The interval is wider by what rounding to two digits may hide of the size."""
    digit = 10.0 ** (np.floor(np.log10(np.maximum(columns["addresses"], 1))) - 1) / 2 / columns["addresses"]
    low, high = columns["low"] / (1 + digit), columns["high"] / np.maximum(1 - digit, 0.5)
    return {"low": low, "high": high, "value": (low + high) / 2}


def model(data: Data) -> Finding:
    """Each block's rates, and the ratio of the highest mean to the lowest."""
    usual = [bins.usual(data.width) for bins in data.blocks]
    rows = [_row(bins, chosen, data.withheld) for bins, chosen in zip(data.blocks, usual, strict=True)]
    estimates, notes = _compared(data, rows)
    rows.sort(key=lambda row: -1.0 if row["mean"] is None else row["mean"], reverse=True)
    notes += data.notes
    few = [bins.block for bins, chosen in zip(data.blocks, usual, strict=True) if chosen.sum() < FEWEST]
    if few:
        bins = f"{FEWEST} bins of {written_duration(data.width)} of which at least half was watched"
        notes.append(f"fewer than {bins}, so no median and no quantiles: {listed(few)}")
    partial = sum(int((~chosen).sum()) for chosen in usual)
    if partial:
        notes.append(f"{quantity(partial, 'bin')} watched for less than half of the width: left out of quantiles")
    if data.uncovered:
        notes.append(
            f"{quantity(data.uncovered, 'packet')} came where by coverage nothing was watched, and count in no rate"
        )
    longest = max((bins.time[-1] - bins.time[0] for bins in data.blocks), default=0)
    if longest + data.width < DAY_US or max((len(bins.time) for bins in data.blocks), default=0) < MANY_BINS:
        notes.append(
            f"less than a day, or fewer than {MANY_BINS} bins: intervals may be too narrow where traffic changes"
        )
    series = _series(data) if data.blocks else None
    table = arrow.table(rows, schema(ANALYSIS.columns))
    empty = pa.Table.from_batches([], schema(ANALYSIS.series))
    return Finding(estimates, table, series or empty, tuple(notes), _answered(data))


def _answered(data: Data) -> dict[str, str]:
    """The width of bins, where it isn't the asked one."""
    return {"bin": written_duration(data.width)} if data.width % SECOND_US == 0 and data.withheld else {}


def _row(bins: Bins, usual: Array, withheld: bool) -> dict[str, Any]:
    """What is estimated of one block by itself."""
    chosen = bins.at(usual)
    median = chosen.median()
    rates = np.sort(np.nan_to_num(chosen.packets / chosen.exposure, nan=-np.inf))
    shares = {"q05": 0.05, "q25": 0.25, "q75": 0.75, "q95": 0.95, "busiest": 1.0}
    known = len(rates) >= FEWEST
    return {
        "block": bins.block,
        "slash24s": float(np.average(bins.addresses, weights=bins.seconds)) / 256,
        "bins": len(bins.time),
        "packets": None if withheld else int(bins.packets.sum()),
        **_named("mean", bins.mean()),
        **_named("median", median),
        **{name: _finite(quantile(rates, share)) if known else None for name, share in shares.items()},
        **_named("ratio", None),
    }


def _compared(data: Data, rows: list[dict[str, Any]]) -> tuple[dict[str, Estimate], list[str]]:
    """The highest and the lowest mean and their ratio, and each block's ratio to the lowest, which is put into its row:
    of the bins in which all blocks were watched. All intervals hold at once in 95 of 100 cases (Bonferroni), since
    which block is the highest isn't known beforehand: the highest true mean lies between the highest of the lower ends
    and the highest of the upper ones."""
    known = {bins.block: bins for bins in data.blocks if bins.is_known}
    notes = []
    if unknown := [bins.block for bins in data.blocks if np.isnan(bins.packets).any()]:
        notes.append(f"packets of some bins aren't shown, so no mean: {listed(unknown)}")
    if short := [bins.block for bins in data.blocks if bins.seconds.sum() < LEAST_SECONDS]:
        notes.append(f"watched for less than a second, so no rate: {listed(short)}")
    if not known:
        return {}, notes
    times = [bins.time for bins in known.values()]
    common = reduce(np.intersect1d, times)
    if len(known) > 1 and len(common) < max(map(len, times)):
        if not len(common):
            return {}, [*notes, "there is no bin in which all blocks were watched, so their means aren't compared"]
        notes.append(
            f"blocks are compared by the {quantity(len(common), 'bin')} in which all of them were watched; "
            "the means in their rows are of all their bins"
        )
    level = 1 - (1 - LEVEL) / len(known)
    means = {block: bins.at(np.isin(bins.time, common)).mean(level) for block, bins in known.items()}
    found = {block: mean for block, mean in means.items() if mean is not None}
    if not found:
        return {}, [*notes, "all blocks were watched for less than a second at once, so their means aren't compared"]
    highest, lowest = (pick(found, key=lambda block: found[block].value) for pick in (max, min))
    top = Interval(
        found[highest].value, *(max(getattr(each, end) for each in found.values()) for end in ("low", "high"))
    )
    bottom = Interval(
        found[lowest].value, *(min(getattr(each, end) for each in found.values()) for end in ("low", "high"))
    )
    how = _MEAN if len(common) >= FEWEST else _FEW
    estimates = {
        "highest": _estimate(top, PER_24, f"{highest}: {how}"),
        "lowest": _estimate(bottom, PER_24, f"{lowest}: {how}"),
    }
    if len(found) < 2:
        return estimates, [*notes, "a ratio needs two blocks whose means are known"]
    if bottom.value <= 0:
        return estimates, [*notes, f"the lowest mean is 0 ({lowest}): blocks have no ratio"]
    for row in rows:
        if (mean := found.get(row["block"])) is not None:
            row |= _named("ratio", _ratio(mean, bottom))
    estimates["ratio"] = _estimate(_ratio(top, bottom), "times", f"{highest} divided by {lowest}: {how}")
    return estimates, notes


def _ratio(above: Interval, below: Interval) -> Interval:
    """Of a mean to the lowest, which is at most as high."""
    high = np.inf if below.low <= 0 else above.high / below.low
    return Interval(above.value / below.value, max(1.0, above.low / below.high), high)


def _named(name: str, interval: Interval | None) -> dict[str, float | None]:
    value, low, high = (None, None, None) if interval is None else map(_finite, interval)
    return {name: value, f"{name}_low": None if value is None else low, f"{name}_high": None if value is None else high}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _estimate(interval: Interval, unit: str, method: str) -> Estimate:
    return Estimate(_finite(interval.value), _finite(interval.low), _finite(interval.high), unit, method)


def _series(data: Data) -> pa.Table:
    """What the figure draws: each bin's rate, with the interval of a Poisson count."""
    time, _, seconds, packets, low, high = (
        np.concatenate([getattr(bins, name) for bins in data.blocks]) for name in _COLUMNS
    )
    exposure = np.concatenate([bins.exposure for bins in data.blocks])
    low, high = of_counts(np.nan_to_num(low))[0], of_counts(np.nan_to_num(high))[1]
    known = ~np.isnan(packets)
    valid = arrow.bitmap(known)
    counts = np.round(np.nan_to_num(packets)).astype(np.int64)
    rates = {"rate": packets / exposure, "low": low / exposure, "high": high / exposure}
    names = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(len(data.blocks)), [len(bins.time) for bins in data.blocks]),
        pa.array([bins.block for bins in data.blocks], pa.string()),
    )
    return pa.table(
        {
            "time": arrow.column(time, pa.timestamp("us", "UTC")),
            "block": names.cast(pa.string()),
            "seconds": arrow.column(seconds, pa.float64()),
            "packets": pa.Array.from_buffers(pa.int64(), len(known), [valid, pa.py_buffer(counts)]),
            **{
                name: pa.Array.from_buffers(pa.float64(), len(known), [valid, pa.py_buffer(np.ascontiguousarray(each))])
                for name, each in rates.items()
            },
        },
        schema(ANALYSIS.series),
    )
