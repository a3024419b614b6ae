"""How many distinct sources of an outbreak a darknet expects in each bin: a law of growth, decline and rest, and the
chance of seeing a host.

* Hosts grow by the logistic law up to the decline (Staniford, Paxson and Weaver, USENIX Security 2002, section 2); from
  then on they are cleaned at a constant rate, but for a rest that stays, whose level may follow the hour of the day
  (paper, section 3.2, Figures 9 and 10).
* An active host visits the darknet at random moments, `visits` times in a bin on average. Of hosts that are active for
  a part of a bin, fewer are seen: of N(t) growing hosts, the integral of N(t) v exp(-v (end - t)) over the bin, which
  integration by parts gives of the chance 1 - exp(-v (end - t)) of one that is infected at t; of cleaned hosts the same
  from the begin on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2
_DAY = 2 * np.pi / 24
_HOURS = np.arange(24.0)[None, :, None]
LEAST = 1e-9


class Of(IntEnum):
    """Where each parameter stands. Times are hours since the range's begin, rates by the hour, logarithms natural."""

    BEFORE = 0
    """log of the sources in a whole bin that aren't the outbreak's"""
    PEAK = 1
    """log of the outbreak's sources in a whole bin, if as many hosts as at the decline were active all the time"""
    GROWTH = 2
    """log of the logistic's r"""
    SATURATION = 3
    """logit of the share of the logistic's limit that is reached at the decline"""
    DECLINE = 4
    """when growth ends and cleaning begins"""
    CLEANING = 5
    """log of the rate at which hosts are cleaned"""
    REST = 6
    """log of the share that is never cleaned"""
    COSINE = 7
    SINE = 8
    COSINE_2 = 9
    SINE_2 = 10
    """of the logarithm of the rest's level, over the day and over half of it"""
    ONSET = 11
    """before which there were none"""
    LOST = 12
    """share of the hosts that fall silent at the decline at once: those that stay may be switched off by night then"""


@dataclass(frozen=True)
class Bins:
    """Bins in the order of time, float64 (n,) each: begin and end in hours, the darknet's watched address-seconds as a
    share of a whole bin's, and the visits of an active host in them. `whole`: its visits in a whole bin;
    `whole_before`: those of a source that isn't the outbreak's; `times`: how many narrow ones a wide bin has, in which
    other hosts of those that stay are switched on than those of the first."""

    begin: Array
    end: Array
    share: Array
    whole: float = LEAST
    whole_before: float = LEAST
    times: int = 1

    @property
    def width(self) -> float:
        """Of a bin, hours."""
        return float(np.median(self.end - self.begin))

    @property
    def chance(self) -> float:
        """Of seeing an active host in a whole bin."""
        return float(-np.expm1(-max(self.whole, LEAST)))

    def at(self, chosen: Array) -> Bins:
        """Some of them."""
        return Bins(self.begin[chosen], self.end[chosen], self.share[chosen], self.whole, self.whole_before, self.times)

    def before(self, parameters: Array) -> Array:
        """Expected sources that aren't the outbreak's, float64 (m, n)."""
        whole = max(self.whole_before, LEAST)
        share = np.expm1(-whole * self.share) / np.expm1(-whole)
        return np.asarray(np.exp(parameters[:, Of.BEFORE, None]) * share)

    def seen(self, parameters: Array) -> Array:
        """Expected sources of the outbreak for each host that is active at the decline, float64 (m, n), for parameters
        (m, 13)."""
        decline, onset = parameters[:, Of.DECLINE, None], parameters[:, Of.ONSET, None]
        rate = max(self.whole, LEAST) * np.maximum(self.share, LEAST) / (self.end - self.begin)
        up, down = np.zeros((2, len(parameters), len(self.begin)))
        some = self.begin < decline.max()  # of the others, nothing is computed: half of the time
        turn = np.clip(decline, self.begin[some], self.end[some])
        growing, ago = _weighted(rate[some], turn - np.clip(onset, self.begin[some], turn))
        up[:, some] = growing * (growth(parameters, turn[..., None] - ago) @ _WEIGHTS)
        some = self.end > decline.min()
        turn = np.clip(decline, self.begin[some], self.end[some])
        falling, after = _weighted(rate[some], self.end[some] - turn)
        down[:, some] = falling * (_cleaned(parameters, turn[..., None] + after) @ _WEIGHTS)
        down[:, some] += _staying(parameters, turn, self.end[some], rate[some], 1 - 1 / self.times)
        return np.asarray(up + down - up * down)

    def outbreak(self, parameters: Array) -> Array:
        """Expected sources of the outbreak, float64 (m, n)."""
        return np.asarray(np.exp(parameters[:, Of.PEAK, None]) / self.chance * self.seen(parameters))

    def expected(self, parameters: Array) -> Array:
        """Expected sources in all."""
        return self.before(parameters) + self.outbreak(parameters)


