"""The phases of a worm: growth, decay and persistence, found in its sources by time (paper, section 3.2 and Figure 9).

Sources are what tells of an outbreak, as one source may send any number of packets. How many hosts there are behind
them follows from how often the same source is seen again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import Finding
from ims.analyse.intervals import of_counts
from ims.analyse.outbreak.data import WIDER, Data, data
from ims.analyse.outbreak.epidemic_curve import Bins, Of
from ims.analyse.outbreak.estimates import Outbreak, outbreak_of
from ims.analyse.outbreak.figure import figure, plot
from ims.analyse.outbreak.law import Nothing
from ims.analyse.outbreak.variance import MUCH
from ims.analyse.outbreak.visits import Windows, chance, windows_of
from ims.analyse.question import MOMENT
from ims.analyse.result import Estimate, schema
from ims.query.bins import LONGEST_US, bin_begin, bin_origin
from ims.settings.durations import HOUR_US, SECOND_US, written_duration

__all__ = ["Data", "data", "figure", "model", "plot"]
ANALYSIS = ANALYSES["outbreak"]
FEWEST_BINS, FEWEST_SOURCES = 12, 12
"""To tell an outbreak by."""
FEWEST_STAYING = 6
"""Bins of persistence."""
Array = np.ndarray[Any, Any]
_LAW = "quasi-likelihood of a law of growth, decline and rest on the distinct sources of each bin; profile interval"
_HOSTS = f"{_LAW}, and how often a source is seen again"


def model(data: Data) -> Finding:
    """The phases, and what can be estimated of them."""
    known = ~np.isnan(data.sources.value) & (data.seconds > 0)
    found = _found(data, known)
    series = _series(data, known, found)
    if isinstance(found, Nothing):
        return Finding({}, _rows([]), series, (found.why,), _answered(data))
    rows = _phases(data, known, found)
    estimates, notes = _estimates(data, known, found)
    return Finding(estimates, _rows(rows), series, tuple(notes), _answered(data))


def _answered(data: Data) -> dict[str, str]:
    """The width of bins, where it isn't the asked one."""
    return {} if data.width == data.asked else {"bin": written_duration(data.width)}


def _found(data: Data, known: Array) -> Outbreak | Nothing:
    """The outbreak, or why there is none to be told."""
    counts, each = data.sources.value[known], written_duration(data.width)
    if hidden := int(np.isnan(data.sources.value).sum()):
        each += f" ({hidden} more aren't shown to your role)"
    if hidden and not len(counts):
        return Nothing("no bin's sources are shown to your role, so there is nothing to estimate from")
    if not counts.sum():
        return Nothing("no packets matched, so there is nothing to estimate from")
    if len(counts) < FEWEST_BINS:
        return Nothing(
            f"too few bins to fit a law to: {len(counts)} of {each}, where it takes {FEWEST_BINS}; "
            "a longer time, or a narrower --bin, has more"
        )
    if counts.sum() < FEWEST_SOURCES:
        return Nothing(f"too few sources to tell an outbreak by: {counts.sum():,.0f} in all bins together")
    bins = _bins(data, known)
    noise = np.square((data.sources.high - data.sources.low)[known] / (2 * 1.96))
    return outbreak_of(bins, counts, _windows(data, known, bins), noise)


def _bins(data: Data, known: Array) -> Bins:
    exposure = (data.addresses * data.seconds)[known]
    begin = (data.time[known] - data.time[known][0]) / HOUR_US
    return Bins(begin, begin + data.width / HOUR_US, exposure / exposure.max())


def _windows(data: Data, known: Array, bins: Bins) -> list[Windows]:
    """Wider bins that hold whole ones of those that are known."""
    first, sources = int(data.time[known][0]), data.sources.value[known]
    found = []
    for times, (begins, counts) in data.wider.items():
        width = data.width * times
        begin = np.array([bin_begin(int(at), width, bin_origin(width)) for at in data.time[known]])
        if (data.time[known] + data.width > begin + width).any():
            continue
        found.append(windows_of(bins, sources, times, (begin - first) / HOUR_US, (begins - first) / HOUR_US, counts))
    return found


def _series(data: Data, known: Array, found: Outbreak | Nothing) -> pa.Table:
    """What the figure draws. The interval of a bin is that of a Poisson count, of what the role is shown."""
    fitted = np.full(len(data.time), np.nan)
    if isinstance(found, Outbreak):
        fitted[known] = found.law.expected
    columns: dict[str, pa.Array] = {
        "time": arrow.column(data.time, pa.timestamp("us", "UTC")),
        "seconds": arrow.column(data.seconds, pa.float64()),
        "fitted": _nullable(fitted, pa.float64()),
    }
    for counted, names in (
        (data.sources, ("sources", "low", "high")),
        (data.packets, ("packets", "packets_low", "packets_high")),
    ):
        missing = np.isnan(counted.value)
        low, high = of_counts(np.nan_to_num(counted.low))[0], of_counts(np.nan_to_num(counted.high))[1]
        columns[names[0]] = _nullable(np.round(counted.value), pa.int64())
        columns[names[1]], columns[names[2]] = (
            _nullable(np.where(missing, np.nan, end), pa.float64()) for end in (low, high)
        )
    target = schema(ANALYSIS.series)
    return pa.table([columns[name] for name in target.names], schema=target)


