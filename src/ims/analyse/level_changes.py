"""Whether, and between which bins, the level of counts in time changed: one series or 131,072 of them.

The log-likelihood of the best levels is compared with that of one level alone. That a level may begin at any bin is
corrected for by their number (Bonferroni), and the tail is Chernoff's bound of a likelihood ratio, which holds for
small counts, too: of 2 segments, P(gain >= x) <= 2 exp(-x) (Chernoff, Ann. Math. Statist. 23, 1952).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ims.analyse.level_screen import FEWEST_BINS, suspicion, without_bursts
from ims.analyse.negative_binomial import LEAST_SHAPE, MOST_SHAPE, best_shape, level_gain

Array = np.ndarray[Any, Any]
MIXED = 3.0
"""What a bin of two levels costs."""
PENALTY = 12.0
"""Gain from which on one more change of a series is taken, once it has any: 2 x 152 exp(-12) is 0.002."""
ROUNDS = 4
"""Of levels and shape in turn."""
CELLS = 4_000_000
"""Of tables of all segments, held at once."""


@dataclass(frozen=True)
class Changes:
    """What is found of a series. `begins`: bins with which levels begin, without the first; `p`: the probability of
    such by chance; `shape`: of its counts around its levels; `together`: how many times the variance of independent
    bins that of a mean is."""

    begins: tuple[int, ...]
    p: float
    shape: float
    together: float


def changes_of(counts: Array, exposures: Array, fewest: int = FEWEST_BINS) -> dict[int, Changes]:
    """By row of counts (p, n), what is found of those that may have changed; of others there is nothing to tell.
    `exposures`: float64 (n,), above 0; `fewest`: bins that a level lasts, FEWEST_BINS or more."""
    return changes_in(counts, np.flatnonzero(suspicion(counts, exposures, fewest) >= 1), exposures, fewest)


def changes_in(counts: Array, rows: Array, exposures: Array, fewest: int = FEWEST_BINS) -> dict[int, Changes]:
    """What is found of these rows of counts (p, n)."""
    found: dict[int, Changes] = {}
    step = max(CELLS // len(exposures) ** 2, 1)
    for first in range(0, len(rows), step):
        chosen = rows[first : first + step]
        part = without_bursts(counts[chosen].astype(np.float64), exposures)
        found |= dict(zip(chosen.tolist(), _closely(part, exposures, fewest), strict=True))
    return found


def _closely(counts: Array, exposures: Array, fewest: int) -> list[Changes]:
    """The levels that fit each row best."""
    one = np.zeros(counts.shape, np.int64)
    wide, alone = best_shape(counts, exposures, one)
    levels, shape, gained = one, wide, alone
    for start in (wide, _neighbours_shape(counts, exposures)):
        tried = _alternated(counts, exposures, start, fewest)
        better = tried[2] - PENALTY * tried[0].max(1) > gained - PENALTY * levels.max(1)
        levels = np.where(better[:, None], tried[0], levels)
        shape, gained = np.where(better, tried[1], shape), np.where(better, tried[2], gained)
    begins = [_begins(levels[row]) for row in range(len(levels))]
    return [judged(each, exposures, which) for each, which in zip(counts, begins, strict=True)]


def _begins(levels: Array) -> tuple[int, ...]:
    """The bins with which levels begin, but the first; a bin of two levels belongs to the one before it."""
    found = (np.flatnonzero(np.diff(levels)) + 1).tolist()
    return tuple(at for at, later in pairwise([*found, len(levels)]) if later - at > 1 or later == len(levels))


def judged(counts: Array, exposures: Array, begins: Sequence[int]) -> Changes:
    """What counts (n,) tell of levels that begin at these bins, by all bins but those of two levels."""
    kept = _of_one_level(counts, exposures, begins)
    levels = np.stack([np.zeros(len(counts), np.int64), _numbers(begins, len(counts))])[:, kept]
    alone, gained = best_shape(np.stack([counts, counts])[:, kept], exposures[kept], levels)[1]
    shape, together = variability(counts, exposures, begins)
    p = chance(float(gained - alone) / together, len(begins), len(exposures))
    return Changes(tuple(begins), p, shape, together)


def _of_one_level(counts: Array, exposures: Array, begins: Sequence[int]) -> Array:
    """Which bins count no part of two levels, bool (n,)."""
    kept = np.ones(len(counts), np.bool_)
    kept[[_mixed(counts, exposures, begins, number) for number in range(len(begins))]] = False
    return kept


def _mixed(counts: Array, exposures: Array, begins: Sequence[int], number: int) -> int:
    """Which of the two bins beside a change is less like the others of its level: it may count a part of both."""
    begin, ends = begins[number], [0, *begins, len(counts)]
    off = []
    for at, others in ((begin - 1, slice(ends[number], begin - 1)), (begin, slice(begin + 1, ends[number + 2]))):
        expected = counts[others].sum() / exposures[others].sum() * exposures[at]
        off.append(abs(counts[at] - expected) / max(expected, 1.0))
    return begin - 1 if off[0] > off[1] else begin


def gains(counts: Array, exposures: Array, changes: Changes) -> list[float]:
    """How much likelihood each change has by itself, of counts (n,), as if bins were independent; by all bins but those
    of two levels: one beside the next change would make this one likely."""
    kept = _of_one_level(counts, exposures, changes.begins)
    counts, exposures = counts * kept, exposures * kept
    ends, found = [0, *changes.begins, len(counts)], []
    shape = np.asarray(changes.shape)
    for first, middle, last in zip(ends, ends[1:], ends[2:], strict=False):
        parts = [(counts[begin:end].sum(), exposures[begin:end].sum()) for begin, end in (
            (first, middle), (middle, last), (first, last))]  # fmt: skip
        before, after, both = (float(level_gain(*part, shape)) for part in parts)
        found.append((before + after - both) / changes.together)
    return found


def _numbers(begins: Sequence[int], bins: int) -> Array:
    marks = np.zeros(bins, np.int64)
    marks[list(begins)] = 1
    return np.asarray(np.cumsum(marks))


def variability(counts: Array, exposures: Array, begins: Sequence[int]) -> tuple[float, float]:
    """Of one series whose levels begin at bins: the shape of its counts around them, and how many times the variance of
    independent bins that of a mean is. The bins beside a change, of which one counts a part of each level, are left out
    where others remain."""
    ends = [0, *begins, len(counts)]
    levels = np.full(len(counts), -1)
    for number, (first, last) in enumerate(pairwise(ends)):
        inner = slice(first + (first > 0), last - (last < len(counts)))
        levels[inner if inner.stop > inner.start else slice(first, last)] = number
    kept = levels >= 0
    counts, exposures, levels = counts[kept], exposures[kept], levels[kept]
    shape = float(best_shape(counts[None], exposures, levels[None])[0][0])
    telling = np.flatnonzero(np.bincount(levels, counts) > 0)
    bins = int(np.isin(levels, telling).sum())
    if bins > len(telling):  # the likelihood's own is too even, as its levels fit the counts
        shape *= (bins - len(telling)) / bins
    return shape, correlation_factor(counts, exposures, levels, shape)


def _alternated(counts: Array, exposures: Array, shape: Array, fewest: int) -> tuple[Array, Array, Array]:
    """The best levels of a shape, the best shape of these levels, and so on: levels, shape, log-likelihood."""
    levels = np.full(counts.shape, -1)
    for _ in range(ROUNDS):
        before, levels = levels, _best_levels(counts, exposures, shape, fewest)
        if np.array_equal(levels, before):
            break
        shape, gained = best_shape(counts, exposures, levels)
    return levels, shape, gained


def _neighbours_shape(counts: Array, exposures: Array) -> Array:
    """The shape by how much each bin differs from the one before, which few changes of level don't alter."""
    rates = counts / exposures
    means = (rates[:, 1:] + rates[:, :-1]) / 2
    expected = means * (1 / exposures[1:] + 1 / exposures[:-1])
    known = means > 0
    factor = np.where(known, np.square(np.diff(rates, axis=1)) / np.where(known, expected, 1.0), 0.0)
    factor = factor.sum(1) / np.maximum(known.sum(1), 1)
    rate = means.sum(1) / np.maximum(known.sum(1), 1)
    return np.asarray(np.clip(rate / np.maximum(factor - 1, 1e-9), LEAST_SHAPE, MOST_SHAPE))


