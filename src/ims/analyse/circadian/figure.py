"""Figure 10 of the paper: sources over time with the fitted pattern, and the same by the hour of the day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ims import arrow
from ims.analyse.circadian.clock_text import clock_interval
from ims.analyse.circadian.day_means import part_of_day
from ims.analyse.circadian.group_days import GroupDays
from ims.analyse.figure_range import each_bin, long_watched, lost_lines, range_line, with_ends
from ims.analyse.result import interval_text
from ims.query.bins import bin_width

if TYPE_CHECKING:
    from ims.analyse.result import Estimate, Result, Value

ALL = "all"
"""The group of all sources, where they aren't divided."""
BAND, CURVE = "95 % interval of each bin", "fitted pattern"
MOST_GROUPS = 12
PLOT_ROWS, GROUP_ROWS = 10, 6
TIME_WIDTH, DAY_WIDTH, GROUP_HEIGHTS, SMALL_HEIGHT, ONE_HEIGHT = 372, 206, {2: 130, 3: 110}, 72, 170
"""Pixels of panels. Of one group, days stand below the whole range; of several, beside it: a group is a row."""
COLUMNS = {"time": "time", "panel": "group", "value": "sources", "low": "low", "high": "high", "curve": "fitted"}
"""Of a chart's table, and of the series."""
LEAST_P = 0.001


def figure(result: Result) -> Any:
    """Sources over the range, and by the hour of the day; None where there is nothing to draw."""
    groups = _groups(result)
    if not groups:
        return None
    from ims.figures.day_panels import day_part
    from ims.figures.panel_grid import ONE_WIDTH, Grid, picture
    from ims.figures.theme import Heading
    from ims.figures.time_panels import time_part

    shown, is_one = groups[:MOST_GROUPS], len(groups) == 1
    height = ONE_HEIGHT if is_one else GROUP_HEIGHTS.get(len(shown), SMALL_HEIGHT)
    titles = [(group, f"Sources {each_bin(_bin(result))}" if group == ALL else group) for group in shown]
    grid = Grid(1, ONE_WIDTH if is_one else TIME_WIDTH, height)
    parts = [time_part(
        _drawn(result), panels=titles, value_title=f"sources {each_bin(_bin(result))}", log=not is_one,
        bin_us=_bin(result), band_title=BAND, curve_title=CURVE, grid=grid,
    )]  # fmt: skip
    days = _days(result, shown)
    if days is not None:
        titles = [(group, "Mean by the hour of the day" if group == ALL else days.peak_text(group)) for group in shown]
        grid = Grid(1, ONE_WIDTH if is_one else DAY_WIDTH, height)
        parts.append(day_part(days.table, panels=titles, curve_title=CURVE, grid=grid, **days.words))
    return picture(parts, Heading(_title(result), tuple(_lines(result, groups))), beside=not is_one)


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    groups = _groups(result)
    if not groups:
        return None
    from ims.figures.day_text import day_text_panels
    from ims.figures.text_chart import text_panels

    shown, is_one = groups[:MOST_GROUPS], len(groups) == 1
    rows = PLOT_ROWS if is_one else GROUP_ROWS
    titles = [(group, "all sources" if group == ALL else group) for group in shown]
    text = text_panels(
        _drawn(result), titles, width=width, height=rows, value_title=f"sources {each_bin(_bin(result))}",
        band_title=BAND, log=not is_one, bin_us=_bin(result), unicode=unicode, curve_title=CURVE,
    )  # fmt: skip
    days = _days(result, shown)
    if days is None:
        return text
    titles = [(group, f"{name}: {days.peak_text(group)}") for group, name in titles]
    more = day_text_panels(
        days.table, titles, width=width, height=rows, curve_title=CURVE, unicode=unicode, **days.words
    )
    return f"{text}\n{more}"


def _bin(result: Result) -> int:
    return bin_width(result.options["bin"])


def _groups(result: Result) -> list[str]:
    """Those that are known in any bin: the one with the most sources first. None where too little is known to look for
    a pattern."""
    p_values = [*result.rows.column("p_value").to_pylist(), *(each.value for each in _tested(result))]
    if all(value is None for value in p_values):
        return []
    series = result.series.filter(result.series.column("sources").is_valid())
    known = dict.fromkeys(group for group in series.column("group").to_pylist() if group is not None)
    sources = {row["group"]: row["sources"] or 0 for row in arrow.rows(result.rows)}
    return sorted(known, key=lambda group: -sources.get(group, 0))


def _tested(result: Result) -> list[Estimate]:
    return [result.estimates["p_value"]] if "p_value" in result.estimates else []


def _drawn(result: Result) -> pa.Table:
    """The series as charts take it."""
    series = long_watched(result.series, _bin(result))
    kinds = {"time": pa.timestamp("us", "UTC"), "panel": pa.string()}
    columns = {name: series.column(column).cast(kinds.get(name, pa.float64())) for name, column in COLUMNS.items()}
    return with_ends(pa.table(columns), result, _bin(result))


def _days(result: Result, groups: Sequence[str]) -> GroupDays | None:
    """The hours of the day; None where bins are too long."""
    part = part_of_day(_bin(result))
    return None if part is None else GroupDays(result, groups, _bin(result), part)


def _title(result: Result) -> str:
    """The answer: where the peak is, or that none was found."""
    peak = result.estimates.get("peak_hour")
    hour, low, high = (None, None, None) if peak is None else map(_number, (peak.value, peak.low, peak.high))
    if hour is not None:
        return f"Daily pattern: most sources near {clock_interval(hour, low, high, 'UTC')}"
    if any(row["peak_hour"] is not None for row in arrow.rows(result.rows)):
        return "Daily pattern of each group"
    return "Daily pattern: none found"


def _lines(result: Result, groups: Sequence[str]) -> list[str]:
    known = [(name, result.estimates[name]) for name in ("amplitude", "period") if name in result.estimates]
    found = [
        _period(each) if name == "period" else f"{name} {interval_text(each.value, each.low, each.high, each.unit)}"
        for name, each in known
        if each.value is not None
    ]
    estimates = ", ".join([*found, *_p_value(result)])
    is_cut = len(groups) > MOST_GROUPS
    more = f"of {len(groups)} groups, the {MOST_GROUPS} with the most sources" if is_cut else ""
    return [
        range_line(result, _bin(result)),
        result.darknet.size,
        *filter(None, [estimates, more]),
        *lost_lines(result),
    ]


def _period(found: Estimate) -> str:
    """With four digits: three would say 24 h (24 to 24)."""
    ends = [f"{end:.4g}" if isinstance(end, float) else "no bound" for end in (found.value, found.low, found.high)]
    return f"period {ends[0]} h ({ends[1]} to {ends[2]})"


def _p_value(result: Result) -> list[str]:
    """How likely such a pattern is where there is none."""
    estimate = result.estimates.get("p_value")
    value = None if estimate is None else _number(estimate.value)
    if value is None:
        return []
    return [f"p < {LEAST_P}" if value < LEAST_P else f"p = {value:.2g}"]


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, float | int) else None
