"""How far counts of sources lie around a fitted law, and what intervals of its parameters follow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ims.analyse.likelihood import STRIDE, Problem, Target, profile
from ims.analyse.outbreak.epidemic_curve import LEAST, Bins, Of, growth
from ims.analyse.outbreak.law import Law

Array = np.ndarray[Any, Any]
LEAST_FACTOR = 0.02
"""Even where all hosts are seen in each bin, counts miss a law by a little."""
SOME = 3.0
"""Sources of several bins together, for a statistic of how counts vary."""
SHORTER = 0.7
"""Of a wave of the day, by the next longer one, at most."""
EARLIER = 0.25
"""Of a bin."""
MUCH = 5.0
"""Times as far from a law as by chance: it may be none."""
CUT = 3.8415
"""The square of 1.96."""


def rough_factor(problem: Problem, bins: Bins, expected: Array, fitted: int) -> float:
    """By what factor counts vary more than by chance, roughly: for the choice of a law."""
    usual, together = max(1 - bins.chance, LEAST_FACTOR), enough(expected)
    curve = together @ (expected + problem.noise)
    pearson = float((np.square(together @ (problem.counts - expected)) / np.maximum(curve, 1e-9)).sum())
    return max(usual, pearson / max(len(curve) - fitted, 1))


def covariance(law: Law) -> Array:
    """Of the sources in bins, float64 (n, n), by chance: whether a host is seen in a bin, when each is infected, and
    how long it lives, which is in all later bins alike: of n hosts of which each is active at t with probability s(t),
    and at a later u with s(u), the covariance of their numbers is n (s(u) - s(t) s(u)); of infections, the same
    backwards. n is another one in each outbreak of a law, in Poisson numbers. Those that stay and are switched on for a
    part of each day are so at the same hours of each."""
    bins, row = law.bins, law.parameters[None]
    before, outbreak = bins.before(row)[0], bins.outbreak(row)[0]
    unseen, unseen_before = (
        np.maximum(np.exp(-max(whole, LEAST) * bins.share), LEAST_FACTOR) for whole in (bins.whole, bins.whole_before)
    )
    found = np.diag(before * unseen_before + outbreak * unseen + law.problem.noise)
    hosts, seen = math.exp(law.parameters[Of.PEAK]) / bins.chance, 1 - unseen
    found += np.outer(outbreak, outbreak) / hosts
    middle = (bins.begin + bins.end) / 2
    if law.has_growth:
        active = np.minimum(growth(row, middle[None, None])[0, 0], 1.0) * (middle >= law.parameters[Of.ONSET])
        active[middle >= law.parameters[Of.DECLINE]] = 1.0
        found += hosts * (np.minimum(active[:, None], active) - np.outer(active, active)) * np.outer(seen, seen)
    if law.has_decline:
        left = np.exp(-math.exp(law.parameters[Of.CLEANING]) * np.maximum(middle - law.parameters[Of.DECLINE], 0))
        stays = math.exp(law.parameters[Of.REST]) + max(law.parameters[Of.LOST], 0.0)
        found += (
            hosts
            * max(1 - stays, 0.0)
            * (np.minimum(left[:, None], left) - np.outer(left, left))
            * np.outer(seen, seen)
        )
        if law.free[Of.COSINE]:
            after = seen * (middle >= law.parameters[Of.DECLINE])
            on = math.exp(law.parameters[Of.REST])
            hours = hosts * stays * _hours(middle, on / stays) + np.square(hosts * on) * _waves(law, middle)
            found += hours * np.outer(after, after)
    return np.asarray(found)


def _hours(at: Array, on: float) -> Array:
    """The covariance of whether a host that is on for a share of each day, from any hour of it on, is on at times (n,),
    float64 (n, n)."""
    apart = np.abs(at[:, None] - at) / 24 % 1
    return np.asarray(np.maximum(on - apart, 0) + np.maximum(on - (1 - apart), 0) - on * on)


def _waves(law: Law, at: Array) -> Array:
    """The covariance of the rest's level, by its mean, at times (n,), float64 (n, n), by waves of a third of the day
    and shorter, which the law leaves out: the standard deviation of the cosine of each, and of its sine, is taken to be
    as much smaller than that of the one before as the amplitude of the second is than that of the first."""
    day, half = (math.hypot(*law.parameters[[index, index + 1]]) for index in (Of.COSINE, Of.COSINE_2))
    apart, ratio = (at[:, None] - at) * 2 * np.pi / 24, min(half / max(day, 1e-9), SHORTER)
    return np.asarray(sum(np.square(half * ratio ** (n - 2)) * np.cos(n * apart) for n in (3, 4, 5, 6)))


def excess(law: Law) -> float:
    """By what factor counts vary more than by chance: 1, unless Pearson's statistic is significantly higher; and more
    where misses of bins follow each other more than lives of hosts let them (Bartlett, J. Roy. Stat. Soc. 98, 1935)."""
    from scipy.special import chdtri

    together = enough(law.expected)
    expected = together @ law.expected
    weight = 1 / np.sqrt(expected + together @ np.broadcast_to(law.problem.noise, law.expected.shape))
    misses = (together @ law.problem.counts - expected) * weight
    basis, _ = np.linalg.qr((_slopes(law, law.problem, law.parameters) @ together.T * weight).T)
    usual = together @ covariance(law) @ together.T * np.outer(weight, weight)
    usual -= basis @ (basis.T @ usual)
    usual -= (usual @ basis) @ basis.T
    chance, freedom = float(np.trace(usual)), len(misses) - int(law.free.sum())
    if freedom < 1 or chance <= 0:
        return 1.0
    pearson = max(float(np.square(misses).sum()), 1e-9)
    spread = freedom * float(np.square(usual).sum()) / chance**2  # of unequal variances there are fewer free ones
    factor = pearson / chance if pearson / chance > chdtri(freedom / spread, 0.05) / (freedom / spread) else 1.0
    follow = float((misses[1:] * misses[:-1]).sum()) / pearson - float(np.trace(usual, 1)) / chance
    if follow > 2 / math.sqrt(len(misses)):
        factor *= (1 + follow) / (1 - min(follow, 0.9))
    return factor


def misfit(law: Law) -> float:
    """By how much sources miss the law, as a share of its highest level (root of the mean square, weighted as in the
    fit); 0 where that is little more than chance does."""
    factor = excess(law)
    return math.sqrt(factor / max(float(law.expected.max()), 1e-9)) if factor > MUCH else 0.0


def enough(expected: Array) -> Array:
    """Bins that follow each other as one, so that some are expected in each, float64 (k, n): of less than one, squares
    of misses are far from those of a normal distribution (Cochran, Biometrics 10, 1954)."""
    group = np.floor(np.cumsum(expected) / SOME * (1 - 1e-12)).astype(np.int64)
    _, index = np.unique(group, return_inverse=True)
    return np.asarray(index == np.arange(index.max() + 1)[:, None], np.float64)


def _slopes(law: Law, problem: Problem, at: Array) -> Array:
    """How what is expected changes with each free parameter, float64 (p, n). Of an onset that comes earlier by a part
    of a bin: later within it, hosts that come often are all seen in it just as well."""
    used = np.flatnonzero(law.free)
    beside = np.repeat(at[None], len(used), 0)
    stride = np.where(at[used] + STRIDE > problem.high[used], -STRIDE, STRIDE)
    stride[used == Of.ONSET] = -law.bins.width * EARLIER
    beside[range(len(used)), used] += stride
    return np.asarray((problem.expected(beside) - problem.expected(at[None])) / stride[:, None])


def _drop(law: Law, target: Target, usual: Array) -> float:
    """The gain of deviance at the ends of an interval: of one free parameter, by how many times its variance by the
    covariance of counts is that by Poisson's (Royall, Int. Stat. Review 54, 1986)."""
    slopes = _slopes(law, target.problem, target.best)
    weight = 1 / (np.maximum(law.expected, 1e-9) + law.problem.noise)
    before = 1 / target.problem.spread[target.free] ** 2
    known = np.linalg.pinv((slopes * weight) @ slopes.T + np.diag(before))
    [pull] = known[np.flatnonzero(target.free) == target.index]
    varies = pull @ (slopes * weight) @ usual @ (slopes * weight).T @ pull + np.square(pull) @ before
    return float(CUT * varies / pull[np.flatnonzero(target.free) == target.index][0])


def ends(law: Law, factor: float, target: tuple[Problem, int, Array]) -> tuple[float | None, float | None]:
    """The ends of a parameter's interval: of the problem in whose terms it stands, where, and the best fit. `factor`:
    by how much counts vary more than by chance."""
    problem, index, best = target
    aim = Target(problem, index, best, law.free, law.deviance)
    return profile(aim, factor * _drop(law, aim, covariance(law)))
