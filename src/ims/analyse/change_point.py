"""When the level of counts in time changed, to a part of a bin, and the levels before and after.

The bin in which it changed counts a part of each level, which tells when within it (rates are taken for even within a
bin). The likelihood ratio of a date has no law that holds everywhere: of an interval within a bin it is that of a
regular parameter, of one over many bins that of the maximum of a random walk (Hinkley, Biometrika 57, 1970; Hansen,
Econometrica 68, 2000), and of a level that begins from nothing that of a waiting time. So its quantile is that of
series which are drawn from the levels that were found (a parametric bootstrap: Efron and Tibshirani, An Introduction to
the Bootstrap, 1993, chapter 25), of the same exposures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ims.analyse.intervals import Interval, of_counts
from ims.analyse.negative_binomial import bin_part, draw, level_gain, log_chance
from ims.analyse.question import LEVEL

Array = np.ndarray[Any, Any]
DRAWS = 500
AROUND = 15
"""Bins on each side in which the date is looked for; the end of an interval that reaches further isn't bounded."""
RANDOM_WALK = 3.68
"""Likelihood that the true date is missing in 95 of 100 series where a change is small (Hansen, Econometrica 68, 2000,
Table I: 7.35 / 2)."""
PARTS = 16
"""Of a bin, at which the likelihood is computed before its ends are found between two."""
HALVINGS = 24
OTHERS = 15
"""Bins, as which the shape of all levels counts. Of 400 runs with 1,500 hosts beside 1,000 at a /8 and a /24 (seeds 201
to 600), 94 to 96 % of intervals of levels held the truth; with 5 bins, 92 to 97 %, and by the shape alone, 92 to 98
%."""


@dataclass(frozen=True)
class Level:
    """Counts by exposure: a rate with its interval. `spread`: how many times the variance of independent ones theirs
    is."""

    rate: Interval
    spread: float

    def by(self, before: Level) -> Ratio:
        """This level divided by the one before it. The interval is made of those of both (MOVER: Donner and Zou, Stat.
        Methods Med. Res. 21, 2012), by logarithms; where one is 0, of the ends of both, which is never too narrow."""
        over, under = self.rate, before.rate
        if not under.value:
            return Ratio(None, over.low / under.high, None)
        if not over.value:
            return Ratio(0.0, 0.0, over.high / under.low)
        value = over.value / under.value
        down = math.hypot(math.log(over.value / over.low), math.log(under.high / under.value))
        up = math.hypot(math.log(over.high / over.value), math.log(under.value / under.low))
        return Ratio(value, value * math.exp(-down), value * math.exp(up))


class Ratio(NamedTuple):
    """Of two levels: None where it is infinite, an end where it isn't bounded."""

    value: float | None
    low: float
    high: float | None


class ChangePoint(NamedTuple):
    """When a level changed, in bins from the first one's begin, with an interval whose ends are None where they aren't
    bounded."""

    at: float
    low: float | None
    high: float | None


class Series:
    """Counts and exposures of bins, float64 (n,), whose changes are to be dated. `shape`: of the counts, by exposure;
    `together`: how many times the variance of independent bins that of a mean is."""

    def __init__(self, counts: Array, exposures: Array, shape: float, together: float = 1.0) -> None:
        self.counts, self.exposures, self.shape, self.together = counts, exposures, shape, together

    def change(
        self, first: int, begin: int, last: int, rng: np.random.Generator | None, around: int = AROUND
    ) -> ChangePoint:
        """The change of level within so many bins of the begin of a bin, from what was counted in bins [first, last),
        which have no other. There are two bins or more on each side of it. Without `rng` the interval is by
        RANDOM_WALK, which is wider than it must be."""
        low, high = max(first + 1, begin - around), min(last - 1, begin + around + 1)
        edges = np.array([first, *range(low, high + 1)])  # bins that are further away are one: what they count adds up
        counts, exposures = (np.add.reduceat(each[:last], edges) for each in (self.counts, self.exposures))
        places = np.arange(1, len(edges) - 1)
        curve = _Curve(counts[None], exposures, self.shape, places)
        at = float(curve.best()[0][0])
        left, right = max(math.floor(at), 1), min(math.ceil(at), len(counts) - 1)
        rates = [counts[side].sum() / exposures[side].sum() for side in (slice(0, left), slice(right, None))]
        drop = RANDOM_WALK if rng is None else self._drop(curve, exposures, rates, rng)
        ends = (None if each is None else each + low - 1 for each in curve.ends(at, drop))
        return ChangePoint(at + low - 1, *ends)

    def level(self, first: int, last: int) -> Level:
        """Of bins [first, last). How much more their counts vary than independent ones is told by these bins, and by
        the shape, which is that of all levels together and counts as much as OTHERS more bins: where hosts send alike,
        a level of more hosts has as many times the variance, and one shape would give it more."""
        from scipy.special import stdtrit

        counts, exposures = self.counts[first:last], self.exposures[first:last]
        counted, exposure, freedom = float(counts.sum()), float(exposures.sum()), last - first - 1
        spread = 1 + counted / exposure / self.shape
        if counted > 0 and freedom:
            expected = counted / exposure * exposures
            squares = float((np.square(counts - expected) / expected).sum())
            spread = max((squares + OTHERS * spread) / (freedom + OTHERS), 1.0)
        # As wide as by Student's law, for how much they vary isn't known exactly.
        tails = stdtrit(np.array([freedom + OTHERS, np.inf]), (1 + LEVEL) / 2)
        spread *= float(tails[0] / tails[1]) ** 2 * self.together
        low, high = of_counts(np.array([counted / spread]))
        return Level(Interval(counted / exposure, *(float(end[0]) * spread / exposure for end in (low, high))), spread)

    def _drop(self, curve: _Curve, exposures: Array, rates: Sequence[float], rng: np.random.Generator) -> float:
        """How much likelihood the true date is missing in 95 of 100 series that are drawn. `rates`: before, after. The
        dates of these are as likely as the counts say: a wait for the first packet is longer by night, and the date
        with the highest likelihood is more often by day."""
        before, after = rates
        dates = curve.likely(DRAWS)
        part = np.clip(dates[:, None] - np.arange(len(exposures)), 0.0, 1.0)
        drawn = draw(rng, before, self.shape, exposures * part) + draw(rng, after, self.shape, exposures * (1 - part))
        other = _Curve(drawn, exposures, self.shape, curve.places)
        return float(np.quantile(np.maximum(other.best()[1] - other.each_at(dates), 0.0), LEVEL))


