"""A curve of the hour of the day is fitted to sources by bin: log-linear, beside a trend.

The logarithm of what is expected is a trend, and waves of a day, half a day and a third of one (the cosinor: Halberg,
Annu. Rev. Physiol. 31, 1969; Cornelissen, Theor. Biol. Med. Model. 11:16, 2014), fitted by quasi-likelihood as Poisson
counts (McCullagh and Nelder, Generalized Linear Models, 1989, chapters 6 and 9). The trend is a cubic spline with a
knot a day: such a spline can't follow anything that repeats each day but a level (Strang and Fix, 1973), so it takes a
worm's decline and busy weekdays away from the waves, and nothing of theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
DAY = 24.0
WAVES = 3
"""With two waves the peak of infinitely many hosts of the scenario blaster-2004 lies 0.9 h late, with three or four
0.1 h off or less."""
MORE_WAVES, MANY = 5, 50_000
"""For the period, of so many sources in all bins: what three waves can't follow moved it by 14 s where each host is
always seen, more than its interval. Of 2,300 sources, five waves held it in 52 of 60 runs, as chance has a part in
each."""
STEADY = 2.0
"""How much the logarithm of the trend changes from one day to the next, beforehand: standard deviation. It keeps the
trend where hours are empty or weren't watched."""
VARIES = 0.002
"""By so much of itself at least what was watched has to vary for a coefficient of its own. With 0.05, addresses of
which 3.5 % were silent each night gave hosts that are seen anyway a pattern, of 2,000 sources an hour on."""
STEPS, CLOSE, HIGHEST = 60, 1e-8, 30.0


class Observed(NamedTuple):
    """Sources by bin, of one or more strata: sources whose clocks are `ahead` of UTC by so many hours (s,). `hour`:
    middles of the bins, (n,), hours from a midnight UTC on; `width`: hours; `exposure`: addresses times seconds, (n,);
    `counts`: (s, n)."""

    hour: Array
    width: float
    exposure: Array
    ahead: Array
    counts: Array


@dataclass(frozen=True)
class Fit:
    """A fit. `values` of the waves' columns (q,); `expected` of each bin, (s n,); `columns`: the waves' (s n, q)
    less what the trend could take of them, in units of the root of what is expected; `basis`: orthonormal, of what the
    trend can take (s n, p); `residual`: counts less expected, in the same units."""

    values: Array
    expected: Array
    columns: Array
    basis: Array
    residual: Array

    @cached_property
    def information(self) -> Array:
        """Of the waves' values, float64 (q, q), by Poisson counts."""
        return np.asarray(self.columns.T @ self.columns)

    @cached_property
    def inverse(self) -> Array:
        """Its inverse: their covariance, were sources independent."""
        return np.asarray(np.linalg.pinv(self.information))


def waves(hour: Array, width: float = 0.0, period: float = DAY, count: int = WAVES) -> Array:
    """Cosines and sines at hours, (n, 2 count): their means over bins of this width."""
    angle = 2 * np.pi * hour / period
    columns = [
        np.sinc(each * width / period) * wave(each * angle) for each in range(1, count + 1) for wave in (np.cos, np.sin)
    ]
    return np.stack(columns, -1)


def trend(hour: Array) -> Array:
    """The spline's columns, (n, p): its knots are midnights UTC."""
    from scipy.interpolate import BSpline

    knots = np.arange(knots_of(hour) + 4) + math.floor(hour[0] / DAY) - 3
    return np.asarray(BSpline.design_matrix(hour, knots * DAY, 3).toarray())


def knots_of(hour: Array) -> int:
    """How many columns the spline has: the days, and 3."""
    return math.floor(float(hour[-1]) / DAY) - math.floor(float(hour[0]) / DAY) + 4


def local_waves(observed: Observed) -> Array:
    """The waves' columns of all strata, (s n, 6), each by its own clock."""
    return np.concatenate([waves(observed.hour + ahead, observed.width) for ahead in observed.ahead])


def fit(observed: Observed, columns: Array) -> Fit:
    """Fit columns (s n, q) beside the trend, and a level of each stratum. What was watched counts with a power of 0 to
    1: a host that is seen anyway isn't seen twice by twice as many addresses."""
    exposure = np.log(observed.exposure / observed.exposure.mean())
    beside = _beside(observed)
    if np.ptp(exposure) < VARIES:
        return _fit(observed, columns, beside, exposure)[0]
    many = np.tile(exposure, len(observed.ahead))[:, None]
    found, parameters = _fit(observed, columns, np.hstack([beside, many]), np.zeros_like(exposure))
    if 0 <= (power := float(parameters[-1])) <= 1:
        return found
    return _fit(observed, columns, beside, min(max(power, 0.0), 1.0) * exposure)[0]


