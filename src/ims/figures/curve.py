"""A fitted curve over the bins of a panel: lines from the middle of a bin to the middle of the next."""

from __future__ import annotations

import numpy as np

from ims.figures.panel_bins import Numbers, PanelBins
from ims.figures.ticks import ValueAxis

LEAST = 1e-300
"""What has no logarithm stands this deep below a logarithmic axis."""


def curve_lines(bins: PanelBins, name: str, axis: ValueAxis) -> list[tuple[Numbers, Numbers]]:
    """Times in microseconds and values of each unbroken line: broken where bins weren't watched or have no curve. On a
    logarithmic axis, lines end at the lower edge: what is below is not drawn, for it would look as if it were there."""
    panel = bins.panels[name]
    lines: list[tuple[Numbers, Numbers]] = []
    for run in panel.runs(~np.isnan(panel.curve)):
        index, value = panel.index[run], panel.curve[run]
        middle = (bins.time_us(index) + bins.time_us(index + 1)) / 2
        lines += _above(middle, value, axis.low) if axis.is_log else [(middle, value)]
    return lines


def _above(time: Numbers, value: Numbers, edge: float) -> list[tuple[Numbers, Numbers]]:
    """The parts of a line that aren't below an edge, with the points at which it crosses it: straight where the axis is
    logarithmic."""
    is_above = value >= edge
    height = np.log(np.maximum(value, LEAST)) - np.log(edge)
    before = np.flatnonzero(is_above[1:] != is_above[:-1])
    share = height[before] / (height[before] - height[before + 1])
    time, value, is_above = (
        np.insert(time, before + 1, time[before] + share * (time[before + 1] - time[before])),
        np.insert(value, before + 1, edge),
        np.insert(is_above, before + 1, True),
    )
    ends = np.flatnonzero(np.diff(np.r_[False, is_above, False].astype(np.int8)))
    return [(time[begin:end], value[begin:end]) for begin, end in ends.reshape(-1, 2).tolist()]


def has_curve(bins: PanelBins) -> bool:
    """Whether a panel has one."""
    return any(not np.isnan(each.curve).all() for each in bins.panels.values())
