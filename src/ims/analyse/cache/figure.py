"""Figure 8 of the paper: small multiples of the hit rate by block, with its dips, for print and as text."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ims import arrow
from ims.analyse.figure_range import each_bin, long_watched, lost_lines, range_line, with_ends
from ims.analyse.result import interval_text
from ims.figures.marks import Mark
from ims.query.bins import bin_width

if TYPE_CHECKING:
    from ims.analyse.result import Result, Value

BAND, CURVE = "95 % interval of each bin's hit rate", "usual at this hour of the day"
MARK = "begin of a dip, grey: the dip"
GAPS = "not watched, or no payload came"
VALUE = "hit rate, %"
PLOT_ROWS = 7
MOST_PANELS, MOST_PLOTS = 24, 12
"""Of a figure, and as text: the blocks with the lowest hit rates."""
COLUMNS = {"value": "hit_rate", "low": "low", "high": "high", "curve": "usual"}


def figure(result: Result) -> Any:
    """A panel for each block, the one with the lowest hit rate first; None where there is nothing to draw."""
    panels = _panels(result, MOST_PANELS)
    if not panels:
        return None
    from ims.figures.theme import Heading
    from ims.figures.time_panels import time_panels

    marks = _marks(result)
    heading = Heading(f"Hit rate of the signature cache {each_bin(_bin(result))}", tuple(_lines(result, len(panels))))
    return time_panels(
        _drawn(result), heading, panels=panels, value_title=VALUE, log=False, band_title=BAND, bin_us=_bin(result),
        curve_title=CURVE, marks={name: marks[name] for name, _ in panels}, mark_title=MARK,
        gap_title=GAPS,
    )  # fmt: skip


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    panels = _panels(result, MOST_PLOTS)
    if not panels:
        return None
    from ims.figures.text_chart import text_panels

    return text_panels(
        _drawn(result), panels, width=width, height=PLOT_ROWS, value_title=VALUE, band_title=BAND, log=False,
        bin_us=_bin(result), unicode=unicode, curve_title=CURVE, gap_title=GAPS,
    )  # fmt: skip


def _bin(result: Result) -> int:
    return bin_width(result.options["bin"])


def _panels(result: Result, most: int) -> list[tuple[str, str]]:
    """The blocks with payloads, with their hit rates and what made them dip."""
    payloads: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    names = result.series.column("block").to_pylist()
    columns = (result.series.column(name).to_pylist() for name in ("payloads", "new"))
    for name, came, new in zip(names, *columns, strict=True):
        payloads[name][0] += came or 0
        payloads[name][1] += new or 0
    rates = {name: 1 - new / came for name, (came, new) in payloads.items() if came}
    ports: defaultdict[str, list[str]] = defaultdict(list)
    for row in arrow.rows(result.rows):
        if row["protocol"] is not None:
            port = "" if row["port"] is None else f" {row['port']}"
            ports[row["block"]].append(f"{row['protocol']}{port}")
    panels = []
    for name in sorted(rates, key=lambda name: rates[name]):
        causes = ", ".join(list(dict.fromkeys(ports[name]))[:3])
        panels.append((name, f"{name}: {100 * rates[name]:.3g} %" + (f"; dips by {causes}" if causes else "")))
    return panels[:most]


def _lines(result: Result, panels: int) -> list[str]:
    rate = result.estimates.get("hit_rate")
    lines = [range_line(result, _bin(result)), result.darknet.size]
    if rate is not None and rate.value is not None:
        value, low, high = (_percent(each) for each in (rate.value, rate.low, rate.high))
        lines.append(f"all blocks: {interval_text(value, low, high)} % of payloads had been seen that day")
    blocks = len(result.series.column("block").unique())
    more = [f"of {blocks} blocks, the {panels} with the lowest hit rates"] if blocks > panels else []
    return [*lines, *more, *lost_lines(result)]


def _percent(value: Value) -> float | None:
    return 100 * value if isinstance(value, float) else None


def _drawn(result: Result) -> pa.Table:
    """The series as charts take it, in percent."""
    series = long_watched(result.series, _bin(result))
    columns = {
        name: arrow.known(100 * arrow.floats(series.column(each)), pa.float64()) for name, each in COLUMNS.items()
    }
    drawn = pa.table({"time": series.column("time"), "panel": series.column("block"), **columns})
    return with_ends(drawn, result, _bin(result))


def _marks(result: Result) -> defaultdict[str, list[Mark]]:
    """The dips of each block."""
    found: defaultdict[str, list[Mark]] = defaultdict(list)
    for row in arrow.rows(result.rows):
        begin, end = _us(row["since"]), _us(row["until"])
        mark = Mark(begin, "", begin, end)
        found[row["block"]] += [] if mark in found[row["block"]] else [mark]
    return found


def _us(at: datetime) -> int:
    return (at - arrow.EPOCH) // timedelta(microseconds=1)
