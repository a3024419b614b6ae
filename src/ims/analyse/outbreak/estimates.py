"""The estimates of an outbreak: of a law that is fitted to sources by time, and of how often a host is seen again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ims.analyse.likelihood import Problem
from ims.analyse.outbreak.epidemic_curve import Bins, Of
from ims.analyse.outbreak.fit import law_of, refitted
from ims.analyse.outbreak.law import Law, Nothing
from ims.analyse.outbreak.rest import asleep_of
from ims.analyse.outbreak.variance import ends, excess
from ims.analyse.outbreak.visits import Visits, Windows, visits_of

Array = np.ndarray[Any, Any]
ROUNDS = 3
"""Of law and visits in turn."""
MOST_VISITS = 20.0
"""In a bin, of hosts that are all seen in each."""
FEW = 0.2
"""Share of what is seen that may stay, for the outbreak's hosts to be most of the sources."""
RESOLVED = math.log(10)
"""Ends of which one is ten times the other say nothing."""
FEWEST_HOSTS = 8
"""Of an outbreak. A few that come and go do so by no law."""
WIDER = 0.6
"""A wider width must make an interval (of a logarithm) narrower than by this factor to be used."""


class Range(NamedTuple):
    """A value and the ends of its interval; None: that end isn't bounded."""

    value: float
    low: float | None
    high: float | None

    @property
    def is_resolved(self) -> bool:
        """Of a logarithm, whether both ends are bounded, and the upper one isn't too many times the lower one."""
        return self.low is not None and self.high is not None and self.high - self.low < RESOLVED

    def through(self, function: Callable[[float], float]) -> Range:
        """Of a function that grows, or falls, with the value."""
        ends = [None if end is None else function(end) for end in (self.low, self.high)]
        low, high = ends if function(0.0) < function(1.0) else ends[::-1]
        return Range(function(self.value), low, high)


@dataclass(frozen=True)
class Outbreak:
    """What is known of an outbreak: its law, how often a host comes, by what factor sources vary more than by
    chance, whether any wider bin was watched evenly, and intervals; hours, and by the hour. None: it
    can't be told. `growth` and `sources` are hosts, which aren't known without `visits`."""

    law: Law
    visits: Visits | None
    excess: float = 1.0
    has_windows: bool = False
    doubling: Range | None = None
    half_life: Range | None = None
    decline: Range | None = None
    growth: Range | None = None
    sources: Range | None = None


def outbreak_of(
    bins: Bins, counts: Array, windows: Sequence[Windows] = (), noise: Array | float = 0.0
) -> Outbreak | Nothing:
    """What sources by time tell of an outbreak, or why there is none. `windows`: the same sources in wider bins."""
    law = law_of(bins, counts, noise)
    if isinstance(law, Nothing):
        return law
    visits = None
    others = max((each.others(law.begin_of_growth()) for each in windows), default=0.0)
    for _ in range(ROUNDS):
        found = _visits(law, windows, others)
        if found is None:
            break
        visits = found
        law = refitted(law, _often(visits), others, asleep_of(law, windows, visits))
    outbreak = _estimated(law, visits)
    even = any(each.whole.any() for each in windows)
    return outbreak if isinstance(outbreak, Nothing) else replace(outbreak, has_windows=even)


def _visits(law: Law, windows: Sequence[Windows], others: float) -> Visits | None:
    """How often a host comes, by the narrowest width that tells nearly as well as any: in a shorter time fewer hosts
    are cleaned or switched off. While many of the sources are of the rest, that keeps hours, it isn't asked."""
    phase = (law.begin_of_growth(), min(law.end_of_decay(FEW), float(law.bins.end[-1])))
    found = [visits for each in windows if (visits := visits_of(each, law.parameters, phase, others)) is not None]
    least = min((visits.spread for visits in found), default=0)
    return next((visits for visits in found if visits.spread**WIDER <= least), None)


