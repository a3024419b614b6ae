"""Whether a payload appeared: its level rose from nothing, or hardly anything.

If it had come all the time at one level, the exposure before its first arrival would be without any by chance only: of
n arrivals at random moments none came before with the probability (1 - share of the exposure before)^n, the exact
conditional test of two Poisson rates (Przyborowski and Wilenski, Biometrika 31, 1940). Arrivals come in clusters, so
that n is of clusters, and never more than there are distinct sources.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
HARDLY = 0.05
"""The level before by that afterwards, at most."""
PERHAPS, SEPARATE = 5.0, 20.0
"""Arrivals expected at the level just after in the silence before, from which on what came earlier may be apart, and
is: of payloads that doubled in 12 hours and came once in two hours at first, 8 arrivals parted the first ones of one in
ten."""
EARLY = 6
"""Arrivals that tell the level just after a begin; of fewer, none before is a stray."""
LEAST_BINS = 3
"""In which it came: a burst is no level."""
LIFE = 0.9
"""Share of arrivals: after it a payload may be on its way out."""
AGAIN = 3.0


class Rise(NamedTuple):
    """`p`: of the test; `bin`: in which it began to come; `latest`: the bin in which it may have begun, too, if what
    came in between are strays; `earlier`: arrivals before `bin`."""

    p: float
    bin: int
    latest: int
    earlier: float


NONE = Rise(1.0, 0, 0, 0.0)


def rise(arrivals: Array, exposure: Array, begin: float, sources: float) -> Rise:
    """Of arrivals by bin, float64 (n,), and the exposure of each. `begin`: share of the first arrival's bin that was
    before it; `sources`: distinct ones."""
    came = np.flatnonzero(arrivals > 0)
    total = float(exposure.sum())
    if len(came) < LEAST_BINS or total <= 0:
        return NONE
    first = int(came[0])
    before = np.concatenate([[0.0], np.cumsum(exposure)[:-1]])
    sum_before = np.concatenate([[0.0], np.cumsum(arrivals)[:-1]])
    number = float(arrivals.sum())
    size = min(number / dispersion(arrivals[first:], exposure[first:]), sources)
    silent = before[first] + begin * exposure[first]
    if silent <= 0:
        return NONE
    p = float((1 - silent / total) ** size)
    at, latest = _apart(arrivals, exposure, before, came)
    if number - sum_before[at] < EARLY:  # too few to be a level beside which earlier ones are strays
        at = latest = first
    if at == first:
        return Rise(p if _is_new(arrivals, exposure, first, silent, 0.0) else 1.0, first, latest, 0.0)
    earlier, length = float(sum_before[at]), float(before[at])
    later = _chance(earlier * size / number, size, length / total) * len(arrivals)
    if not _is_new(arrivals, exposure, at, length, earlier):
        return NONE
    return Rise(min(1.0, 2 * min(p, later)), at, latest, earlier)


def dispersion(arrivals: Array, exposure: Array) -> float:
    """Variance by mean of arrivals, from differences of neighbours, so that trends don't count (von Neumann, Ann. Math.
    Stat. 12, 1941); 1 at least."""
    whole = exposure > 0
    arrivals, exposure = arrivals[whole], exposure[whole]
    if len(arrivals) < 2:
        return 1.0
    rate, inverse = arrivals / exposure, 1 / exposure
    squares = np.diff(rate) ** 2 / (inverse[1:] + inverse[:-1])
    means = (arrivals[1:] + arrivals[:-1]) / (exposure[1:] + exposure[:-1])
    return max(1.0, float(squares.sum() / means.sum())) if means.sum() > 0 else 1.0


def _chance(earlier: float, size: float, share: float) -> float:
    """Of so few or fewer of `size` arrivals in a share of the exposure: the binomial distribution."""
    from scipy.special import betainc

    if share >= 1:
        return 1.0
    return float(betainc(max(size - earlier, 1e-9), earlier + 1, 1 - share))


def early(arrivals: Array, exposure: Array, at: int, begin: float = 0.0, known: float = 0.0) -> tuple[float, float]:
    """How many came just after a begin in bin `at`, and the exposure until then. `begin`: share of that bin before it;
    `known`: arrivals that aren't counted: the first."""
    number, length = 0.0, 0.0
    for place in range(at, len(arrivals)):
        number += arrivals[place] - (known if place == at else 0.0)
        length += exposure[place] * (1 - begin if place == at else 1.0)
        if number >= EARLY:
            break
    return number, length


def _apart(arrivals: Array, exposure: Array, before: Array, came: Array) -> tuple[int, int]:
    """The bin in which the level rose: where the longest silence, as measured by the level just after it, ends, if so
    few came before that they are strays; else that of the first arrival. And the same of shorter silences."""
    ends, longest = [int(came[0])] * 2, [SEPARATE, PERHAPS]
    sofar = np.cumsum(arrivals[came])[:-1]
    level = (arrivals.sum() - sofar) / np.maximum(exposure.sum() - before[came[1:]], 1e-12)
    for place in np.flatnonzero(sofar <= HARDLY * level * before[came[1:]]):
        last, at = came[place], came[place + 1]
        silence = float(before[at] - before[last] - exposure[last])
        number, length = early(arrivals, exposure, int(at))
        expected = silence * number / length if length > 0 else 0.0
        for kind in range(2):
            if expected > longest[kind]:
                ends[kind], longest[kind] = int(at), expected
    return ends[0], ends[1]


def _is_new(arrivals: Array, exposure: Array, at: int, length: float, earlier: float) -> bool:
    """Whether no time came again that was as quiet as that before: else it is one that comes and goes, by day only or
    now and then. Looked at is its life, until most had come."""
    ends = np.cumsum(exposure)
    sums = np.concatenate([[0.0], np.cumsum(arrivals)])
    stop = int(np.searchsorted(sums, sums[at] + LIFE * (sums[-1] - sums[at])))
    begins = np.concatenate([[0.0], ends])[at:stop]
    # the bin before whose end a window of that length ends, for each that begins with a bin
    last = np.searchsorted(ends, begins + length * (1 - 1e-9))
    inside = last < stop
    if not inside.any():
        return True
    fewest = float((sums[last[inside] + 1] - sums[at:stop][inside]).min())
    return fewest >= AGAIN + 4 * earlier
