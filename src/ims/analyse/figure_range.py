"""What figures over time share: the bins that are drawn, the whole range around them, and lines that name it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.query.bins import bin_begin, bin_origin
from ims.settings.durations import DAY_US, HOUR_US, SECOND_US, written_duration

if TYPE_CHECKING:
    from ims.analyse.result import Result


def long_watched(series: pa.Table, width: int) -> pa.Table:
    """A series, whose column `seconds` says how long each bin was watched, without bins of which less than half was
    (unless none was watched longer), for they would stand as high as if all of them had been. `width`: microseconds."""
    enough = arrow.numbers(series.column("seconds")) >= width / 2 / SECOND_US
    return series.filter(arrow.column(enough, pa.bool_())) if enough.any() else series


def with_ends(drawn: pa.Table, result: Result, width: int) -> pa.Table:
    """A table as charts take it, with the first and the last bin of the result's range in each panel, so that any of
    them alone shows it: without a value, where there is none. A table without rows stays so."""
    if result.since is None or result.until is None or not len(drawn):
        return drawn
    ends = np.array([bin_begin(at, width, bin_origin(width)) for at in (result.since, result.until - 1)])
    times = arrow.column(ends, pa.timestamp("us", "UTC"))
    found = [drawn]
    for name in pc.unique(drawn.column("panel")).to_pylist():
        columns = {column: pa.nulls(2, drawn.schema.field(column).type) for column in drawn.column_names}
        columns |= {"time": times, "panel": pa.array([name] * 2, pa.string())}
        known = pc.is_in(times, drawn.filter(pc.equal(drawn.column("panel"), name)).column("time"))
        found.append(pa.table(columns, drawn.schema).filter(pc.invert(known)))
    return pa.concat_tables(found)


def range_line(result: Result, width: int) -> str:
    """The range, the bins in it, and what was asked of it."""
    about = f", {result.filter}" if result.filter else ""
    return f"{result.range}, bins of {written_duration(width)}{about}"


def each_bin(width: int) -> str:
    """What the values of a series are: in each hour, in each day, in each 10m."""
    named = {HOUR_US: "hour", DAY_US: "day"}
    return f"in each {named.get(width) or written_duration(width)}"


def lost_lines(result: Result) -> list[str]:
    """A line of what the capturing programs lost; none if they lost nothing."""
    lost = result.darknet.frames_lost
    return [f"{lost:,} packets lost by the capturing programs"] if lost else []
