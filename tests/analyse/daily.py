"""A daily pattern, as the analysis returns it: its counts have noise, its estimates are the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.result import Darknet, Estimate, Result, schema
from ims.query.bins import bin_width

HOUR_US = 3_600_000_000
MARCH_US = 1_078_099_200_000_000
"""2004-03-01T00:00:00Z, a Monday."""
PEAK, AMPLITUDE = 5.0, 0.5


@dataclass(frozen=True)
class Group:
    """Sources that peak at an hour of the day, UTC; `peak` None: without a pattern. `mean`: in each bin."""

    mean: float = 220.0
    peak: float | None = PEAK
    offset: float | None = None
    spread: float = 0.8

    def expected(self, hours: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A cosine of one day."""
        wave = 0 if self.peak is None else AMPLITUDE * np.cos(2 * np.pi * (hours - self.peak) / 24)
        return self.mean * (1 + wave) + 0 * hours

    def row(self, name: str) -> dict[str, Any]:
        """Its row."""
        found: dict[str, Any] = dict.fromkeys((each.name for each in ANALYSES["circadian"].columns), None)
        found |= {"group": name, "sources": self.mean, "p_value": 0.4, "utc_offset": self.offset}
        if self.peak is None:
            return found
        ends = (self.peak, self.peak - self.spread, self.peak + self.spread)
        found |= dict(zip(("peak_hour", "peak_hour_low", "peak_hour_high"), ends, strict=True))
        found |= {"amplitude": AMPLITUDE, "amplitude_low": 0.45, "amplitude_high": 0.55, "p_value": 1e-9}
        if self.offset is not None:
            day = (self.peak + self.offset) // 24 * 24
            local = (each + self.offset - day for each in ends)
            found |= dict(zip(("local_peak", "local_peak_low", "local_peak_high"), local, strict=True))
        return found


def circadian(
    days: float = 7,
    groups: Mapping[str, Group] | None = None,
    *,
    each: str = "1h",
    gaps: Sequence[tuple[float, float]] = ((50, 55),),
    filter: str | None = "tcp dst port 135",
) -> Result:
    """So many days, in bins of `each`; nothing was watched in `gaps`, hours from the begin on."""
    groups = groups or {"all": Group()}
    width = bin_width(each) / HOUR_US
    at = np.arange(round(days * 24 / width)) * width
    for begin, end in gaps:
        at = at[(at < begin) | (at >= end)]
    draw = np.random.default_rng(1)
    series = []
    for name, group in groups.items():
        curve = group.expected(at + width / 2)
        for hour, fit, count in zip(at.tolist(), curve.tolist(), draw.poisson(curve).tolist(), strict=True):
            row = {"time": micros(hour), "group": name, "seconds": width * 3600, "sources": count}
            ends = {"low": max(count - 2 * count**0.5, 0), "high": count + 2 * count**0.5 + 1}
            series.append({**row, **ends, "fitted": None if group.peak is None else fit})
    analysis = ANALYSES["circadian"]
    rows = [group.row(name) for name, group in groups.items()]
    return Result(
        "circadian", filter, micros(0), micros(days * 24), Darknet(65536.0, ("A/16",)), {"bin": each},
        estimates(next(iter(groups.values()))), arrow.table(rows, schema(analysis.columns)),
        arrow.table(series, schema(analysis.series)),
    )  # fmt: skip


def estimates(group: Group) -> dict[str, Estimate]:
    """All of them, or that of the test alone."""
    row = group.row("")
    known = {
        "peak_hour": [row["peak_hour"], row["peak_hour_low"], row["peak_hour_high"], "h"],
        "amplitude": [row["amplitude"], row["amplitude_low"], row["amplitude_high"], "of the mean"],
        "period": [24.0, 23.8, 24.2, "h"] if group.peak is not None else [None, None, None, "h"],
        "p_value": [row["p_value"], None, None, ""],
    }
    return {name: Estimate(*values, "as drawn") for name, values in known.items()}


def micros(hour: float) -> int:
    return MARCH_US + round(hour * HOUR_US)
