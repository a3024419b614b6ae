"""The daily pattern of sources (paper, section 3.2 and Figure 10): at which hour they are most, how much they vary over
the day, and whether they do at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.circadian.curve import amplitude, peak, student
from ims.analyse.circadian.data import WIDEST_US, Data, data
from ims.analyse.circadian.figure import figure, plot
from ims.analyse.circadian.fit import DAY, Fit, Observed, fit, local_waves, period_of, waves
from ims.analyse.circadian.groups import (
    UNKNOWN,
    Group,
    Watched,
    ahead_of,
    groups_of,
    local_of,
    observed_of,
    watched_of,
)  # fmt: skip
from ims.analyse.circadian.variance import Cells, Spread, p_value, spread_of
from ims.analyse.execution import Finding
from ims.analyse.intervals import Interval, of_counts
from ims.analyse.result import Estimate, schema
from ims.settings.durations import HOUR_US, written_duration

__all__ = ["Data", "data", "figure", "model", "plot"]
ANALYSIS = ANALYSES["circadian"]
FOUND = 5e-4
"""A pattern is told where chance alone gives one like it less often."""
FEWEST_DAYS, DAYS_OF_PERIOD = 2, 3
FEWEST_SOURCES = 50
"""In all bins together."""
FEWEST_A_DAY = 8
"""Bins, to fit three waves to."""
EVEN = 0.5
"""Of the days, that sources have to fill. Growth and decay of 5,000 hosts amid 20 an hour fill 0.35 and had p of 0.0003
to 0.001, as no trend follows an outbreak's turn; amid 150 an hour 0.05 and more."""
TOLD = 0.1
"""Of the information on a wave, what the trend and the hours that weren't watched leave; 1 of even hours."""
Array = np.ndarray[Any, Any]
_METHOD = "quasi-likelihood of a trend and three waves a day"
_BY_NETWORK = f"{_METHOD}; covariance of networks and days"
_BY_TIME = f"{_METHOD}; covariance of days"


@dataclass(frozen=True)
class Pattern:
    """What is told of a group; None is what isn't. `expected`: of the bins that the curve is fitted to."""

    why: str
    p: float | None = None
    peak: Interval | None = None
    amplitude: Interval | None = None
    local: Interval | None = None
    expected: Array | None = None
    spread: Spread | None = None
    fit: Fit | None = None
    observed: Observed | None = None
    cells: Cells | None = None


def model(data: Data) -> Finding:
    """The pattern of all sources, and of groups."""
    watched = watched_of(data)
    groups = groups_of(data)
    whole = Group("all", data.sources.value, None, 8)
    every = _pattern(data, watched, whole)
    patterns = [every] if data.by is None else [_pattern(data, watched, group) for group in groups]
    estimates, notes = _estimates(data, every)
    rows = [_row(data, group, found) for group, found in zip(groups, patterns, strict=True)]
    shown = [_series(data, watched, group, found) for group, found in zip(groups, patterns, strict=True)]
    answered = {} if data.drawn.width == data.asked else {"bin": written_duration(data.drawn.width)}
    if data.networks is None and data.narrow.width != data.asked:
        answered = {"bin": written_duration(data.narrow.width)}
    if data.by is not None and all(group.name == UNKNOWN for group in groups):
        notes.append(f"no file tells the {'country' if data.by == 'country' else 'AS'} of any source")
    table = arrow.table(rows, schema(ANALYSIS.columns))
    return Finding(estimates, table, pa.concat_tables(shown), tuple(notes), answered)


