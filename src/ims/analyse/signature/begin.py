"""When a payload began to come: before its first arrival, by so much as arrivals are apart just after it.

The exposure from the begin to the first arrival, by the mean exposure between the next k ones, has the F distribution
with 2 and 2k degrees of freedom, if arrivals come independently at one rate. A worm's rate grows: then it was lower
before, and the interval reaches back further, or isn't bounded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.analyse.question import LEVEL
from ims.analyse.signature.rise import EARLY, early

Array = np.ndarray[Any, Any]
GROWTH_ARRIVALS, GROWTH_BINS = 60, 48
"""That a growth is told from: so many arrivals at the begin, in so many bins at most."""


class Begin(NamedTuple):
    """Microseconds; None: not bounded."""

    value: float
    low: float | None
    high: float


def begin_of(
    time: Array, width: int, arrivals: Array, exposure: Array, at: int, first: float | None, latest: int = 0
) -> Begin:
    """Of a payload whose level rose in bin `at`. `first`: the first arrival, microseconds; None: strays came before,
    one of which may be the first in that bin. `time`: begins of bins; `exposure` in hours; `latest`: a later bin in
    which it may have risen."""
    from scipy.special import fdtri

    opens = float(time[at])
    since = opens if first is None else min(max(first, opens), opens + width)
    part = (since - opens) / width
    number, length = early(arrivals, exposure, at, part, 0.0 if first is None else 1.0)
    edges = np.concatenate([[0.0], np.cumsum(exposure)])
    place = float(edges[at] + part * exposure[at])
    some = at + int(np.searchsorted(np.cumsum(arrivals[at:]), EARLY))
    ends = [latest] * (latest > at) + [min(some, len(time) - 1)] * (first is None)
    high = float(time[max(ends)]) + width if ends else since
    if number < 1 or length <= 0:
        return Begin(high, None, high)
    growth = _growth(arrivals, exposure, at)
    rate = number / length if growth * length < 1e-6 else number * growth / np.expm1(growth * length)
    back = [_back(float(fdtri(2, 2 * number, level)), rate, growth) for level in (0.5, LEVEL)]
    middle = _moment(time, width, edges, place - min(back[0], place))
    low = None if back[1] >= place else _moment(time, width, edges, place - back[1])
    return Begin(min(middle, high), low, high)


def _back(expected: float, rate: float, growth: float) -> float:
    """The exposure before a moment in which so many are expected, of a rate that has grown to `rate`; infinite where
    there never were so many."""
    if growth <= 0:
        return expected / rate
    left = 1 - expected * growth / rate
    return -float(np.log(left)) / growth if left > 0 else np.inf


def _growth(arrivals: Array, exposure: Array, at: int) -> float:
    """Of the logarithm of the rate by hour, in the first arrivals after the bin of the begin: Poisson regression; 0
    where it can't be told from none."""
    counts, lengths = arrivals[at + 1 : at + 1 + GROWTH_BINS], exposure[at + 1 : at + 1 + GROWTH_BINS]
    stop = int(np.searchsorted(np.cumsum(counts), GROWTH_ARRIVALS)) + 1
    counts, lengths = counts[:stop], lengths[:stop]
    kept = lengths > 0
    counts, lengths = counts[kept], lengths[kept]
    if len(counts) < 3 or counts.sum() < 3:
        return 0.0
    middle = np.cumsum(lengths) - lengths / 2
    slope = 0.0
    for _ in range(30):
        weight = lengths * np.exp(slope * (middle - middle[-1]))
        weight *= counts.sum() / weight.sum()
        centre = float(weight @ middle / weight.sum())
        spread = float(weight @ (middle - centre) ** 2)
        if spread <= 0:
            return 0.0
        step = float((counts - weight) @ (middle - centre)) / spread
        limit = 2 / float(middle[-1] - middle[0])
        slope += min(max(step, -limit), limit)
        if abs(step) < 1e-6:
            break
    return slope if slope * np.sqrt(spread) > 1 else 0.0


def _moment(time: Array, width: int, edges: Array, place: float) -> float:
    """The moment at which so much had been watched; where nothing was for a while, the one before."""
    at = min(max(int(np.searchsorted(edges, place, "left")) - 1, 0), len(time) - 1)
    whole = edges[at + 1] - edges[at]
    return float(time[at] + (place - edges[at]) / whole * width) if whole > 0 else float(time[at])