def _often(visits: Visits) -> float:
    """Visits for a fit. Where they have no upper end, the time to a host's first one is as likely any from none to that
    of the lower end."""
    return min(visits.value if visits.high < math.inf else 2 * visits.low, MOST_VISITS)


def _estimated(law: Law, visits: Visits | None) -> Outbreak | Nothing:
    factor = excess(law)
    others = (
        [refitted(law, min(each, MOST_VISITS), law.bins.whole_before) for each in visits[1:]]
        if visits is not None
        else []
    )
    rate = _interval(law, factor, others, Of.GROWTH) if law.has_growth else None
    cleaning = _interval(law, factor, others, Of.CLEANING) if law.has_decline else None
    found = Outbreak(law, visits, factor)
    if cleaning is not None and cleaning.is_resolved:
        found = replace(found, half_life=cleaning.through(_halving))
        if law.has_growth:
            found = replace(found, decline=_interval(law, factor, others, Of.DECLINE))
    if rate is not None and rate.is_resolved:
        found = replace(found, doubling=rate.through(_halving))
        if visits is not None:
            growth = _interval(law, factor, others, Of.PEAK, by_growth=True)
            found = replace(found, growth=growth.through(math.exp))
    if found.doubling is None and found.half_life is None:
        return Nothing(
            "neither growth nor decline is resolved by these bins and sources, so nothing is estimated: a narrower "
            "--bin, or a longer time, may tell more"
        )
    if visits is not None:
        found = replace(found, sources=_interval(law, factor, others, Of.PEAK).through(math.exp))
    if found.sources is not None and found.sources.value < FEWEST_HOSTS:
        return Nothing(
            f"these are {found.sources.value:.1f} hosts at a time, which come and go: too few for an outbreak"
        )
    return found


def _halving(rate: float) -> float:
    return math.log(2) / math.exp(rate)


def _interval(law: Law, factor: float, others: Sequence[Law], index: Of, by_growth: bool = False) -> Range:
    """Of a parameter; the peak is in hosts, its logarithm. The ends are those of the profile and of the laws with other
    visits together: two independent errors, whose squares add."""
    problem, best = (law.problem, law.parameters) if not by_growth else _by_growth(law)
    reached = ends(law, factor, (problem, index, best))
    value = _value(law, index, by_growth)
    moves = [_value(other, index, by_growth) - value for other in others]
    further = [max([0.0, *(sign * move for move in moves)]) for sign in (-1, 1)]
    low, high = (
        None if end is None else value + sign * math.hypot(end - best[index], away)
        for sign, end, away in zip((-1, 1), reached, further, strict=True)
    )
    return Range(value, low, high)


def _value(law: Law, index: Of, by_growth: bool) -> float:
    value = float(law.parameters[index])
    if index == Of.PEAK:
        value -= math.log(law.bins.chance)
    return value + (float(_steepness(law.parameters[None])[0]) if by_growth else 0.0)


def _steepness(parameters: Array) -> Array:
    """The logarithm of the logistic's steepest growth, r K / 4, by the hosts at the decline, float64 (m,)."""
    reached = -np.log1p(np.exp(-parameters[:, Of.SATURATION]))
    return np.asarray(parameters[:, Of.GROWTH] - reached - math.log(4))


def _by_growth(law: Law) -> tuple[Problem, Array]:
    """The problem with the steepest growth in the place of the peak, and the best fit in its terms."""

    def expected(parameters: Array) -> Array:
        moved = parameters.copy()
        moved[:, Of.PEAK] -= _steepness(parameters)
        return law.bins.expected(moved)

    best, low, high = law.parameters.copy(), law.problem.low.copy(), law.problem.high.copy()
    best[Of.PEAK] += _steepness(best[None])[0]
    low[Of.PEAK], high[Of.PEAK] = low[Of.PEAK] - 12, high[Of.PEAK] + 12
    return replace(law.problem, expected=expected, low=low, high=high), best