def _pattern(data: Data, watched: Watched, group: Group) -> Pattern:
    """The daily pattern of a group, or why there is none to be told."""
    each = written_duration(data.drawn.width)
    if data.drawn.width > WIDEST_US or data.narrow.width * FEWEST_A_DAY > DAY * HOUR_US:
        return Pattern(f"bins of {each} are too wide to tell hours of the day; a narrower --bin has some")
    if not watched.kept.any() and len(data.sources.value) and np.isnan(data.sources.value).all():
        return Pattern("no bin's sources are shown to your role, so there is nothing to estimate from")
    if not np.nansum(data.sources.value):
        return Pattern("no packets matched, so there is nothing to estimate from")
    days = len(watched.hour) * watched.width / DAY
    if days < FEWEST_DAYS - data.drawn.width / HOUR_US / DAY:  # the last bin of a capture is often cut short
        return Pattern(
            f"too short to tell what repeats each day: {days:.2g} days {_known(data)}, where it takes {FEWEST_DAYS}"
        )
    observed, cells = observed_of(data, watched, group)
    total = float(observed.counts.sum())
    if total < FEWEST_SOURCES:
        return Pattern(f"too few sources to tell a daily pattern by: {total:,.0f} in all bins together")
    if (share := _share_of_days(observed)) < EVEN:
        return Pattern(
            f"most sources came within {share:.0%} of the days, as in an outbreak or a flood, so what repeats each day "
            "can't be told; --since and --until may leave it out"
        )
    found = fit(observed, local_waves(observed))
    even = waves(observed.hour, observed.width)
    if np.linalg.eigvalsh(even.T @ even)[0] < TOLD * len(even) / 2:
        return Pattern("too few hours of the day were watched to tell a daily pattern")
    if np.linalg.eigvalsh(found.information)[0] < TOLD * total / 2:
        return Pattern("too few hours of the day had sources, or were watched alike, to tell a daily pattern")
    spread = spread_of(observed, found, cells)
    p = p_value(found, spread)
    if p is None or p >= FOUND:
        return Pattern(_unsure(p), p, spread=spread)
    highest = peak(found.values, spread)
    why = "" if highest else "two hours of the day are so alike that the peak may be either"
    local = None
    if highest is not None and (clocks := local_of(data, watched, group)) is not None:
        local = _local_peak(*clocks)
    return Pattern(
        why, p, highest, amplitude(found.values, spread), local, found.expected, spread, found, observed, cells
    )


def _known(data: Data) -> str:
    return "are shown to your role" if np.isnan(data.sources.value).any() else "were watched"


