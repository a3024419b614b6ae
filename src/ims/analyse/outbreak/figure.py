"""Figure 9 of the paper: a worm's sources and packets over time, the fitted curve, and its phases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.figure_range import each_bin, long_watched, lost_lines, range_line, with_ends
from ims.analyse.result import interval_text
from ims.figures.marks import Mark
from ims.query.bins import bin_width

if TYPE_CHECKING:
    from ims.analyse.result import Result, Value

TITLE = "Outbreak: growth, decay and persistence"
BAND = "95 % interval of each bin"
CURVE = "fitted curve"
MARK = "begin of a phase"
PLOT_ROWS = 10
COLUMNS = {
    "sources": ("sources", "low", "high", "fitted"),
    "packets": ("packets", "packets_low", "packets_high", None),
}
"""A panel each: its columns of the series for value, low, high and curve."""


def figure(result: Result) -> Any:
    """Sources above packets; None where there is nothing to draw."""
    drawn, names = _drawn(result)
    if not names or not _came(result):
        return None
    from ims.figures.theme import Heading
    from ims.figures.time_panels import time_panels

    panels = [(name, _above(result, name, f"{name.capitalize()} {_each(result)}")) for name in names]
    heading = Heading(TITLE, tuple(_lines(result)))
    return time_panels(
        drawn, heading, panels=panels, value_title=_each(result), log=True, band_title=BAND,
        bin_us=_bin(result), curve_title=CURVE, marks=_marks(result), mark_title=MARK,
    )  # fmt: skip


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    drawn, names = _drawn(result)
    if not names or not _came(result):
        return None
    from ims.figures.text_chart import text_panels

    # The first line says what a bin is: a panel's title has room for estimates then, in 80 columns.
    panels = [(name, _above(result, name, name.capitalize())) for name in names]
    return text_panels(
        drawn, panels, width=width, height=PLOT_ROWS, value_title=_each(result), band_title=BAND, log=True,
        bin_us=_bin(result), unicode=unicode, curve_title=CURVE, marks=_marks(result), mark_title=MARK,
    )  # fmt: skip


def _came(result: Result) -> bool:
    """Whether anything did, as far as it is shown."""
    return any(pc.max(result.series.column(name)).as_py() for name in COLUMNS)


def _bin(result: Result) -> int:
    return bin_width(result.options["bin"])


def _drawn(result: Result) -> tuple[pa.Table, list[str]]:
    """The series as charts take it, and its panels. What the role isn't shown in any bin has no panel: hatched, it
    would say that nothing was watched."""
    series = long_watched(result.series, _bin(result))
    tables, names = [], []
    for name, (value, low, high, curve) in COLUMNS.items():
        if not pc.any(series.column(value).is_valid()).as_py():
            continue
        columns = {"time": series.column("time"), "panel": pa.array([name] * len(series), pa.string())}
        for kind, column in (("value", value), ("low", low), ("high", high), ("curve", curve)):
            numbers = series.column(column) if column else pa.nulls(len(series))
            columns[kind] = numbers.cast(pa.float64(), safe=False)
        tables.append(pa.table(columns))
        names.append(name)
    return (with_ends(pa.concat_tables(tables), result, _bin(result)) if tables else series), names


def _each(result: Result) -> str:
    return each_bin(_bin(result))


def _above(result: Result, name: str, title: str) -> str:
    """What stands above a panel: its title, and for sources how fast they doubled and halved."""
    known = {"doubling time": "doubling_time", "half-life": "half_life"} if name == "sources" else {}
    return ": ".join(filter(None, [title, _estimates(result, known)]))


def _lines(result: Result) -> list[str]:
    estimates = _estimates(result, {"steepest growth, sources an hour": "max_growth", "sources": "sources"})
    return [range_line(result, _bin(result)), result.darknet.size, *filter(None, [estimates]), *lost_lines(result)]


def _estimates(result: Result, names: Mapping[str, str]) -> str:
    """Those that have a value, each after its words."""
    found = ((words, result.estimates[name]) for words, name in names.items() if name in result.estimates)
    return ", ".join(
        f"{words} {interval_text(each.value, each.low, each.high, 'h' if each.unit == 'h' else '')}"
        for words, each in found
        if each.value is not None
    )


def _marks(result: Result) -> list[Mark]:
    """Where each phase but the first begins; that of the decline has an interval."""
    marks: list[Mark] = []
    for row in arrow.rows(result.rows)[1:]:
        began = result.estimates.get("decline_began") if row["phase"] == "decay" else None
        low, high = (None, None) if began is None or began.value is None else (_us(began.low), _us(began.high))
        begin = _us(row["since"])
        marks += [] if begin is None else [Mark(begin, row["phase"], low, high)]
    return marks


def _us(at: Value) -> int | None:
    return (at - arrow.EPOCH) // timedelta(microseconds=1) if isinstance(at, datetime) else None
