"""How often a host visits a darknet, from how often the same source is seen again.

Sources that are seen in several of the narrow bins of a wide one count once in the wide one. How many fewer they are
there says how likely a host is to be seen again, and so how likely it is to be seen at all: capture and recapture
(Otis, Burnham, White and Anderson, Wildlife Monographs 62, 1978, model M0: all hosts alike), for hosts that come and go
by a known law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ims.analyse.outbreak.epidemic_curve import Bins, Of
from ims.analyse.question import LEVEL

Array = np.ndarray[Any, Any]
GRID = np.geomspace(1e-7, 30, 200)
"""Visits in a whole narrow bin that are tried. Of 30 of a bin, all hosts are seen."""
MISSED = 0.001
"""Half an interval of the share of repeats, for what the law leaves out: when in the day hosts that stay are switched
on, and how many always are. It matters where nearly all hosts are seen."""
EVEN = 0.9
"""Of a wide bin's mean, how much must be watched in each of its narrow ones."""
WIDEST = 5.0
"""Where the upper end of the chance is more than so many times the lower one, it isn't known: of seven repeats."""


@dataclass(frozen=True)
class Windows:
    """Wide bins, and the narrow ones inside them: which one each is in (`inside`, int64); distinct sources of each wide
    one, and the sum of those of its narrow ones, float64; `times`: how many narrow ones a whole wide one has; `whole`:
    in which about as much was watched all the time, bool. In the others hosts come and go that can't be seen."""

    narrow: Bins
    wide: Bins
    inside: Array
    sources: Array
    summed: Array
    times: int
    whole: Array

    def before(self, until: float) -> Array:
        """Wide bins that end before a time, bool."""
        return np.asarray((self.wide.end <= until) & self.whole)

    def others(self, until: float, more: float = 0.0) -> float:
        """Visits in a whole narrow bin of a source that isn't the outbreak's, which began at `until`; 0: not known.
        `more`: repeats beside those that were seen."""
        chosen = self.before(until)
        summed = self.summed[chosen].sum()
        if not summed:
            return 0.0
        repeats = summed - self.sources[chosen].sum() + more
        return static(repeats / summed, self.times)


def static(share: float, times: int) -> float:
    """Visits in a whole narrow bin of a source that comes all the time, by the share of repeats in so many together."""
    return float(np.interp(share, 1 - -np.expm1(-GRID * times) / (-np.expm1(-GRID) * times), GRID))


def windows_of(narrow: Bins, sources: Array, times: int, begin: Array, wide: Array, counts: Array) -> Windows:
    """Of narrow bins with their sources and the begin of the wide bin that each is in; and of wide ones, their begins
    and sources. All hours."""
    begins, inside = np.unique(begin, return_inverse=True)
    width = float((narrow.end - narrow.begin)[0]) * times
    place = np.searchsorted(wide, begins - width / 1e6)
    found = place < len(wide)
    found[found] = np.abs(wide[place[found]] - begins[found]) < width / 1e6
    found[found] = ~np.isnan(counts[place[found]])
    whole = np.where(found, counts[np.minimum(place, len(counts) - 1)], 0.0) if len(counts) else np.zeros(len(begins))
    share, least = np.bincount(inside, narrow.share) / times, np.full(len(begins), np.inf)
    np.minimum.at(least, inside, narrow.share)
    even = found & (np.bincount(inside) == times) & (least >= EVEN * share)
    bins = Bins(begins, begins + width, share)
    return Windows(narrow, bins, inside, whole, np.bincount(inside, sources), times, even)


class Visits(NamedTuple):
    """Visits of an active host in a whole narrow bin, and the interval; inf: so many that all hosts are seen."""

    value: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """How many times the lower end of the chance the upper one is."""
        return chance(self.high) / chance(self.low) if self.low > 0 else math.inf


def chance(visits: float) -> float:
    """Of a host to be seen, by the number of visits."""
    return -math.expm1(-visits)


