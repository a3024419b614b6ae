"""Section 3.2 of the paper: hosts that did steps in order over time, by the payload of a step, and how many in all."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.figure_range import each_bin, long_watched, lost_lines, range_line, with_ends
from ims.analyse.result import interval_text
from ims.query.bins import bin_width
from ims.text import quantity

if TYPE_CHECKING:
    from ims.analyse.result import Estimate, Result

ALL = "all"
"""What the series calls all variants together."""
NO_PAYLOAD = "no payload"
MOST_VARIANTS = 6
DIGITS = 8
"""Of a signature: enough to tell those of a figure apart, and to look for one."""
PLOT_ROWS, SMALL_ROWS = 8, 5
ALL_HEIGHT, TOTAL_HEIGHT = 130, 100
PLACES = {"address": "at one address", "sensor": "at one sensor", "anywhere": "anywhere"}
TOTAL = "Identified so far"
MANY = 50
"""Hosts of a bin, from which on the axis is logarithmic: variants differ by orders of magnitude then."""


def figure(result: Result) -> Any:
    """All hosts, those of each variant, and how many were identified so far; None where there is nothing to draw."""
    panels = _panels(result)
    if not panels:
        return None
    from ims.figures.panel_grid import MANY_HEIGHT, Grid, picture, usual_grid
    from ims.figures.theme import Heading
    from ims.figures.time_panels import time_part

    each: dict[str, Any] = {
        "bin_us": _bin(result),
        "value_title": f"hosts {each_bin(_bin(result))}",
        "log": _is_log(result),
    }
    drawn, usual = _drawn(result), usual_grid(len(panels) - 1)
    parts = [time_part(drawn, panels=panels[:1], grid=Grid(1, usual.whole_width, ALL_HEIGHT), **each)]
    if panels[1:]:
        grid = Grid(usual.columns, usual.width, MANY_HEIGHT)
        parts.append(time_part(drawn, panels=panels[1:], grid=grid, prefix="variant", **each))
    total = _total(result)
    if total is not None:
        parts.append(time_part(
            total, panels=[(ALL, TOTAL)], value_title="hosts", log=False, bin_us=_bin(result),
            grid=Grid(1, usual.whole_width, TOTAL_HEIGHT), prefix="total",
        ))  # fmt: skip
    return picture(parts, Heading(_title(result), tuple(_lines(result))))


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    panels = _panels(result)
    if not panels:
        return None
    from ims.figures.text_chart import text_panels

    each: dict[str, Any] = {"width": width, "band_title": "", "bin_us": _bin(result), "unicode": unicode}
    rows = SMALL_ROWS if panels[1:] else PLOT_ROWS
    title = f"hosts {each_bin(_bin(result))}"
    text = text_panels(_drawn(result), panels, height=rows, value_title=title, log=_is_log(result), **each)
    total = _total(result)
    if total is None:
        return text
    return f"{text}\n{text_panels(total, [(ALL, TOTAL)], height=SMALL_ROWS, value_title='hosts', log=False, **each)}"


def _bin(result: Result) -> int:
    return bin_width(result.options["bin"])


def _is_log(result: Result) -> bool:
    """Whether the axis of the hosts of bins is logarithmic, since variants differ by orders of magnitude; that of all
    so far never is."""
    if len(_panels(result)) == 1:
        return False
    most = pc.max(result.series.column("sources")).as_py()
    return most is not None and most >= MANY


def _panels(result: Result) -> list[tuple[str, str]]:
    """All hosts, then the most frequent variants if there are several: what each is called in the drawn table, and what
    stands above it. None where hosts aren't known in any bin."""
    series = result.series.filter(result.series.column("sources").is_valid())
    together = series.filter(pc.equal(_names(series), ALL))
    if not len(together):
        return []
    hosts = Counter(row["variant"] or NO_PAYLOAD for row in arrow.rows(result.rows))
    variants = [name for name in dict.fromkeys(_names(series).to_pylist()) if name != ALL]
    variants.sort(key=lambda name: -hosts[name])
    if len(variants) == 1:
        return [(ALL, f"All hosts: {_short(variants[0])}")]
    shown = [(name, f"{_short(name)}: {quantity(hosts[name], 'host')}") for name in variants[:MOST_VARIANTS]]
    return [(ALL, "All hosts"), *shown]


