"""Values over the hours of a day as small multiples, as in the paper's Figure 10: with a curve, and its peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ims.figures.day_bins import Peak, day_axis, day_bins, day_marks, hour_ticks
from ims.figures.mark_layers import ShownMarks
from ims.figures.panel_bins import panel_names
from ims.figures.panel_grid import AxisOfBins, Grid, Part, panel_part, picture, usual_grid
from ims.figures.theme import Heading
from ims.settings.durations import HOUR_US

if TYPE_CHECKING:
    import altair as alt

MOST_BINS = 96
"""Quarters of an hour."""
PIXELS_A_TICK, PIXELS_A_VALUE = 40, 28


def day_panels(table: pa.Table, heading: Heading, **options: Any) -> alt.TopLevelMixin:
    """A chart of `day_part` alone, whose `options` it takes."""
    return picture([day_part(table, **options)], heading)


def day_part(
    table: pa.Table,
    *,
    panels: Sequence[tuple[str, str]],
    value_title: str,
    bin_us: int = HOUR_US,
    band_title: str = "",
    curve_title: str = "",
    peaks: Mapping[str, Peak] | None = None,
    peak_title: str = "",
    hour_title: str = "hour of the day (UTC)",
    grid: Grid | None = None,
    prefix: str = "day",
) -> Part:
    """A part of a picture: `panels`, each the name in the table and what stands above it, with one axis of values from
    0 on.

    The table: `hour` float, at which a bin of `bin_us` begins in the zone that `hour_title` says, in quarters: what
    goes over midnight goes on at the left; `panel` string; `value`, `low`, `high` and, if there is one, `curve` float.
    An hour without a value wasn't watched, which is hatched. `peaks` of panels are rules, their intervals grey strips.
    Titles of band, curve and peaks say in the heading what they are. `grid`: if it isn't to be the usual one; `prefix`:
    of the datasets' names, different in each part.

    Raises ValueError where there is no panel, a name stands twice, or a day isn't whole bins.
    """
    bins = day_bins(table, panel_names(panels), bin_us, MOST_BINS)
    grid = grid or usual_grid(len(panels))
    marks = {
        name: ShownMarks(each, bins, grid.size, f"{prefix}_{number}_")
        for number, (name, each) in enumerate(day_marks(bins, peaks or {}).items(), 1)
    }
    axis = AxisOfBins([(us / 1000, label) for us, label in hour_ticks(grid.width // PIXELS_A_TICK)], hour_title)
    return panel_part(
        bins, panels, axis, day_axis(bins, grid.height // PIXELS_A_VALUE), marks, grid=grid, value_title=value_title,
        band_title=band_title, curve_title=curve_title, mark_title=peak_title, prefix=prefix,
    )  # fmt: skip