def _nullable(values: Array, kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True).cast(kind)


def _rows(rows: Sequence[dict[str, Any]]) -> pa.Table:
    return arrow.table(rows, schema(ANALYSIS.columns))


def _phases(data: Data, known: Array, found: Outbreak) -> list[dict[str, Any]]:
    """The phases that were found, in the order of time, with what was seen in each."""
    law, first, last = found.law, int(data.time[known][0]), int(data.time[known][-1]) + data.width
    edges = []
    if law.has_growth:
        grows = law.begin_of_growth()
        edges += [("before", -math.inf)] * (grows > 0) + [("growth", grows)]
    if law.has_decline:
        edges.append(("decay", float(law.parameters[Of.DECLINE]) if law.has_growth else 0.0))
        if (stays := law.end_of_decay()) < float(law.bins.end[-1]) - FEWEST_STAYING * data.width / HOUR_US:
            edges.append(("persistence", stays))
    since, until = data.range
    begins = max(first if since is None else since, first)
    ends = min(last if until is None else until, last)
    moments = [min(max(first + round(max(hour, 0.0) * 3600) * SECOND_US, begins), ends) for _, hour in edges] + [ends]
    rows = []
    for (phase, _), begin, end in zip(edges, moments, moments[1:], strict=False):
        if begin >= end:
            continue
        middle = data.time + data.width // 2
        inside = known & (middle >= begin) & (middle < end)
        rows.append({
            "phase": phase, "since": begin, "until": end,
            "sources": float(data.sources.value[inside].mean()) if inside.any() else None,
            "packets": _sum(data.packets.value[inside]),
        })  # fmt: skip
    return rows


def _sum(packets: Array) -> int | None:
    total = packets.sum()
    return None if np.isnan(total) else round(float(total))


def _moment(micros: int) -> Any:
    return arrow.EPOCH + timedelta(microseconds=micros)


def _estimates(data: Data, known: Array, found: Outbreak) -> tuple[dict[str, Estimate], list[str]]:
    """The estimates, and notes on what is assumed and missing."""
    first, each = int(data.time[known][0]), written_duration(data.width)
    estimates: dict[str, Estimate] = {}
    for name, value, method in (
        ("doubling_time", found.doubling, _LAW),
        ("half_life", found.half_life, _LAW),
        ("max_growth", found.growth, _HOSTS),
        ("sources", found.sources, _HOSTS),
    ):
        if value is not None:
            estimates[name] = Estimate(*value, _UNITS[name], method)
    if found.decline is not None:
        value, low, high = (
            None if end is None else _moment(first + round(end * 3600) * SECOND_US) for end in found.decline
        )
        estimates["decline_began"] = Estimate(value, low, high, MOMENT, _LAW)
    return estimates, _notes(data, found, each)


_UNITS = {each.name: each.unit for each in ANALYSIS.estimates}


def _notes(data: Data, found: Outbreak, each: str) -> list[str]:
    law, notes = found.law, []
    if law.has_growth and found.doubling is None:
        notes.append(f"growth isn't resolved by bins of {each} and these sources; a narrower --bin may tell it")
    if not law.has_growth:
        notes.append("the range begins after the growth, of which nothing can be told; an earlier --since may have it")
    if not law.has_decline:
        notes.append("no decline in this range, so no half-life")
    elif found.half_life is None:
        notes.append(f"the decline isn't resolved by bins of {each} and these sources")
    if found.sources is not None and not (law.has_growth and law.has_decline):
        notes.append(f"sources are those active at the {'begin' if law.has_decline else 'end'} of the range")
    if found.visits is None:
        notes.append(f"{_why_unseen(data, found)}, so max_growth and sources, with hosts not seen, aren't known")
    else:
        low, value, high = (chance(end) for end in (found.visits.low, found.visits.value, found.visits.high))
        notes.append(
            f"an active host is seen in {each} with a probability of {value:.2g} ({low:.2g} to {high:.2g}), "
            "by how often sources came again, if hosts are alike; if some are faster than others, there are more hosts"
        )
    if found.excess > 1:
        times = f"{found.excess:.2g} times"
        more = (
            "; what grows and declines otherwise, or by day and night, has other values" if found.excess > MUCH else ""
        )
        notes.append(
            f"sources vary {times} as much around the law as by chance alone; intervals are wider by that{more}"
        )
    return notes


def _why_unseen(data: Data, found: Outbreak) -> str:
    """Why it isn't known how often a host is seen."""
    if not data.wider and data.width * WIDER[0] <= LONGEST_US:
        return "sources of wider bins, by which it shows how often one comes again, aren't shown to your role"
    if not found.has_windows:
        return "nothing was watched evenly for so long that sources could be seen again"
    return f"too few of the sources (at most {found.law.expected.max():,.3g} in a bin) came a second time"
