"""Is this sample of that law? Chi-square and Kolmogorov-Smirnov tests, with NumPy alone.

`chi_square` and `kolmogorov` return the chance of a sample at least as far from the law. Tests ask for more than
`ALPHA`, with fixed seeds: so each says the same everywhere, and would fail one seed in a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

ALPHA = 0.001


def chi_square(observed: Any, expected: Any, estimated: int = 0) -> float:
    """Counts against expected ones, which are scaled to the same sum; `estimated`: parameters taken from the sample."""
    observed, expected = np.asarray(observed, float), np.asarray(expected, float)
    expected = expected * observed.sum() / expected.sum()
    assert expected.min() >= 5, "too few expected in a class"
    statistic = ((observed - expected) ** 2 / expected).sum()
    return upper_gamma((observed.size - 1 - estimated) / 2, statistic / 2)


def upper_gamma(a: float, x: float) -> float:
    """Q(a, x) = Gamma(a, x) / Gamma(a): by its series below a + 1, by its continued fraction above (NIST DLMF, 8.11.4
    and 8.9.2)."""
    if x <= 0:
        return 1.0
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, 10_000):
            term *= x / (a + n)
            total += term
            if term < total * 1e-15:
                break
        return 1 - front * total
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    h = d
    for n in range(1, 10_000):
        b += 2
        d = 1 / (b - n * (n - a) * d or tiny)
        c = b - n * (n - a) / c or tiny
        h *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * h


def kolmogorov(sample: Any, cumulative: Callable[[Any], Any]) -> float:
    """A sample of a continuous law against its cumulative distribution (Stephens, JASA 69, 1974, for the size)."""
    points = np.sort(cumulative(np.asarray(sample, float)))
    n = points.size
    assert n > 50, "too few for a test"
    steps = np.arange(n + 1) / n
    distance = max((steps[1:] - points).max(), (points - steps[:-1]).max())
    x = distance * (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n))
    if x < 0.2:
        return 1.0
    return min(1.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101)))


def uniform(low: float, high: float) -> Callable[[Any], Any]:
    """The cumulative distribution of a uniform law."""
    return lambda x: np.clip((x - low) / (high - low), 0, 1)


def exponential(mean: float) -> Callable[[Any], Any]:
    """That of an exponential law."""
    return lambda x: 1 - np.exp(-x / mean)


def within(observed: float, mean: float, sigmas: float = 4.0) -> bool:
    """Whether a Poisson count is within so many standard deviations of its mean."""
    return abs(observed - mean) <= sigmas * math.sqrt(mean)
