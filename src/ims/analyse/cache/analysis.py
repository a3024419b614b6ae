"""The hit rate of the signature cache by block (Figure 8 of the paper), and what made it dip.

A payload hits if it had been seen at that sensor that UTC day; then it isn't stored again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.cache.causes import Cause
from ims.analyse.cache.data import MOST_EXPLAINED, Bins, Data, Explained, data
from ims.analyse.cache.dips import COLD_HOURS, FEWEST_BINS, FEWEST_DAYS
from ims.analyse.cache.figure import figure, plot
from ims.analyse.execution import Finding, listed
from ims.analyse.intervals import Interval, of_counts, of_mean
from ims.analyse.question import LEVEL
from ims.analyse.questions.cache import SHARE
from ims.analyse.result import Estimate, schema
from ims.settings.durations import DAY_US, written_duration
from ims.text import quantity

__all__ = ["data", "figure", "model", "plot"]
Array = np.ndarray[Any, Any]
ANALYSIS = ANALYSES["cache"]
_METHOD = "ratio of sums over bins in the order of time, long-run variance (Lazarus et al., 2018)"
_NORMAL = 1.959963984540054
"""Standard deviations of an interval of 95 %."""


def model(data: Data) -> Finding:
    """The hit rate of all blocks, outside of dips, and of the lowest block; the dips with their causes."""
    came = [bins for bins in data.blocks if np.nansum(bins.payloads) > 0]
    notes = _notes(data, came)
    estimates: dict[str, Estimate] = {}
    if came:
        estimates["hit_rate"] = _rate(_summed(came, {}), f"all blocks: {_METHOD}", data)
        if data.is_shown:
            quiet = _summed(came, {block: _in_dips(data, block) for block in data.dips})
            if quiet[1].sum() > 0:
                estimates["usual"] = _rate(quiet, f"bins outside of dips: {_METHOD}", data)
            block, estimates["lowest"] = _lowest(came)
            if len(came) > 1:
                notes.append(f"of {len(came)} blocks, the one with the lowest hit rate: {block}")
    rows = [row for bins in came for dip in data.dips.get(bins.block, ()) for row in _rows(data, bins, dip)]
    rows.sort(key=lambda row: (row["since"], row["block"], -(row["share"] or 0)))
    return Finding(estimates, arrow.table(rows, schema(ANALYSIS.columns)), _series(data), tuple(notes))


def _lowest(came: Sequence[Bins]) -> tuple[str, Estimate]:
    """The block with the lowest hit rate, and that rate. All blocks' intervals hold at once in 95 of 100 cases
    (Bonferroni), since which block is the lowest isn't known beforehand: the lowest true rate lies between the lowest
    of the lower ends and the lowest of the upper ones."""
    level = 1 - (1 - LEVEL) / len(came)
    missed = [_missed(bins.new, bins.payloads, level) for bins in came]
    at = max(range(len(came)), key=lambda row: missed[row].value)
    value, low, high = (
        1 - max(ends) for ends in ([missed[at].value], [m.high for m in missed], [m.low for m in missed])
    )
    return came[at].block, Estimate(value, max(0.0, low), min(1.0, high), SHARE, f"{came[at].block}: {_METHOD}")


def _missed(new: Array, payloads: Array, level: float = LEVEL) -> Interval:
    known = payloads > 0
    return of_mean(new[known], payloads[known], level)


def _rate(counts: tuple[Array, Array], method: str, data: Data) -> Estimate:
    """Of new payloads and all payloads by bin; where noise is shown, as wide as what may be makes it."""
    new, payloads = counts
    known, missed = payloads > 0, _missed(new, payloads)
    value, low, high = 1 - missed.value, max(0.0, 1 - missed.high), min(1.0, 1 - missed.low)
    [bins, *_] = data.blocks
    if bins.ends is not None:
        weight = bins.payloads[known]
        ends = [float(np.average(np.nan_to_num(end[known]), weights=weight)) for end in bins.ends]
        low, high = min(low, ends[0]), max(high, ends[1])
    return Estimate(value, low, high, SHARE, method)


def _summed(blocks: Sequence[Bins], without: dict[str, Array]) -> tuple[Array, Array]:
    """New payloads and payloads of all blocks in each bin of time, without some bins of each."""
    times = np.unique(np.concatenate([bins.time for bins in blocks]))
    sums = np.zeros((2, len(times)))
    for bins in blocks:
        kept = ~without.get(bins.block, np.zeros(len(bins.time), np.bool_))
        at = np.searchsorted(times, bins.time[kept])
        sums[0][at] += np.nan_to_num(bins.new[kept])
        sums[1][at] += np.nan_to_num(bins.payloads[kept])
    return sums[0], sums[1]


def _in_dips(data: Data, block: str) -> Array:
    [bins] = [each for each in data.blocks if each.block == block]
    found = np.zeros(len(bins.time), np.bool_)
    for each in data.dips[block]:
        found[each.dip.first : each.dip.last + 1] = True
    return found


def _rows(data: Data, bins: Bins, found: Explained) -> list[dict[str, Any]]:
    """A row for each cause of a dip; one without a cause, where none was found."""
    inside = slice(found.dip.first, found.dip.last + 1)
    new, payloads = bins.new[inside], bins.payloads[inside]
    missed = of_mean(new, payloads)
    share = data.usual[bins.block].share[inside]
    dip = {
        "block": bins.block,
        "since": found.since,
        "until": found.until,
        "hit_rate": 1 - missed.value,
        "hit_rate_low": max(0.0, 1 - missed.high),
        "hit_rate_high": 1 - missed.low,
        "usual": 1 - float(np.average(np.nan_to_num(share), weights=payloads)),
        "new": found.dip.excess,
    }
    return [dip | _cause(each, found.dip.excess) for each in found.causes or (None,)]


def _cause(cause: Cause | None, excess: float) -> dict[str, Any]:
    names = ("protocol", "port", "share", "share_low", "share_high", "sources", "payloads", "shortest", "longest",
             "begins")  # fmt: skip
    if cause is None:
        return dict.fromkeys(names)
    share, low, high = _share(cause, excess)
    shortest, longest = cause.lengths or (None, None)
    values = (cause.protocol, cause.port, share, low, high, cause.sources, cause.new, shortest, longest, cause.begins)
    return dict(zip(names, values, strict=True))


def _share(cause: Cause, excess: float) -> Interval:
    """Of a dip's new payloads beyond the usual number: what is beyond it at this port, as a Poisson count."""
    low, high = (float(end[0]) for end in of_counts(np.array([cause.new])))
    ends = [(end - cause.usual) / excess for end in (cause.new, low, high)]
    value, low, high = (min(max(end, 0.0), 1.0) for end in ends)
    return Interval(value, low, high)


