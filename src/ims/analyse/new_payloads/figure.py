"""Section 2.3 of the paper as a figure: payloads never seen before by time and place, and how soon they came on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.figure_range import each_bin, long_watched, lost_lines, range_line, with_ends
from ims.analyse.new_payloads.delays import FOLLOWERS, span
from ims.analyse.result import interval_text
from ims.query.bins import bin_width
from ims.query.format.metric_table import replaced
from ims.text import quantity

if TYPE_CHECKING:
    from ims.analyse.result import Result

ALL = ""
"""Panel of all places together, which no place is called."""
MOST_PLACES = 6
"""Of a figure: those with the most new payloads."""
PLOT_ROWS, SMALL_ROWS = 8, 5
ALL_HEIGHT, DELAY_HEIGHT = 120, 110
MANY = 20
"""Times the median bin that the highest is, from which on the axis is logarithmic."""
BAND = "95 % interval"


def figure(result: Result) -> Any:
    """All new payloads, those of each place, and the share that came on; None where there is nothing to draw."""
    panels = _panels(result)
    if not panels:
        return None
    from ims.figures.delay_panels import delay_part
    from ims.figures.panel_grid import Grid, picture, usual_grid
    from ims.figures.theme import Heading
    from ims.figures.time_panels import time_part

    width = bin_width(result.options["bin"])
    drawn, usual = _drawn(result), usual_grid(4)
    each: dict[str, Any] = {"bin_us": width, "value_title": _title_of_values(result), "log": _is_log(result)}
    parts = [time_part(drawn, panels=panels[:1], grid=Grid(1, usual.whole_width, ALL_HEIGHT), band_title=BAND, **each)]
    if panels[1:]:
        grid = _grid(len(panels) - 1, usual.whole_width)
        parts.append(time_part(drawn, panels=panels[1:], grid=grid, band_title=BAND, prefix="place", **each))
    if later := _later(result):
        parts.append(delay_part(
            _shares(result), panels=later, value_title="share", delay_title=_delay_title(result),
            band_title=BAND, grid=Grid(len(later), usual.width, DELAY_HEIGHT),
        ))  # fmt: skip
    return picture(parts, Heading(_title(result), tuple(_lines(result))))


def _grid(panels: int, width: int) -> Any:
    """Of the places: three beside each other where that fills the rows."""
    from ims.figures.panel_grid import COLUMN_GAP, MANY_HEIGHT, Grid

    columns = 3 if panels % 3 == 0 else 2
    return Grid(columns, (width - (columns - 1) * COLUMN_GAP) // columns, MANY_HEIGHT)


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    panels = _panels(result)
    if not panels:
        return None
    from ims.figures.delay_panels import delay_text_panels
    from ims.figures.text_chart import text_panels

    bin_us = bin_width(result.options["bin"])
    text = text_panels(
        _drawn(result), panels, width=width, height=SMALL_ROWS if panels[1:] else PLOT_ROWS,
        value_title=_title_of_values(result), band_title=BAND, log=_is_log(result), bin_us=bin_us, unicode=unicode,
    )  # fmt: skip
    later = _later(result)
    if not later:
        return text
    shares = delay_text_panels(
        _shares(result), later, width=width, height=SMALL_ROWS, value_title="share of new payloads",
        delay_title=_delay_title(result), band_title=BAND, unicode=unicode,
    )  # fmt: skip
    return f"{text}\n{shares}"


def _is_new(result: Result) -> bool:
    """Whether enough of the past is known to call payloads new, and not only first seen here."""
    return result.estimates["new_rate"].value is not None


def _title_of_values(result: Result) -> str:
    return (
        f"{'new payloads' if _is_new(result) else 'payloads first seen'} {each_bin(bin_width(result.options['bin']))}"
    )


def _delay_title(result: Result) -> str:
    return f"time since the first {result.options['by']} (logarithmic)"


def _by_time(result: Result) -> pa.Table:
    """The series by time, without bins of which it isn't known what was new."""
    series = result.series.filter(pc.equal(result.series.column("part"), "new"))
    series = series.filter(series.column("new").is_valid())
    return replaced(series, "place", pc.fill_null(series.column("place"), ALL))


def _panels(result: Result) -> list[tuple[str, str]]:
    """All places, then if there are several those with the most new payloads: their name, and what stands above."""
    series = _by_time(result)
    if not len(series):
        return []
    sums = series.group_by("place").aggregate([("new", "sum")]).to_pylist()
    new = {row["place"]: row["new_sum"] for row in sums}
    total = new.pop(ALL, 0)
    by = result.options["by"]
    came = quantity(total, "new payload") if _is_new(result) else f"{quantity(total, 'payload')} first seen"
    if len(new) == 1:
        [name] = new
        return [(ALL, f"{name}: {came}")]
    first = sorted(new, key=lambda name: (-new[name], name))[:MOST_PLACES]
    above = f"All {len(new)} {by}s: {came}"
    if len(first) < len(new):
        above += f"; below, the {len(first)} to which most came first"
    return [(ALL, above), *((name, f"{name}, first: {new[name]:,}") for name in first)]


def _drawn(result: Result) -> pa.Table:
    """The series by time as charts take it."""
    width = bin_width(result.options["bin"])
    series = long_watched(_by_time(result), width)
    drawn = pa.table({
        "time": series.column("time"), "panel": series.column("place"),
        "value": arrow.column(arrow.floats(series.column("new")), pa.float64()),
        "low": series.column("low"), "high": series.column("high"),
    })  # fmt: skip
    return with_ends(drawn, result, width)


def _is_log(result: Result) -> bool:
    """Whether a few bins stand so high that all others would be flat."""
    new = arrow.floats(_by_time(result).column("new"))
    return bool(new.max() > MANY * max(float(np.median(new)), 1.0))


def _later(result: Result) -> list[tuple[str, str]]:
    """Second and third places, of which a share is known."""
    known = set(result.series.column("part").to_pylist())
    panels = []
    for which in FOLLOWERS:
        if which in known:
            delay = result.estimates.get(f"{which}_delay")
            value = None if delay is None else delay.value
            after = f", half of them within {span(value)}" if isinstance(value, float) else ""
            panels.append((which, f"Came to a {which} {result.options['by']}{after}"))
    return panels


def _shares(result: Result) -> pa.Table:
    series = result.series.filter(pc.is_in(result.series.column("part"), pa.array(FOLLOWERS)))
    names = ["delay", "part", "share", "low", "high"]
    return series.select(names).rename_columns(["delay", "panel", "value", "low", "high"])


def _title(result: Result) -> str:
    if not _is_new(result):
        return "Payloads by when each was first seen: too short a past to tell which are new"
    share = result.estimates.get("second_share")
    if share is None or not isinstance(share.value, float):
        return "Payloads never seen before"
    return f"Payloads never seen before, of which {100 * share.value:.3g} % came to a second {result.options['by']}"


def _lines(result: Result) -> list[str]:
    """The range, the darknet's size, how many of all packets are new and how many a day, what was lost."""
    lines = [range_line(result, bin_width(result.options["bin"])), result.darknet.size]
    known = {name: each for name, each in result.estimates.items() if each.value is not None}
    texts = []
    if rate := known.get("new_rate"):
        texts.append(f"{interval_text(rate.value, rate.low, rate.high)} {rate.unit}")
    if share := known.get("new_share"):
        texts.append(f"{interval_text(share.value, share.low, share.high)} {share.unit}")
    return [*lines, *(["; ".join(texts)] if texts else []), *lost_lines(result)]
