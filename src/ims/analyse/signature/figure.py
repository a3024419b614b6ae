"""Figure 5 of the paper: the whole port over time, then each payload alone, those that appeared first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.figure_range import each_bin, long_watched, lost_lines, range_line, with_ends
from ims.analyse.result import interval_text
from ims.figures.marks import Mark
from ims.query.bins import bin_width
from ims.text import quantity

if TYPE_CHECKING:
    from ims.analyse.result import Result

ALL, OTHERS, NO_PAYLOAD = "all", "others", "no payload"
"""What series and rows call packets that aren't those of one payload."""
DIGITS = 8
"""Of a signature: enough to tell those of a figure apart, and to look for one."""
TEXT = 40
BAND = "95 % interval of each bin's count"
MARK = "appeared"
HEIGHT, PLOT_ROWS = 96, 6


def figure(result: Result) -> Any:
    """A panel for all packets, and one for each payload, each with an axis of its own; None where there is nothing to
    draw."""
    panels = _panels(result)
    if not panels:
        return None
    from ims.figures.panel_grid import ONE_WIDTH, Grid, picture
    from ims.figures.theme import Heading
    from ims.figures.time_panels import TIME, time_part

    drawn, rows = _drawn(result), _rows(result)
    parts = [
        time_part(
            drawn, panels=[panel], value_title="packets in a bin", log=False, band_title=BAND,
            bin_us=_bin(result), marks=_marks(rows, panel[0]), mark_title=MARK, grid=Grid(1, ONE_WIDTH, HEIGHT),
            prefix=f"payload{number}", time_title=TIME if number == len(panels) - 1 else "",
        )
        for number, panel in enumerate(panels)
    ]  # fmt: skip
    return picture(parts, Heading(_title(result), tuple(_lines(result))))


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    panels = _panels(result)
    if not panels:
        return None
    from ims.figures.text_chart import text_panels

    drawn, rows, title = _drawn(result), _rows(result), f"packets {each_bin(_bin(result))}"
    return "\n".join(
        text_panels(
            drawn, [panel], width=width, height=PLOT_ROWS, value_title="" if number else title,
            band_title=BAND, log=False, bin_us=_bin(result), unicode=unicode, marks=_marks(rows, panel[0]),
            mark_title=MARK, key=number == len(panels) - 1,
        )
        for number, panel in enumerate(panels)
    )  # fmt: skip


def _bin(result: Result) -> int:
    return bin_width(result.options["bin"])


def _rows(result: Result) -> dict[str, dict[str, Any]]:
    return {row["signature"]: row for row in arrow.rows(result.rows)}


def _panels(result: Result) -> list[tuple[str, str]]:
    """What each is called in the drawn table, and what stands above it."""
    if not pc.sum(result.series.column("packets")).as_py():
        return []
    rows = _rows(result)
    names = [name for name in pc.unique(result.series.column("signature")).to_pylist() if name in rows]
    shown = [(name, _above(rows[name])) for name in names if name not in (OTHERS, NO_PAYLOAD)]
    whole = quantity(_whole(result), "packet")
    return [(ALL, f"All packets: {whole}"), *shown]


def _whole(result: Result) -> int:
    return int(pc.sum(result.series.filter(pc.equal(result.series.column("signature"), ALL)).column("packets")).as_py())


def _above(row: dict[str, Any]) -> str:
    share = "" if row["share"] is None else f", {100 * row['share']:.3g} % of those with payload"
    return f"Payload {row['signature'][:DIGITS]}: {quantity(row['packets'], 'packet')}{share}; {row['text'][:TEXT]}"


def _marks(rows: dict[str, dict[str, Any]], name: str) -> list[Mark]:
    row = rows.get(name)
    if row is None or row["appeared"] is None:
        return []
    value, low, high = (
        None if row[column] is None else round(row[column].timestamp() * 1e6)
        for column in ("appeared", "appeared_low", "appeared_high")
    )
    assert value is not None
    return [Mark(value, f"appeared {row['appeared']:%d %b %H:%M}", low, high)]


def _drawn(result: Result) -> pa.Table:
    series = long_watched(result.series, _bin(result))
    drawn = series.select(["time", "signature", "packets", "low", "high"])
    drawn = drawn.rename_columns(["time", "panel", "value", "low", "high"])
    value = drawn.column("value").cast(pa.float64())
    return with_ends(drawn.set_column(2, "value", value), result, _bin(result))


def _title(result: Result) -> str:
    appeared = len(result.rows) - result.rows.column("appeared").null_count
    return f"Packets by payload: {quantity(appeared, 'payload')} appeared"


def _lines(result: Result) -> list[str]:
    new = result.estimates.get("new_share")
    lines = [range_line(result, _bin(result)), result.darknet.size]
    if new is not None and new.value is not None:
        lines.append(f"share of payloads that appeared: {interval_text(new.value, new.low, new.high)} {new.unit}")
    return [*lines, *lost_lines(result)]