def _beside(observed: Observed) -> Array:
    """The columns of the trend, and of the levels of all strata but the first, (s n, p)."""
    spline, strata, bins = trend(observed.hour), len(observed.ahead), len(observed.hour)
    levels = np.repeat(np.eye(strata), bins, axis=0)[:, 1:]
    return np.hstack([np.tile(spline, (strata, 1)), levels])


def _fit(observed: Observed, columns: Array, beside: Array, offset: Array) -> tuple[Fit, Array]:
    """The fit by Newton's steps, halved where they lead up, and the parameters of what stands beside."""
    counts, offsets = observed.counts.ravel(), np.tile(offset, len(observed.ahead))
    design, knots = np.hstack([beside, columns]), knots_of(observed.hour)
    steps = np.diff(np.eye(knots), axis=0) / STEADY
    penalty = np.eye(design.shape[1]) * 1e-9
    penalty[:knots, :knots] += steps.T @ steps
    at = np.zeros(design.shape[1])
    at[:knots] = math.log(max(counts.mean(), 1e-3))  # splines sum up to 1

    def curve(at: Array) -> tuple[Array, float]:
        logs = np.clip(design @ at + offsets, -HIGHEST, HIGHEST)
        expected = np.exp(logs)
        return expected, float((expected - counts * logs).sum() + at @ penalty @ at / 2)

    expected, loss = curve(at)
    for _ in range(STEPS):
        score = design.T @ (counts - expected) - penalty @ at
        step = np.linalg.solve((design.T * expected) @ design + penalty, score)
        moved, there = curve(at + step)
        while there > loss and np.abs(step).max() > 1e-6:
            step /= 2
            moved, there = curve(at + step)
        gain, at, expected, loss = loss - there, at + step, moved, there
        if gain < CLOSE:
            break
    root = np.sqrt(expected)
    basis = orthonormal(beside * root[:, None])
    weighted = columns * root[:, None]
    residual = (counts - expected) / root
    count = beside.shape[1]
    return Fit(at[count:], expected, less(weighted, basis), basis, residual), at[:count]


def orthonormal(columns: Array, least: float = 1e-10) -> Array:
    """An orthonormal basis of what columns span, but for what is `least` of the most."""
    values, vectors = np.linalg.eigh(columns.T @ columns)
    kept = values > least * max(values[-1], 1e-300)
    return np.asarray(columns @ vectors[:, kept] / np.sqrt(values[kept]))


def less(columns: Array, basis: Array) -> Array:
    """Columns without what lies in a basis; twice, as once leaves rounding errors."""
    for _ in range(2):
        columns = columns - basis @ (basis.T @ columns)
    return columns


def period_of(observed: Observed) -> tuple[float, Fit] | None:
    """The period of the waves in hours: the one near a day that fits best, of those that the range tells from it; and
    a fit whose last column is what they change with the period. None where none is better than its neighbours."""
    from scipy.optimize import minimize_scalar

    many = observed.counts.sum() >= MANY and MORE_WAVES * 3 * observed.width <= DAY
    count = MORE_WAVES if many else WAVES
    reach = DAY**2 / 2 / (observed.hour[-1] - observed.hour[0])
    counts = observed.counts.ravel()

    def loss(period: float) -> float:
        expected = fit(observed, waves(observed.hour, observed.width, period, count)).expected
        return float((expected - counts * np.log(expected)).sum())

    low, high = DAY - reach, DAY + reach
    period = float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-4}).x)
    if min(period - low, high - period) < 0.01 * reach:
        return None
    columns = waves(observed.hour, observed.width, period, count)
    values = fit(observed, columns).values
    angle = 2 * np.pi * (observed.hour - observed.hour.mean()) / period
    slope = np.zeros(len(angle))
    for each in range(1, count + 1):
        cosine, sine = columns[:, 2 * each - 2], columns[:, 2 * each - 1]
        slope += each * angle / period * (values[2 * each - 2] * sine - values[2 * each - 1] * cosine)
    return period, fit(observed, np.column_stack([columns, slope]))
