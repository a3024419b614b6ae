"""Where fits of an outbreak's law begin, and the bounds of its parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ims.analyse.likelihood import Problem
from ims.analyse.outbreak.epidemic_curve import Bins, Of

Array = np.ndarray[Any, Any]
POOLED = 60
"""Bins of a first look at most."""
SPEEDS = (6.0, 25.0, 100.0)
"""Rates from which fits begin, by the range's length."""
SATURATION = 2.0
"""Of the logit of the share of its limit that growth has reached at the decline, one standard deviation beforehand:
within 2 % and 98 % in 95 of 100 outbreaks. Few sources tell this share and the speed of growth only together."""
LOST = 0.02
"""Share of hosts that may fall silent at the decline at once, the same."""
WAVES = (Of.COSINE, Of.SINE, Of.COSINE_2, Of.SINE_2)


def problem_of(bins: Bins, counts: Array, noise: Array | float = 0.0) -> Problem:
    """The problem of fitting bins."""
    since, until = float(bins.begin[0]), float(bins.end[-1])
    width, span = bins.width, until - since
    most = math.log(max(float(counts.max()), 1.0)) + 3
    low, high = np.full(len(Of), -5.0), np.full(len(Of), 5.0)
    low[[Of.BEFORE, Of.PEAK]], high[[Of.BEFORE, Of.PEAK]] = -14.0, most
    low[[Of.GROWTH, Of.CLEANING]] = math.log(0.1 / span)
    high[[Of.GROWTH, Of.CLEANING]] = math.log(8 / width)
    low[Of.SATURATION], high[Of.SATURATION] = -8, 16
    low[Of.DECLINE], high[Of.DECLINE] = since, until
    low[Of.REST], high[Of.REST] = -12, 0
    low[Of.LOST], high[Of.LOST] = -0.1, 0.1
    low[Of.ONSET], high[Of.ONSET] = since - span, until
    spread = np.full(len(Of), np.inf)
    spread[list(WAVES)], spread[Of.LOST], spread[Of.SATURATION] = 1.0, LOST, SATURATION
    return Problem(counts, bins.expected, low, high, spread, noise)


def only(*parameters: Of) -> Array:
    """Which parameters are fitted: these, bool (13,)."""
    chosen = np.zeros(len(Of), np.bool_)
    chosen[list(parameters)] = True
    return chosen


def pooled(bins: Bins, counts: Array, noise: Array | float) -> tuple[Bins, Array, Array | float]:
    """Several bins as one, for a first look."""
    together = -(-len(counts) // POOLED)
    if together == 1:
        return bins, counts, noise
    edges = np.arange(0, len(counts), together)
    last = np.r_[edges[1:], len(counts)] - 1
    share = np.add.reduceat(bins.share, edges) / together
    more = noise if isinstance(noise, float) else np.add.reduceat(noise, edges)
    pooled = Bins(bins.begin[edges], bins.end[last], share, bins.whole * together, bins.whole_before * together)
    return pooled, np.add.reduceat(counts, edges), more


def start_of(bins: Bins, counts: Array) -> Array:
    """Where one fit begins, (13,): the level by the lower counts, the peak by the highest one."""
    rates = counts / np.maximum(bins.share, 0.1)
    usual = np.quantile(rates, 0.2)
    start = np.zeros(len(Of))
    start[Of.BEFORE], start[Of.PEAK] = math.log(max(usual, 1e-3)), math.log(max(rates.max() - usual, 1e-2))
    start[[Of.REST, Of.SATURATION, Of.ONSET]] = -4, 0, 2 * bins.begin[0] - bins.end[-1]
    return start


def starts_of(bins: Bins, counts: Array, decline: float | None) -> Array:
    """Where fits begin: declines all over the range and around the highest count, slow and fast."""
    since, until = float(bins.begin[0]), float(bins.end[-1])
    top = float(bins.end[int(np.argmax(counts / np.maximum(bins.share, 0.1)))])
    declines = [top, *np.linspace(since, until, 8)[1:-1]] if decline is None else [decline]
    rows = []
    for at in declines:
        for speed in SPEEDS:
            row = start_of(bins, counts)
            row[Of.DECLINE] = at
            row[[Of.GROWTH, Of.CLEANING]] = math.log(speed / (until - since))
            if decline is not None:
                row[Of.SATURATION] = 2
            if decline == since:
                row[Of.BEFORE] = -14
            rows.append(row)
    return np.array(rows)