def _share_of_days(observed: Observed) -> float:
    """How many days of the same number of sources would be as uneven as those of the range, by how many there are."""
    day = (observed.hour // DAY).astype(np.int64)
    equal = [
        float(each.sum() ** 2 / np.square(each).sum())
        for each in (np.bincount(day, observed.counts.sum(0)), np.bincount(day))
    ]
    return equal[0] / equal[1]


def _unsure(p: float | None) -> str:
    if p is None:
        return "too few days to tell a daily pattern from chance"
    return f"no daily pattern is told: what there is would come by chance with a probability of {p:.2g}"


def _local_peak(observed: Observed, cells: Cells | None) -> Interval | None:
    found = fit(observed, local_waves(observed))
    return peak(found.values, spread_of(observed, found, cells))


def _estimates(data: Data, found: Pattern) -> tuple[dict[str, Estimate], list[str]]:
    """The estimates of all sources, and notes on what is assumed and missing."""
    estimates: dict[str, Estimate] = {}
    if found.p is not None:
        estimates["p_value"] = Estimate(found.p, None, None, "", "waves of a day against those nearly as long, by F")
    if found.spread is None or found.fit is None:
        return estimates, [found.why]
    method = _BY_TIME if found.spread.networks is None else _BY_NETWORK
    notes = [found.why] if found.why else []
    if found.peak is not None:
        estimates["peak_hour"] = Estimate(*found.peak, "h", method)
    if found.amplitude is not None:
        estimates["amplitude"] = Estimate(*found.amplitude, "of the mean", method)
    period = _period(data, found)
    if isinstance(period, str):
        notes.append(period)
    else:
        estimates["period"] = Estimate(*period, "h", method)
    return estimates, [*notes, *_notes(data, found.spread)]


def _period(data: Data, found: Pattern) -> Interval | str:
    """The period in hours, or why it can't be told."""
    assert found.observed is not None and found.fit is not None
    hours = found.observed.hour
    if hours[-1] - hours[0] < DAYS_OF_PERIOD * DAY - data.drawn.width / HOUR_US:
        return f"the period isn't told by less than {DAYS_OF_PERIOD} days; a longer time may tell it"
    free = period_of(found.observed)
    if free is None:
        return "no period near a day fits better than its neighbours, so the period isn't told"
    spread = spread_of(found.observed, free[1], found.cells)
    half = 1.96 * student(spread.freedom) * float(np.sqrt(spread.covariance[-1, -1]))
    return Interval(free[0], free[0] - half, free[0] + half)


def _notes(data: Data, spread: Spread) -> list[str]:
    each = written_duration(data.narrow.width)
    notes = [f"the pattern is that of source addresses; one that came several times in {each} counts once in it"]
    if spread.networks is None:
        notes.append(
            "intervals say what other days of the same sources would show, not what other networks would, as "
            + (
                "sources by network aren't shown to your role"
                if data.networks is None
                else "sources are of few networks"
            )
        )
    if spread.together > max(spread.apart, 1.0) * 1.5:
        notes.append(
            f"all sources together vary {spread.together:.2g} times as much around the curve as by chance; intervals "
            "are wider by that"
        )
    return notes


def _row(data: Data, group: Group, found: Pattern) -> dict[str, Any]:
    """A group's row."""
    sources = group.sources[~np.isnan(group.sources) & (data.drawn.seconds > 0)]
    row: dict[str, Any] = {
        "group": group.name, "sources": float(sources.mean()) if len(sources) else None, "p_value": found.p,
        "utc_offset": ahead_of(data, group),
    }  # fmt: skip
    for name, interval in (
        ("peak_hour", found.peak),
        ("amplitude", found.amplitude),
        ("local_peak", found.local),
    ):
        for end, value in zip(("", "_low", "_high"), interval or (None, None, None), strict=True):
            row[name + end] = value
    return row


def _series(data: Data, watched: Watched, group: Group, found: Pattern) -> pa.Table:
    """What the figure draws of a group. The interval of a bin is that of a Poisson count, of what the role is shown."""
    low, high = (data.sources.low, data.sources.high) if group.chosen is None else (group.sources, group.sources)
    missing = np.isnan(group.sources)
    low = np.where(missing, np.nan, of_counts(np.nan_to_num(np.maximum(low, 0)))[0])
    high = np.where(missing, np.nan, of_counts(np.nan_to_num(np.maximum(high, 0)))[1])
    count = len(data.drawn.time)
    columns = {
        "time": arrow.column(data.drawn.time, pa.timestamp("us", "UTC")),
        "group": pa.array([group.name] * count, pa.string()),
        "seconds": arrow.column(data.drawn.seconds, pa.float64()),
        "sources": _nullable(np.round(group.sources), pa.int64()),
        "low": _nullable(low, pa.float64()),
        "high": _nullable(high, pa.float64()),
        "fitted": _nullable(_fitted(data, watched, group, found), pa.float64()),
    }
    target = schema(ANALYSIS.series)
    return pa.table([columns[name] for name in target.names], schema=target)


def _fitted(data: Data, watched: Watched, group: Group, found: Pattern) -> Array:
    """What the curve expects of bins that are drawn: that of their narrow ones, times how often on average a source
    counts in these."""
    fitted = np.full(len(data.drawn.time), np.nan)
    if found.expected is None:
        return fitted
    drawn = np.searchsorted(data.drawn.time, data.narrow.time[watched.kept], side="right") - 1
    together = np.bincount(drawn, found.expected, len(fitted))
    inside = np.bincount(drawn, minlength=len(fitted)) > 0
    known = inside & ~np.isnan(group.sources)
    fitted[inside] = together[inside] * group.sources[known].sum() / together[known].sum()
    return fitted


def _nullable(values: Array, kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True).cast(kind)
