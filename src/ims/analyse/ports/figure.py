"""Figure 6 of the paper: packets a day of the ports whose level changed most, with the levels and when they changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ims import arrow
from ims.analyse.figure_range import long_watched, lost_lines, range_line, with_ends
from ims.analyse.result import interval_text
from ims.figures.marks import Mark
from ims.query.bins import bin_width

if TYPE_CHECKING:
    from ims.analyse.result import Result

MOST_PORTS, MOST_TEXT = 20, 8
"""As many as in the paper's figure; as a terminal has room for."""
COLUMNS, WIDTH, HEIGHT = 4, 152, 74
"""Of small multiples: columns, and pixels of each."""
PLOT_ROWS = 5
VALUES, BAND, CURVE, MARKS = "packets/day per /24", "95 % interval of each bin", "level", "when the level changed"
DRAWN = {"value": "rate", "low": "low", "high": "high", "curve": "level"}
"""Columns of a chart's table, and of the series."""


def figure(result: Result) -> Any:
    """A panel for each port, the greatest change first; None where no port's level changed."""
    ports = _ports(result)
    if not ports:
        return None
    from ims.figures.panel_grid import Grid, picture, usual_grid
    from ims.figures.theme import Heading
    from ims.figures.time_panels import time_part

    shown = ports[:MOST_PORTS]
    grid = usual_grid(len(shown)) if len(shown) <= 2 * COLUMNS else Grid(COLUMNS, WIDTH, HEIGHT)
    part = time_part(
        _drawn(result), panels=[(name, name) for name in shown], value_title=VALUES, log=True, bin_us=_bin(result),
        band_title=BAND, curve_title=CURVE, marks=_marks(result, shown), mark_title=MARKS, grid=grid,
    )  # fmt: skip
    return picture([part], Heading(_title(result), tuple(_lines(result, ports))))


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    ports = _ports(result)
    if not ports:
        return None
    from ims.figures.text_chart import text_panels

    shown = ports[:MOST_TEXT]
    more = f"of {len(ports)} ports, the {MOST_TEXT} that changed most\n" if len(ports) > MOST_TEXT else ""
    return more + text_panels(
        _drawn(result), [(name, _with_dates(result, name)) for name in shown], width=width, height=PLOT_ROWS,
        value_title=VALUES, band_title=BAND, log=True, bin_us=_bin(result), unicode=unicode, curve_title=CURVE,
    )  # fmt: skip


def _bin(result: Result) -> int:
    return bin_width(result.options["bin"])


def _name(row: dict[str, Any]) -> str:
    return f"{row['port']}/{row['protocol']}" + (f" {row['service']}" if row["service"] else "")


def _ports(result: Result) -> list[str]:
    """Names of those that changed, in the rows' order."""
    return list(dict.fromkeys(map(_name, arrow.rows(result.rows))))


def _drawn(result: Result) -> pa.Table:
    """The series as charts take it."""
    series = long_watched(result.series, _bin(result))
    names = {(row["protocol"], row["port"]): _name(row) for row in arrow.rows(result.rows)}
    keys = zip(series.column("protocol").to_pylist(), series.column("port").to_pylist(), strict=True)
    columns = {"time": series.column("time"), "panel": pa.array([names.get(key, "") for key in keys], pa.string())}
    columns |= {name: series.column(column).cast(pa.float64()) for name, column in DRAWN.items()}
    return with_ends(pa.table(columns), result, _bin(result))


def _marks(result: Result, shown: Sequence[str]) -> dict[str, list[Mark]]:
    """When each panel's port changed."""
    whole = result.rows
    for name in ("changed_at", "changed_at_low", "changed_at_high"):
        column = whole.column(name).cast(pa.int64())
        whole = whole.set_column(whole.schema.get_field_index(name), name, column)
    found: dict[str, list[Mark]] = {name: [] for name in shown}
    for row in whole.to_pylist():
        if _name(row) in found:
            found[_name(row)].append(Mark(row["changed_at"], "", row["changed_at_low"], row["changed_at_high"]))
    return found


def _with_dates(result: Result, name: str) -> str:
    dates = [row["changed_at"] for row in arrow.rows(result.rows) if _name(row) == name]
    return f"{name}: changed {', '.join(f'{each:%Y-%m-%d %H:%M}' for each in dates)}"


def _title(result: Result) -> str:
    number = len(_ports(result))
    every = "" if result.options["well_known"] else " without a well-known service"
    return f"{number} port{'' if number == 1 else 's'}{every} whose traffic changed its level"


def _lines(result: Result, ports: Sequence[str]) -> list[str]:
    greatest = result.estimates.get("greatest_change")
    told = [] if greatest is None else [f"greatest change {interval_text(greatest.value, greatest.low, greatest.high)}"]
    more = [f"of {len(ports)} ports, the {MOST_PORTS} that changed most"] if len(ports) > MOST_PORTS else []
    rate = f"rate of false discovery {result.options['fdr']}"
    return [
        range_line(result, _bin(result)), result.darknet.size, ", ".join([*told, rate, *more]), *lost_lines(result),
    ]  # fmt: skip