def chance(gain: float, changes: int, bins: int) -> float:
    """A bound of the probability that chance alone gains so much by so many changes, wherever they are, and whatever
    their number is: a number m counts with the weight 1 / m (m + 1), all of which add up to 1."""
    from scipy.special import gammaln

    if changes == 0:
        return 1.0
    places = gammaln(bins) - gammaln(changes + 1) - gammaln(bins - changes)
    return float(np.exp(min(0.0, changes * np.log(2) + places + np.log(changes * (changes + 1)) - gain)))


def _best_levels(counts: Array, exposures: Array, shape: Array, fewest: int) -> Array:
    """The levels of each row with the highest likelihood, each change of which costs PENALTY, by dynamic programming
    (Jackson and others, IEEE Signal Process. Lett. 12, 2005): their numbers, int64 (p, n). A bin within which the level
    changes counts a part of both: it may be a level of its own."""
    rows, bins = counts.shape
    sums = np.concatenate([np.zeros((rows, 1)), np.cumsum(counts, 1)], 1)
    whole = np.concatenate([[0.0], np.cumsum(exposures)])
    alone = level_gain(counts, exposures, shape[:, None]) - MIXED  # of a bin within which the level changes
    best = np.full((rows, bins + 1), -np.inf)  # by the bin with which a level begins
    best[:, 0] = PENALTY
    is_mixed = np.zeros((rows, bins + 1), np.bool_)
    begin = np.zeros((rows, bins + 1), np.int64)
    last = best.copy()  # the same, without a bin of two levels before it
    for end in range(fewest, bins + 1):
        starts = np.arange(0, end - fewest + 1)
        gains = level_gain(sums[:, end, None] - sums[:, starts], whole[end] - whole[starts], shape[:, None])
        total = best[:, starts] + gains - PENALTY
        begin[:, end] = np.argmax(total, 1)
        level = total[np.arange(rows), begin[:, end]]
        mixed = last[:, end - 1] + alone[:, end - 1] if end > fewest else np.full(rows, -np.inf)
        last[:, end] = level
        is_mixed[:, end] = mixed > level
        best[:, end] = np.maximum(level, mixed)
    marks = np.zeros((rows, bins + 1), np.int64)
    at = np.full(rows, bins)
    while (at > 0).any():
        mixed = is_mixed[np.arange(rows), at] & (at < bins) & (at > 0)
        marks[np.arange(rows), at - mixed] = 1
        at = begin[np.arange(rows), at - mixed]
        marks[np.arange(rows), at] = 1
    marks[:, 0] = 0
    return np.asarray(np.cumsum(marks[:, :bins], 1))


def correlation_factor(counts: Array, exposures: Array, levels: Array, shape: float) -> float:
    """How many times the variance of a mean is that of independent bins, where each bin is like the one before: by the
    correlation of neighbours, with its bias (Kendall, Biometrika 41, 1954); at least 1."""
    number = int(levels.max()) + 1
    rate = np.bincount(levels, counts, number) / np.bincount(levels, exposures, number)
    expected = np.maximum(rate[levels] * exposures, 1e-9)
    off = (counts - rate[levels] * exposures) / np.sqrt(expected * (1 + rate[levels] / shape))
    off = np.clip(off, -4, 4)  # one flood isn't all of the variance
    same = levels[1:] == levels[:-1]
    variance = float(np.square(off).mean())
    if variance <= 0 or np.count_nonzero(same) < FEWEST_BINS:
        return 1.0
    near = float((off[1:] * off[:-1])[same].mean()) / variance
    near = min(near + number * (1 + 3 * max(near, 0.0)) / len(counts), 0.95)
    return max(1.0, (1 + near) / (1 - near))
