"""Which of many counts in time may have changed their level: fast, since most haven't and need no closer look.

A burst of one bin or two is no level: it counts as little more than what is around it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.analyse.negative_binomial import level_gain, moment_shape

Array = np.ndarray[Any, Any]
FEWEST_BINS = 3
"""That a level lasts, at least: a flood of one day or two is none."""
FEWEST_COUNTED = 8
"""Of a series, to be looked at."""
SUSPECT = 9.0
"""Gain of one change, at the variance around one level, from which on a series is looked at closely. By the bound, one
that is told by 20 needs more."""
PULSES, MORE, LESS, LIKELY = (3, 5, 8, 13, 21, 34, 55), 6.0, 5.0, 3.2
"""Bins of a time of more or less, and standard deviations from which on one is suspect; those of a single change."""
BURST, FEW = 3.0, 3.0
"""Times what is around, and packets beside."""
AT_ONCE = 2048


def suspicion(counts: Array, exposures: Array, fewest: int = FEWEST_BINS) -> Array:
    """How much each row of counts (p, n) looks as if it had changed, float64 (p,): from 1 on it may have. Fast, as most
    rows need no closer look."""
    found = np.zeros(len(counts))
    if counts.shape[1] < 2 * fewest:
        return found
    for first in range(0, len(counts), AT_ONCE):
        part = counts[first : first + AT_ONCE]
        rows = np.flatnonzero(part.sum(1) >= FEWEST_COUNTED)
        part = without_bursts(part[rows].astype(np.float64), exposures)
        found[first + rows] = _suspicion(part, exposures, fewest)
    return found


def without_bursts(counts: Array, exposures: Array) -> Array:
    """Counts (p, n), of which those of a burst of one bin or two are less: at most three times the rate that two more
    bins have of the four around. A level that lasts for three bins keeps its counts."""
    rates = np.pad(counts / exposures, ((0, 0), (2, 2)))
    width = counts.shape[1]
    first, second = np.zeros(counts.shape), np.zeros(counts.shape)
    for shift in (0, 1, 3, 4):
        near = rates[:, shift : shift + width]
        second = np.maximum(second, np.minimum(first, near))
        first = np.maximum(first, near)
    return np.asarray(np.minimum(counts, BURST * second * exposures + FEW))


def _suspicion(counts: Array, exposures: Array, fewest: int) -> Array:
    """By how much rows are suspect, float64 (p,): by a time of more or less, in standard deviations, or by the gain of
    the best single change at the variance around one level. Most rows are told by the former alone, which is fast:
    131,072 rows of 152 bins take 1 s, and 3 s by likelihoods."""
    found = np.zeros(len(counts))
    rate, shape = counts.sum(1) / exposures.sum(), moment_shape(counts, exposures)
    spread = np.sqrt(rate * (1 + rate / shape))[:, None]
    off = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts - rate[:, None] * exposures, 1)], 1)
    whole = np.concatenate([[0.0], np.cumsum(exposures)])
    for bins in (each for each in PULSES if fewest <= each <= len(exposures) - fewest):
        times = spread * np.sqrt(whole[bins:] - whole[:-bins])
        score = (off[:, bins:] - off[:, :-bins]) / times
        more, less = score.max(1), -score.min(1)
        away = np.maximum(np.where(more >= MORE, more, 0.0), np.where(less >= LESS, less, 0.0))
        found = np.maximum(found, np.square(away) / 2 / SUSPECT)  # about what a change gains
    at = slice(fewest, len(exposures) - fewest + 1)
    left = whole[at] * (1 - whole[at] / whole[-1])
    rest = np.flatnonzero((found < 1) & ((np.abs(off[:, at]) / (spread * np.sqrt(left))).max(1) >= LIKELY))
    found[rest] = np.maximum(found[rest], _one_change(counts[rest], exposures, shape[rest], fewest) / SUSPECT)
    return found


def _one_change(counts: Array, exposures: Array, shape: Array, fewest: int) -> Array:
    """The gain of the best single change of each row, of one shape: float64 (p,)."""
    at = slice(fewest - 1, len(exposures) - fewest)
    left, before = np.cumsum(counts, 1)[:, at], np.cumsum(exposures)[at]
    whole, all_exposures, shape = counts.sum(1, keepdims=True), exposures.sum(), shape[:, None]
    gain = level_gain(left, before, shape) + level_gain(whole - left, all_exposures - before, shape)
    return np.asarray((gain - level_gain(whole, all_exposures, shape)).max(1, initial=0.0))