def visits_of(windows: Windows, parameters: Array, phase: tuple[float, float], others: float = 0.0) -> Visits | None:
    """The visits of a host in a narrow bin, from the wide ones that overlap a time of the outbreak (hours), by the law
    with these parameters (13,). `others`: visits of a source that isn't the outbreak's, for where these windows don't
    tell them. None where nobody came again, or too few did."""
    chosen = windows.whole & (windows.wide.end > phase[0]) & (windows.wide.begin < phase[1])
    inside = chosen[windows.inside]
    sources, summed, variance = _without_others(windows, parameters, phase[0], others, chosen, inside)
    repeats = summed - sources
    if summed <= 0 or repeats <= 0:
        return None
    shares = np.array([_again(windows, parameters, visits, chosen, inside) for visits in GRID])
    share = repeats / summed
    value = float(np.interp(share, shares, GRID))
    variance += summed * _of_lives(windows.times, value, share)
    low, high = _ends(repeats * repeats / max(variance, 1e-9))
    ends = [share * (1 + math.copysign(math.hypot(each - 1, MISSED), each - 1)) for each in (low, high)]
    below, above = (float(np.interp(end, shares, GRID, left=0.0, right=np.inf)) for end in ends)
    found = Visits(math.inf if share >= shares[-1] else value, below, above)
    return found if found.low < math.inf and found.spread <= WIDEST else None


def _without_others(
    windows: Windows, parameters: Array, until: float, visits: float, chosen: Array, inside: Array
) -> tuple[float, float, float]:
    """The sources of wide bins and the sum of those of their narrow ones, without sources that aren't the outbreak's;
    and the variance of repeats that these leave behind."""
    share, before, times = windows.narrow.share, windows.before(until), windows.times
    sources, summed = float(windows.sources[chosen].sum()), float(windows.summed[chosen].sum())
    visits = max(windows.others(until) if before.any() else visits, GRID[0])
    if before.any():
        earlier = before[windows.inside]
        seen = float(windows.summed[before].sum())
        number = seen / -np.expm1(-visits * share[earlier]).sum()
        again = max(seen - float(windows.sources[before].sum()), 0.0)
        most, weight = windows.others(until, 1 + math.sqrt(again)), share[inside].sum() / share[earlier].sum()
    else:
        number = math.exp(parameters[Of.BEFORE]) / chance(visits)
        most, weight = visits, 1.0
    all_summed = float(number * -np.expm1(-visits * share[inside]).sum())
    all_sources = float(number * -np.expm1(-visits * times * windows.wide.share[chosen]).sum())
    variance = all_summed * max(_variance(times, each, 0.0) for each in (visits, most)) * (1 + weight)
    if not before.any() and visits == GRID[0]:  # they came again never, or in each narrow bin
        unknown = all_summed * (1 - 1 / times)
        all_sources, variance = all_sources - unknown / 2, variance + (unknown / 4) ** 2
    return sources - all_sources, summed - all_summed, variance


def _again(windows: Windows, parameters: Array, visits: float, chosen: Array, inside: Array) -> float:
    """The share of what is seen in narrow bins that is expected not to count in wide ones."""
    row = parameters[None]
    narrow = Bins(windows.narrow.begin, windows.narrow.end, windows.narrow.share, visits).at(inside)
    wide = Bins(
        windows.wide.begin, windows.wide.end, windows.wide.share, visits * windows.times, times=windows.times
    ).at(chosen)
    return float(1 - wide.seen(row).sum() / narrow.seen(row).sum())


def _variance(times: int, visits: float, share: float) -> float:
    """Variance of the repeats, by what is seen in narrow bins: of X, the narrow bins of a wide one in which a host is
    seen, which is binomial, and X - 1 repeats where it is any, less `share` X."""
    seen = chance(max(visits, GRID[0]))
    missed = (1 - seen) ** times
    mean, each = times * seen, times * seen * (1 - seen)
    both = mean * missed
    repeats = each - 2 * both + missed * (1 - missed)
    return max(repeats - 2 * share * (each - both) + share * share * each, 0.0) / mean


def _of_lives(times: int, visits: float, share: float) -> float:
    """The same of the outbreak's hosts, which come and go: of those that are there all the time it is the binomial one;
    of those that last for some narrow bins, X is geometric, and the variance share (1 - share). By how many repeats are
    missing to those of hosts that are there all the time, it is between them."""
    whole = times * chance(max(visits, GRID[0]))
    there = min(share / (1 + math.expm1(-times * visits) / whole), 1.0) if visits > GRID[0] else 1.0
    return there * _variance(times, static(share, times), share) + (1 - there) * share * (1 - share)


def _ends(count: float) -> tuple[float, float]:
    """Ends of the interval of a Poisson count, by the count (Garwood, Biometrika 28, 1936)."""
    from scipy.special import gammaincinv

    tail = (1 - LEVEL) / 2
    return float(gammaincinv(count, tail)) / count, float(gammaincinv(count + 1, 1 - tail)) / count
