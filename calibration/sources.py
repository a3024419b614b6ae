"""Sources that are no worm: those of quiet days, floods, scans, and a single one that sends much."""

from __future__ import annotations

from typing import Any

import numpy as np

from calibration.watch import Counter

Array = np.ndarray[Any, Any]


def quiet(rng: np.random.Generator, rates: Array, counts: Counter) -> None:
    """Visits by the rates of hours: half by sources that come once, half by some that come again, every ten hours."""
    once, again = rng.poisson(rates / 2), rng.poisson(rates / 2)
    at = _times(rng, once)
    counts.add(rng, np.arange(len(at)), at)
    at = _times(rng, again)
    counts.add(rng, rng.integers(0, max(round(float(rates.mean()) * 5), 1), len(at)), at)


def _times(rng: np.random.Generator, number: Array) -> Array:
    return np.asarray(np.repeat(np.arange(len(number)), number) + rng.random(int(number.sum())))


def flood(rng: np.random.Generator, sources: int, since: float, until: float, counts: Counter) -> None:
    """Spoofed sources, each of which comes once."""
    counts.add(rng, np.arange(sources), rng.uniform(since, until, sources))


def scan(rng: np.random.Generator, sources: int, visits: float, since: float, until: float, counts: Counter) -> None:
    """Sources that begin and end together, and come so many times an hour."""
    number = rng.poisson(visits * (until - since), sources)
    source = np.repeat(np.arange(sources), number)
    counts.add(rng, source, rng.uniform(since, until, len(source)))


def constant(rate: float, hours: int) -> Array:
    """The rates of hours."""
    return np.full(hours, rate)


def daily(rate: float, hours: int, times: float = 3.5) -> Array:
    """By day so many times what it is by night, highest at 05:00 (paper, Figure 10)."""
    wave = np.cos((np.arange(hours) + 0.5 - 5) * 2 * np.pi / 24)
    return np.asarray(rate * np.exp(np.log(times) / 2 * wave))


def weekly(rate: float, hours: int) -> Array:
    """On two days of seven, half."""
    return np.where(np.arange(hours) // 24 % 7 < 5, rate, rate / 2)


def uneven(rng: np.random.Generator, rate: float, hours: int, times: float = 3) -> Array:
    """By hours so uneven that the variance of counts is so many times their mean."""
    return np.asarray(rng.gamma(rate / (times - 1), times - 1, hours))


def rising(rate: float, hours: int, times: float) -> Array:
    """Slowly more, in the end so many times as many."""
    return np.asarray(rate * times ** (np.arange(hours) / hours))


def wandering(rng: np.random.Generator, rate: float, hours: int, stays: float = 0.9, spread: float = 0.3) -> Array:
    """The logarithm of each hour's rate is mostly that of the hour before (an autoregression), and spreads so much."""
    steps = rng.normal(0, spread * np.sqrt(1 - stays**2), hours)
    steps[0] = rng.normal(0, spread)
    logs = np.zeros(hours)
    for hour in range(hours):
        logs[hour] = steps[hour] + (stays * logs[hour - 1] if hour else 0.0)
    return np.asarray(rate * np.exp(logs))
