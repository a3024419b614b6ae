"""Figure 7 of the paper: bytes of each bin in each form, for print and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.figure_range import each_bin, long_watched, lost_lines, range_line, with_ends
from ims.analyse.result import interval_text
from ims.query.bins import bin_width

if TYPE_CHECKING:
    from ims.analyse.result import Estimate, Result

UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
TITLES = {"pcap": "pcap", "pcap.zst": "pcap.zst", "signatures": "signatures", "stored": "stored here"}
SIGNATURES = "signatures: headers, a signature for each payload, and each payload once a day"
ESTIMATES = {"pcap.zst": "pcap_zst", "signatures": "signatures", "stored": "stored"}
BAND = "95 % interval, of a sample"
PLOT_ROWS = 6


def figure(result: Result) -> Any:
    """A panel for each form with the same axes; None where there is nothing to draw."""
    panels = _panels(result)
    if not panels:
        return None
    from ims.figures.theme import Heading
    from ims.figures.time_panels import time_panels

    drawn, unit = _drawn(result)
    lines = (range_line(result, _bin(result)), result.darknet.size, *lost_lines(result), SIGNATURES)
    return time_panels(
        drawn, Heading(f"Bytes that packets take {each_bin(_bin(result))}", lines), panels=panels, value_title=unit,
        log=False, band_title=BAND, bin_us=_bin(result),
    )  # fmt: skip


def plot(result: Result, width: int, unicode: bool) -> str | None:
    """The same as text."""
    panels = _panels(result)
    if not panels:
        return None
    from ims.figures.text_chart import text_panels

    drawn, unit = _drawn(result)
    return text_panels(
        drawn, panels, width=width, height=PLOT_ROWS, value_title=unit, band_title=BAND, log=False,
        bin_us=_bin(result), unicode=unicode,
    )  # fmt: skip


def _bin(result: Result) -> int:
    return bin_width(result.options["bin"])


def _panels(result: Result) -> list[tuple[str, str]]:
    """The forms that are known, and by how much they are smaller."""
    panels = []
    for form, title in TITLES.items():
        known = result.series.filter(pc.equal(result.series.column("form"), form)).column("bytes")
        if not pc.any(known.is_valid()).as_py():
            continue
        found = result.estimates.get(ESTIMATES.get(form, ""))
        panels.append((form, title + ("" if found is None else _compared(found))))
    return panels


def _compared(found: Estimate) -> str:
    """With pcap: how many times smaller, or larger."""
    ends = [each for each in (found.value, found.low, found.high) if isinstance(each, float)]
    if not isinstance(found.value, float) or min(ends) <= 0:
        return ""
    if found.value >= 1:
        return f": {interval_text(found.value, found.low, found.high)} times smaller"
    low, high = (1 / each if isinstance(each, float) else None for each in (found.high, found.low))
    return f": {interval_text(1 / found.value, low, high)} times larger"


def _drawn(result: Result) -> tuple[pa.Table, str]:
    """The series as charts take it, and the unit of its values."""
    series = long_watched(result.series, _bin(result))
    most = pc.max(series.column("bytes")).as_py() or 0
    unit, size = next((each for each in UNITS if most >= each[1]), ("bytes", 1.0))
    columns = {
        name: arrow.known(arrow.floats(series.column(each)) / size, pa.float64())
        for name, each in {"value": "bytes", "low": "low", "high": "high"}.items()
    }
    drawn = pa.table({"time": series.column("time"), "panel": series.column("form"), **columns})
    return with_ends(drawn, result, _bin(result)), f"{unit} {each_bin(_bin(result))}"