def _weighted(rate: Array, span: Array) -> tuple[Array, Array]:
    """The chance of a visit within a time, and nodes (…, 6) of the moments at which it comes, for an integral."""
    chance = -np.expm1(-rate * span)
    return chance, -np.log1p(-_NODES * chance[..., None]) / rate[..., None]


def growth(parameters: Array, at: Array) -> Array:
    """Hosts by those at the decline, at times (m, ...) before it, for parameters (m, 13)."""
    rate, saturation, decline = (parameters[:, index, None, None] for index in (Of.GROWTH, Of.SATURATION, Of.DECLINE))
    reached = 1 / (1 + np.exp(-saturation))
    return np.asarray(1 / (reached + (1 - reached) * np.exp(np.minimum(np.exp(rate) * (decline - at), 700))))


def _cleaned(parameters: Array, at: Array) -> Array:
    """Hosts that are cleaned some time, by those at the decline, at times after it."""
    share = np.maximum(1 - np.exp(parameters[:, Of.REST]) - parameters[:, Of.LOST], 0)[:, None, None]
    rate, decline = np.exp(parameters[:, Of.CLEANING, None, None]), parameters[:, Of.DECLINE, None, None]
    return np.asarray(share * np.exp(-rate * np.maximum(at - decline, 0)))


def _staying(parameters: Array, begin: Array, end: Array, rate: Array, more: float) -> Array:
    """Hosts seen of those that stay, by all at the decline, from times (m, n) on to ends (n,), for visits by the hour
    (n,). By day and night others of them are switched on. The level is of those that are on in a narrow bin; in so much
    of a wide one as is `more` than one of these, others come, at any hour of a day alike, but for those that are always
    on: between none and all that are on at the hour at which fewest are, so half of these."""
    rest, span = np.exp(parameters[:, Of.REST, None]), end - begin
    if not parameters[:, Of.COSINE : Of.SINE_2 + 1].any():
        return np.asarray(rest * -np.expm1(-rate * span))
    level = rest * (_day(parameters, begin[..., None] + span[..., None] * _NODES) @ _WEIGHTS)
    if not more:
        return np.asarray(level * -np.expm1(-rate * span))
    hosts = np.maximum(rest + parameters[:, Of.LOST, None], level)
    always = rest / 2 * _day(parameters, _HOURS).min((1, 2))[:, None]
    there = np.minimum(level + np.maximum(hosts - always, 0) * more * span / 24, hosts)
    return np.asarray(there * -np.expm1(-rate * span * level / there))


def _day(parameters: Array, at: Array) -> Array:
    """The rest's level at times (m, ...) by its usual one."""
    waves = parameters[:, Of.COSINE : Of.SINE_2 + 1, None, None]
    cosine, sine = np.cos(_DAY * at), np.sin(_DAY * at)
    day = waves[:, 0] * cosine + waves[:, 1] * sine
    day += waves[:, 2] * (2 * cosine**2 - 1) + waves[:, 3] * (2 * sine * cosine)
    return np.asarray(np.exp(np.clip(day, -5, 5)))