def _names(series: pa.Table) -> pa.ChunkedArray:
    """The variants, with a name for those without a payload."""
    return pc.fill_null(series.column("variant"), NO_PAYLOAD)


def _short(variant: str) -> str:
    return variant if variant == NO_PAYLOAD else f"payload {variant[:DIGITS]}"


def _drawn(result: Result) -> pa.Table:
    """The series as charts take it."""
    series = long_watched(result.series, _bin(result))
    return _as_drawn(result, series, _names(series), arrow.floats(series.column("sources")))


def _total(result: Result) -> pa.Table | None:
    """Hosts identified until the end of each bin, also those of bins that are too short to be drawn. None where new
    ones aren't known in any bin."""
    series = result.series.filter(pc.equal(_names(result.series), ALL)).sort_by("time")
    new = arrow.floats(series.column("new"))
    if np.isnan(new).all():
        return None
    total = np.where(np.isnan(new), np.nan, np.nancumsum(new))
    series = long_watched(series.append_column("total", arrow.column(total, pa.float64())), _bin(result))
    return _as_drawn(result, series, _names(series), arrow.floats(series.column("total")))


def _as_drawn(result: Result, series: pa.Table, names: pa.ChunkedArray, values: Any) -> pa.Table:
    """A table of charts, without bands."""
    nothing = pa.nulls(len(series), pa.float64())
    value = arrow.column(values, pa.float64())
    drawn = pa.table({"time": series.column("time"), "panel": names, "value": value, "low": nothing, "high": nothing})
    return with_ends(drawn, result, _bin(result))


def _title(result: Result) -> str:
    """The answer: how many hosts were seen."""
    return f"Hosts that did the steps in order: {len(result.rows.column('source').unique()):,}"


def _lines(result: Result) -> list[str]:
    """The steps, the range, the darknet's size, how many there are with those not seen, variants, what was lost."""
    variants = len(result.rows.column("variant").unique())
    hosts = result.estimates.get("sources")
    number = "how many isn't known"
    if hosts is not None and hosts.value is not None:
        number = _number(hosts, len(result.rows.column("source").unique()))
    seen = f"with those not seen: {number}; {quantity(variants, 'variant')}"
    more = f", the {MOST_VARIANTS} most frequent ones are shown" if variants > MOST_VARIANTS else ""
    steps = _steps(result)
    return [
        *filter(None, [steps]),
        range_line(result, _bin(result)),
        result.darknet.size,
        seen + more,
        *lost_lines(result),
    ]


def _number(hosts: Estimate, seen: int) -> str:
    """The estimate with its interval. What rounds to no more than were seen is written in full: three digits of it
    would say fewer."""
    if any(end is not None and float(f"{end:.3g}") < seen for end in (hosts.value, hosts.low, hosts.high)):
        value, low, high = (
            "no bound" if end is None else f"{end:,.0f}" for end in (hosts.value, hosts.low, hosts.high)
        )
        return f"{value} ({low} to {high})"
    return interval_text(hosts.value, hosts.low, hosts.high)


def _steps(result: Result) -> str:
    """The steps as text: what was asked of each, how soon one must follow the other, and where."""
    options = result.options
    then = options.get("then") or []
    steps = [str(each) for each in (options.get("first"), *([then] if isinstance(then, str) else then)) if each]
    at = options.get("at")
    where = [PLACES.get(at, f"at {at}")] if at else []
    within = [f"at most {options['within']} between steps"] if options.get("within") else []
    return "; ".join(filter(None, [", then ".join(steps), ", ".join([*within, *where])]))
