"""Curves are fitted to counts by the maximum of the quasi-likelihood, and intervals are profiles of it.

Counts vary around what is expected as Poisson's do, times a factor (McCullagh and Nelder, Generalized Linear Models,
1989, chapter 9). Many fits run at once: rows of the arrays (m, parameters) are fits, each by Levenberg's and
Marquardt's steps on the expected information.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
STEPS, CLOSE, STRIDE = 100, 1e-5, 1e-5
"""Of a fit at most; a gain of deviance that is none; the step of a numeric derivative."""
ROUNDS = 8
"""Of the search for an interval's ends."""


@dataclass(frozen=True)
class Problem:
    """Counts float64 (n,), and what a curve expects of them for parameters (m, p): an array (m, n). `low`, `high`:
    bounds of the parameters; `spread`: how far from `centre` a parameter is expected beforehand (standard deviation),
    inf if nothing is known; `noise`: variance that counts have beside their own, (n,)."""

    counts: Array
    expected: Callable[[Array], Array]
    low: Array
    high: Array
    spread: Array
    noise: Array | float = 0.0
    centre: Array | float = 0.0

    def deviance(self, parameters: Array, expected: Array) -> Array:
        """float64 (m,): twice the quasi-likelihood that is missing to a perfect fit."""
        found, curve = self.counts + self.noise, np.maximum(expected, 1e-12) + self.noise
        logs = np.where(found > 0, found * np.log(np.where(found > 0, found, 1) / curve), 0.0)
        known = np.square((parameters - self.centre) / self.spread).sum(-1)
        return np.asarray(2 * (logs - (found - curve)).sum(-1) + known)


@dataclass(frozen=True)
class Fits:
    """Fits: parameters (m, p), deviance (m,), what is expected (m, n)."""

    parameters: Array
    deviance: Array
    expected: Array

    @property
    def best(self) -> int:
        """Which has the least deviance."""
        return int(np.argmin(self.deviance))


def fit(problem: Problem, starts: Array, free: Array) -> Fits:
    """Fit from starts (m, p); `free`: which parameters are fitted, bool (p,) or (m, p)."""
    at = np.clip(np.array(starts, np.float64), problem.low, problem.high)
    free = np.broadcast_to(free, at.shape)
    expected = problem.expected(at)
    deviance = problem.deviance(at, expected)
    damping, close = np.full(len(at), 1e-2), np.zeros(len(at), np.int64)
    going = np.arange(len(at))
    for _ in range(STEPS):
        if not len(going):
            break
        moved = _step(problem, at[going], expected[going], free[going], damping[going])
        there = problem.expected(moved)
        gain = deviance[going] - problem.deviance(moved, there)
        better = gain >= 0
        rows = going[better]
        at[rows], expected[rows] = moved[better], there[better]
        deviance[rows] -= gain[better]
        damping[going] = np.clip(np.where(better, damping[going] / 4, damping[going] * 6), 1e-9, 1e9)
        close[going] = np.where(better & (gain < CLOSE), close[going] + 1, np.where(better, 0, close[going]))
        going = going[(close[going] < 2) & (damping[going] < 1e7)]
    return Fits(at, deviance, expected)


def information(problem: Problem, at: Array, expected: Array, free: Array) -> tuple[Array, Array]:
    """The score (m, p) and the expected information (m, p, p) of parameters, 0 of those that aren't free."""
    count, size = at.shape
    stride = np.where(at + STRIDE > problem.high, -STRIDE, STRIDE)
    beside = np.repeat(at[:, None, :], size, 1)
    beside[:, range(size), range(size)] += stride
    used = np.flatnonzero(free.any(0))
    slopes = np.zeros((count, size, expected.shape[1]))
    moved = problem.expected(beside[:, used].reshape(-1, size)).reshape(count, len(used), expected.shape[1])
    slopes[:, used] = (moved - expected[:, None, :]) / stride[:, used, None]
    slopes *= free[:, :, None]
    weights = 1 / np.maximum(expected + problem.noise, 1e-9)
    score = (
        np.einsum("mpn,mn->mp", slopes, (problem.counts - expected) * weights)
        - free * (at - problem.centre) / problem.spread**2
    )
    weighted = slopes * weights[:, None, :]
    found = weighted @ slopes.transpose(0, 2, 1)
    found[:, range(size), range(size)] += free / problem.spread**2
    return score, found