def _notes(data: Data, came: Sequence[Bins]) -> list[str]:
    if not came:
        return ["no packet with a payload came, or none is shown: there is no hit rate"]
    notes = []
    if not data.is_shown:
        notes.append("dips, and what caused them, aren't looked for in what this role is shown")
        return notes
    if data.width < DAY_US:
        notes.append(
            f"payloads are new once a sensor and UTC day, so the hit rate is lower in the first {COLD_HOURS} hours of "
            "each; bins are compared with others of the same hours"
        )
    unknown = [bins.block for bins in came if not np.isfinite(data.usual[bins.block].share).any()]
    if unknown:
        notes.append(
            f"fewer than {FEWEST_BINS} bins of {written_duration(data.width)} beyond the first hours of a day, so dips "
            f"can't be told: {listed(unknown)}"
        )
    elif data.width < DAY_US and any(np.isnan(data.usual[bins.block].share).any() for bins in came):
        notes.append(f"dips in the first hours of a day can't be told from fewer than {FEWEST_DAYS} days")
    dips = [each for found in data.dips.values() for each in found]
    if not dips and len(unknown) < len(came):
        notes.append("no hit rate dipped")
    if len(dips) > MOST_EXPLAINED:
        notes.append(f"of {len(dips):,} dips, causes are given for the {MOST_EXPLAINED} with the most new payloads")
    vague = [each for each in dips if each.causes is not None and not each.causes]
    fewer = [each for each in vague if each.more < each.dip.excess / 2]
    if fewer:
        notes.append(f"{quantity(len(fewer), 'dip')} where hardly more payloads were new: fewer came that weren't")
    if many := len(vague) - len(fewer):
        notes.append(f"{quantity(many, 'dip')} of new payloads to many ports, none of which has a tenth of them")
    return notes


def _series(data: Data) -> pa.Table:
    """Each bin's hit rate, with Wilson's interval (J. Am. Stat. Ass. 22, 1927), or what holds it where noise is
    shown."""
    tables = []
    for bins in data.blocks:
        payloads, new = bins.payloads, bins.new
        some = payloads > 0
        rate = np.where(some, 1 - np.divide(new, payloads, out=np.zeros(len(new)), where=some), np.nan)
        low, high = bins.ends or _wilson(rate, payloads)
        usual = data.usual.get(bins.block)
        share = np.full(len(rate), np.nan) if usual is None else usual.share
        rates = {"hit_rate": rate, "low": np.where(some, low, np.nan), "high": np.where(some, high, np.nan),
                 "usual": 1 - share}  # fmt: skip
        columns = {
            "time": arrow.column(bins.time, pa.timestamp("us", "UTC")),
            "block": pa.repeat(bins.block, len(rate)),
            "seconds": arrow.column(bins.seconds, pa.float64()),
            "payloads": arrow.known(payloads, pa.int64()),
            "new": arrow.known(new, pa.int64()),
            **{name: arrow.known(each, pa.float64()) for name, each in rates.items()},
        }
        tables.append(pa.table([columns[name] for name in schema(ANALYSIS.series).names], schema(ANALYSIS.series)))
    return pa.concat_tables(tables) if tables else pa.Table.from_batches([], schema(ANALYSIS.series))


def _wilson(rate: Array, payloads: Array) -> tuple[Array, Array]:
    with np.errstate(invalid="ignore", divide="ignore"):
        square = _NORMAL**2 / payloads
        middle = (rate + square / 2) / (1 + square)
        half = np.sqrt(rate * (1 - rate) * square + square**2 / 4) / (1 + square)
    return middle - half, middle + half
