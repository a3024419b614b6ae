"""A daily pattern by the hour of the day, as charts take it: each group in the local time of its sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.analyse.circadian.clock_text import clock_interval, zone_name
from ims.analyse.circadian.day_means import day_means
from ims.analyse.figure_range import long_watched
from ims.figures.day_bins import Peak
from ims.settings.durations import HOUR_US, written_duration

if TYPE_CHECKING:
    from ims.analyse.result import Result

MEAN_BAND = "by the hour, 95 % interval of the mean of these days"
PEAK = "peak of the pattern"


class GroupDays:
    """These groups of a result whose bins have `width`, in parts of a day of `part` microseconds.

    Of several groups, values are divided by the mean of the group: on one axis, patterns compare, whatever their sizes.
    Where a group's zone isn't known, its hours are UTC, and the titles say so.
    """

    def __init__(self, result: Result, groups: Sequence[str], width: int, part: int) -> None:
        self.groups, self.width, self.part = groups, width, part
        self._rows = {row["group"]: row for row in arrow.rows(result.rows)}
        self._is_local = any(self._offset(group) is not None for group in groups)
        self._series = long_watched(result.series, width)

    @property
    def table(self) -> pa.Table:
        """Of all groups."""
        return pa.concat_tables([self._of_group(group) for group in self.groups])

    @property
    def words(self) -> dict[str, Any]:
        """What charts are told of it."""
        peaks = {group: self._peak(group) for group in self.groups}
        value = f"mean of each {'hour' if self.part == HOUR_US else written_duration(self.part)}"
        return {
            "value_title": value if len(self.groups) == 1 else f"{value} (mean of the group = 1)",
            "hour_title": f"hour of the day ({'local time where it is known, else UTC' if self._is_local else 'UTC'})",
            "bin_us": self.part,
            "band_title": MEAN_BAND,
            "peaks": {group: peak for group, peak in peaks.items() if peak is not None},
            "peak_title": PEAK,
        }

    def peak_text(self, group: str) -> str:
        """When it has most sources, or that no pattern was found, and the zone if groups have different ones."""
        peak = self._peak(group)
        found = "no pattern found" if peak is None else clock_interval(peak.hour, peak.low, peak.high)
        return f"{found}, {zone_name(self._offset(group))}" if self._is_local else found

    def _of_group(self, group: str) -> pa.Table:
        rows = self._series.filter(pc.equal(self._series.column("group"), group))
        values, curve = (arrow.floats(rows.column(name)) for name in ("sources", "fitted"))
        means = day_means(arrow.numbers(rows.column("time")), self.width, values, curve, self.part)
        unit = 1.0 if len(self.groups) == 1 else float(np.mean(means.mean)) or 1.0
        numbers = {"value": means.mean, "low": means.low, "high": means.high, "curve": means.curve}
        return pa.table({
            "hour": arrow.column(means.hour + (self._offset(group) or 0), pa.float64()),
            "panel": arrow.column([group] * len(means.hour), pa.string()),
            **{name: arrow.column(array / unit, pa.float64()) for name, array in numbers.items()},
        })  # fmt: skip

    def _offset(self, group: str) -> float | None:
        """Hours from UTC, where they are known."""
        offset: float | None = self._rows.get(group, {}).get("utc_offset")
        return offset

    def _peak(self, group: str) -> Peak | None:
        """In the time of its panel."""
        row, name = self._rows.get(group, {}), "peak_hour" if self._offset(group) is None else "local_peak"
        return None if row.get(name) is None else Peak(row[name], row[f"{name}_low"], row[f"{name}_high"])