def _step(problem: Problem, at: Array, expected: Array, free: Array, damping: Array) -> Array:
    """Where the fits go next. What a bound keeps from moving isn't moved, or the others would step for a neighbour that
    isn't reached."""
    score, found = information(problem, at, expected, free)
    kept = ((at >= problem.high) & (score > 0)) | ((at <= problem.low) & (score < 0))
    size, free = at.shape[1], free & ~kept
    score, found = score * free, found * free[:, :, None] * free[:, None, :]
    scale = np.einsum("mpp->mp", found)
    found[:, range(size), range(size)] += damping[:, None] * scale + np.where(free, 1e-9, 1.0)
    step = np.linalg.solve(found, score[:, :, None])[:, :, 0]
    return np.asarray(np.clip(at + np.clip(step, -2, 2), problem.low, problem.high))


@dataclass(frozen=True)
class Target:
    """What an interval is of: the parameter at `index`, of a problem that has it there; the best fit in its terms."""

    problem: Problem
    index: int
    best: Array
    free: Array
    deviance: float


def profile(target: Target, drop: float) -> tuple[float | None, float | None]:
    """The ends of an interval: where the deviance is by `drop` above that of the best fit, other parameters fitted anew
    (the likelihood-ratio interval: Venzon and Moolgavkar, Applied Statistics 37, 1988). None: up to the bound it isn't.
    The signed root of the gain is nearly a straight line, along which the search goes."""
    return _end(target, drop, -1), _end(target, drop, 1)


def _end(target: Target, drop: float, sign: int) -> float | None:
    problem, index, best = target.problem, target.index, target.best
    bound = float((problem.low if sign < 0 else problem.high)[index])
    free = target.free.copy()
    free[index] = False
    _, found = information(problem, best[None], problem.expected(best[None]), target.free[None])
    used = np.flatnonzero(target.free)
    covariance = np.linalg.pinv(found[0][np.ix_(used, used)])
    place = int(np.flatnonzero(used == index)[0])
    error = float(np.sqrt(max(covariance[place, place], 0.0)))
    slope = np.zeros(len(best))
    if error > 0:
        slope[used] = covariance[:, place] / covariance[place, place]
    if not 0 < drop < np.inf:  # an information that has no inverse
        return None
    goal = np.sqrt(drop)
    inside, inside_root, outside, outside_root = float(best[index]), 0.0, None, np.inf
    at = best[index] + sign * min(max(error, 1e-4) * goal, 3.0)
    fitted = best
    for _ in range(ROUNDS):
        at = min(at, bound) if sign > 0 else max(at, bound)
        starts = np.stack([best + slope * (at - best[index]), fitted])
        starts[:, index] = at
        fits = fit(problem, starts, free)
        fitted = fits.parameters[fits.best]
        root = float(np.sqrt(max(fits.deviance.min() - target.deviance, 0.0)))
        if root >= goal:
            outside, outside_root = float(at), root
        elif at == bound:
            return None
        else:
            inside, inside_root = float(at), root
        if abs(root - goal) < 0.02 * goal:
            return float(at)
        if outside is None:
            ahead = (at - best[index]) * (goal / max(root, goal / 3)) * 1.05
            at = best[index] + ahead
        else:
            at = inside + (outside - inside) * min(max((goal - inside_root) / (outside_root - inside_root), 0.05), 0.95)
    return (
        outside
        if outside is None
        else inside + (outside - inside) * (goal - inside_root) / (outside_root - inside_root)
    )
