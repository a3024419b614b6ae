"""Counts in time whose variance is more than their mean: the likelihood of a level, and of how much they vary.

A bin of exposure e has a negative binomial count of mean `rate` e and shape `shape` e: its variance is the mean times
1 + rate / shape. So what two parts of a bin count adds up to what the bin does (a gamma process of rates), a bin that
was watched for half of its time is half a bin, and the likelihood of a level is that of all its bins taken together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
LEAST_SHAPE, MOST_SHAPE = 1e-8, 1e9
GOLDEN = (np.sqrt(5) - 1) / 2
STEPS = 14
"""Of the search for a shape, each of which leaves 0.62 of the range: to 4 % in the end, which is 0.05 of likelihood."""


def level_gain(counts: Array, exposures: Array, shape: Array) -> Array:
    """The part of the log-likelihood that a level has, at its best rate: of the sums of counts and exposures of its
    bins. All of one shape of array, or such as broadcast."""
    from scipy.special import xlogy

    shapes = shape * exposures
    together = np.where(shapes + counts > 0, shapes + counts, 1.0)
    return np.asarray(xlogy(shapes, shapes / together) + xlogy(counts, counts / together))


def bin_part(counts: Array, exposures: Array, shape: Array) -> Array:
    """The part of each bin's log-likelihood that no level changes."""
    from scipy.special import gammaln

    shapes = shape * exposures
    return np.asarray(gammaln(counts + shapes) - gammaln(shapes) - gammaln(counts + 1))


def log_chance(counts: Array, mean: Array, variance: Array) -> Array:
    """The log-likelihood of counts of this mean and variance; a variance that isn't more than the mean is Poisson's."""
    from scipy.special import gammaln, xlogy

    mean = np.maximum(mean, 1e-12)
    shape = mean / np.maximum(variance / mean - 1, 1e-9)
    found = (
        gammaln(counts + shape) - gammaln(shape) - gammaln(counts + 1)
        - (shape + counts) * np.log1p(mean / shape) + xlogy(counts, mean / shape)
    )  # fmt: skip
    poisson = xlogy(counts, mean) - mean - gammaln(counts + 1)
    return np.asarray(np.where(variance > mean * (1 + 1e-7), found, poisson))


def draw(rng: np.random.Generator, rate: float, shape: float, exposures: Array) -> Array:
    """Counts of bins of one level, of this law's mean and variance, which come in runs whose lengths are geometric
    (Polya and Aeppli's law: Johnson, Kemp and Kotz, Univariate Discrete Distributions, 2005, section 9.7). Runs are
    fewer than the negative binomial law has, so empty bins, and long waits for the first that comes, are as frequent as
    where a host sends some packets each time it comes."""
    if rate <= 0:
        return np.zeros(exposures.shape)
    length = 1 + rate / (2 * shape)
    runs = rng.poisson(exposures * (rate / length))
    found = runs.astype(np.float64)
    came = runs > 0
    if length > 1:
        found[came] += rng.negative_binomial(runs[came], 1 / length)
    return found


def moment_shape(counts: Array, exposures: Array) -> Array:
    """The shape of each row of counts (p, n) around its mean rate, by its variance: float64 (p,)."""
    rate = counts.sum(1) / exposures.sum()
    expected = rate[:, None] * exposures
    squares = (np.square(counts - expected) / np.maximum(expected, 1e-12)).sum(1) / max(len(exposures) - 1, 1)
    return np.asarray(np.clip(rate / np.maximum(squares - 1, 1e-9), LEAST_SHAPE, MOST_SHAPE))


def best_shape(counts: Array, exposures: Array, levels: Array) -> tuple[Array, Array]:
    """The shape with the highest likelihood of each row of counts (p, n), whose bins are of `levels` int64 (p, n),
    numbered from 0; and that log-likelihood: float64 (p,) each."""
    ports, number = np.arange(len(counts))[:, None], int(levels.max(initial=0)) + 1
    place = (ports * number + levels).ravel()
    sums = [
        np.bincount(place, np.broadcast_to(each, counts.shape).ravel(), len(counts) * number).reshape(-1, number)
        for each in (counts, exposures)
    ]

    def likelihood(logs: Array) -> Array:
        shape = np.exp(logs)[:, None]
        return np.asarray(level_gain(sums[0], sums[1], shape).sum(1) + bin_part(counts, exposures, shape).sum(1))

    low, high = (np.full(len(counts), np.log(end)) for end in (LEAST_SHAPE, MOST_SHAPE))
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = likelihood(left), likelihood(right)
    for _ in range(STEPS):
        upper = at_right > at_left
        low, high = np.where(upper, left, low), np.where(upper, high, right)
        moved = np.where(upper, low + GOLDEN * (high - low), high - GOLDEN * (high - low))
        found = likelihood(moved)
        left, right = np.where(upper, right, moved), np.where(upper, moved, left)
        at_left, at_right = np.where(upper, at_right, found), np.where(upper, found, at_left)
    return np.exp(np.where(at_right > at_left, right, left)), np.maximum(at_left, at_right)