class _Curve:
    """The log-likelihood of dates, of many series (d, n) at once. `places`: bins in which the date may be."""

    def __init__(self, counts: Array, exposures: Array, shape: float, places: Array) -> None:
        self.places, self.shape, self.exposures = places, shape, exposures
        sums = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts, 1)], 1)
        whole = np.concatenate([[0.0], np.cumsum(exposures)])
        self.left, self.right = sums[:, places], sums[:, -1:] - sums[:, places + 1]
        self.left_exposure, self.right_exposure = whole[places], whole[-1] - whole[places + 1]
        self.counts, self.each = counts[:, places], exposures[places]
        scale = np.asarray(shape)
        self.whole_bins = (
            level_gain(self.left, self.left_exposure, scale) + level_gain(self.right, self.right_exposure, scale)
            - bin_part(self.counts, self.each, scale)
        )  # fmt: skip
        self.before, self.after = self.left / self.left_exposure, self.right / self.right_exposure

    def of(self, part: Array) -> Array:
        """Of dates at a part of each place, which is before the change: (d, places). The bin's own count is compared
        with what the others' levels expect of it, themselves not known exactly."""
        first, second = part * self.each, (1 - part) * self.each
        mean = first * self.before + second * self.after
        variance = mean + (first * self.before**2 + second * self.after**2) / self.shape
        for rate, share, exposure in (
            (self.before, first, self.left_exposure), (self.after, second, self.right_exposure)
        ):  # fmt: skip
            variance = variance + share**2 * rate * (1 + rate / self.shape) / exposure
        return self.whole_bins + log_chance(self.counts, mean, variance)

    def best(self) -> tuple[Array, Array]:
        """The date with the highest likelihood of each series, in bins, and that likelihood."""
        differ = (self.before - self.after) * self.each
        part = (self.counts - self.after * self.each) / np.where(differ == 0, 1.0, differ)
        parts = np.stack([np.clip(part, 0.0, 1.0), np.zeros(part.shape), np.ones(part.shape)])
        found = np.stack([self.of(each) for each in parts])
        flat = found.transpose(1, 2, 0).reshape(len(part), -1)
        chosen = np.argmax(flat, 1)
        rows = np.arange(len(part))
        place, which = chosen // 3, chosen % 3
        return self.places[place] + parts[which, rows, place], flat[rows, chosen]

    def at(self, date: float) -> Array:
        """Of one date: (d,)."""
        place = min(int(date), int(self.places[-1])) - int(self.places[0])
        return np.asarray(self.of(np.full(self.counts.shape, date - self.places[place]))[:, place])

    def each_at(self, dates: Array) -> Array:
        """Of each series' own date (d,): (d,)."""
        rows = np.arange(len(dates))
        place = np.minimum(dates.astype(np.int64), self.places[-1]) - self.places[0]
        part = np.zeros(self.counts.shape)
        part[rows, place] = dates - self.places[place]
        return np.asarray(self.of(part)[rows, place])

    def likely(self, number: int) -> Array:
        """So many dates of the first series, spread as its likelihood is, in order."""
        middle = (np.arange(PARTS) + 0.5) / PARTS
        likelihood = np.stack([self.of(np.full(self.counts.shape, part))[0] for part in middle], 1).ravel()
        weight = np.exp(likelihood - likelihood.max())
        share = (np.cumsum(weight) - weight / 2) / weight.sum()
        dates = (self.places[:, None] + middle).ravel()
        return np.asarray(np.interp((np.arange(number) + 0.5) / number, share, dates))

    def ends(self, at: float, drop: float) -> tuple[float | None, float | None]:
        """Of one series: the first and the last date whose likelihood is less than `drop` below that of `at`."""
        parts = (np.arange(PARTS + 1)) / PARTS
        likelihood = np.stack([self.of(np.full(self.counts.shape, part))[0] for part in parts], 1).ravel()
        dates = (self.places[:, None] + parts).ravel()
        goal = float(self.at(at)[0]) - drop
        dates, likelihood = np.append(dates, at), np.append(likelihood, goal + drop)
        order = np.argsort(dates, kind="stable")
        dates, inside = dates[order], likelihood[order] >= goal
        first, last = (int(each) for each in np.flatnonzero(inside)[[0, -1]])
        low = None if first == 0 else self._between(float(dates[first - 1]), float(dates[first]), goal)
        high = None if last == len(dates) - 1 else self._between(float(dates[last + 1]), float(dates[last]), goal)
        return low, high

    def _between(self, outside: float, inside: float, goal: float) -> float:
        if int(outside) != int(inside) and inside != int(inside) and outside != int(outside):
            return inside
        place = int(min(outside, inside))
        for _ in range(HALVINGS):
            middle = (outside + inside) / 2
            part = np.full(self.counts.shape, middle - place)
            is_inside = self.of(part)[0, place - int(self.places[0])] >= goal
            outside, inside = (outside, middle) if is_inside else (middle, inside)
        return inside
