"""Values over time as small multiples, such as the paper's Figure 2: a panel each, all with the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from ims.figures.mark_layers import ShownMarks
from ims.figures.marks import Mark
from ims.figures.panel_bins import GAP, PanelBins, panel_bins, panel_names
from ims.figures.panel_grid import AxisOfBins, Grid, Part, panel_part, picture, usual_axis, usual_grid
from ims.figures.theme import Heading
from ims.figures.ticks import time_ticks

if TYPE_CHECKING:
    import altair as alt

MOST_BINS = 600
"""Bins of a panel: in a file of 2 pixels each, one is as wide as a pixel or two."""
PIXELS_A_TICK = 60
TIME, PREFIX = "time (UTC)", "panel"


def time_panels(
    table: pa.Table,
    heading: Heading,
    *,
    panels: Sequence[tuple[str, str]],
    value_title: str,
    log: bool,
    band_title: str,
    bin_us: int,
    curve_title: str = "",
    marks: Sequence[Mark] | Mapping[str, Sequence[Mark]] = (),
    mark_title: str = "",
    gap_title: str = GAP,
) -> alt.TopLevelMixin:
    """A chart of `panels`, each the name in the table and what stands above it, in this order.

    The table: `time` timestamp[us, UTC], the begin of a bin of `bin_us`; `panel` string; `value`, `low`, `high` float.
    No value, or no row: a gap, which is hatched; `gap_title` says why there are some. `band_title` says what `low` and
    `high` are. It may have `curve` float, too: a fitted curve, which `curve_title` names, null where there is none.
    `marks` within the range are rules through all panels, or by name through each, their intervals grey strips;
    `mark_title` says what they are. The heading gets lines for what else must be known: several bins drawn together,
    zeros on a logarithmic scale.

    Raises ValueError where there is no panel, or a name stands twice.
    """
    part = time_part(
        table, panels=panels, value_title=value_title, log=log, band_title=band_title, bin_us=bin_us,
        curve_title=curve_title, marks=marks, mark_title=mark_title, gap_title=gap_title,
    )  # fmt: skip
    return picture([part], heading)


def time_part(
    table: pa.Table,
    *,
    panels: Sequence[tuple[str, str]],
    value_title: str,
    log: bool,
    bin_us: int,
    band_title: str = "",
    curve_title: str = "",
    marks: Sequence[Mark] | Mapping[str, Sequence[Mark]] = (),
    mark_title: str = "",
    gap_title: str = GAP,
    grid: Grid | None = None,
    prefix: str = PREFIX,
    time_title: str = TIME,
) -> Part:
    """The same as a part of a picture. `grid`: if it isn't to be the usual one; `prefix`: of the datasets' names,
    different in each part; `time_title`: below the axis, empty where another part below has it. Raises ValueError as
    `time_panels` does."""
    bins = panel_bins(table, panel_names(panels), bin_us, MOST_BINS)
    grid = grid or usual_grid(len(panels))
    own = "" if prefix == PREFIX else f"{prefix}_"
    if isinstance(marks, Mapping):
        shown = {
            name: ShownMarks(marks.get(name, ()), bins, grid.size, f"{prefix}_{number + 1}_")
            for number, (name, _) in enumerate(panels)
        }
    else:
        shown = dict.fromkeys((name for name, _ in panels), ShownMarks(marks, bins, grid.size, own))
    return panel_part(
        bins, panels, _time_axis(bins, grid.width, time_title), usual_axis(bins, log, grid), shown,
        grid=grid, value_title=value_title, band_title=band_title, curve_title=curve_title, mark_title=mark_title,
        prefix=prefix, gap_title=gap_title,
    )  # fmt: skip


def _time_axis(bins: PanelBins, width: int, title: str) -> AxisOfBins:
    ticks = time_ticks(bins.since_us, bins.until_us, width // PIXELS_A_TICK) if bins.count else []
    labels = [[tick.label, tick.second] if tick.second else tick.label for tick in ticks]
    return AxisOfBins([(tick.time_us / 1000, label) for tick, label in zip(ticks, labels, strict=True)], title)
