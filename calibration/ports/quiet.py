"""False alarms: ports that the analysis `ports` names where no level changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from calibration.ports.traffic import DAYS, Array, bins, named
from calibration.table import table

Generator = np.random.Generator
SEEN = 250
"""Ports to which packets come, of the 131,072 that are tested: so few that 200 runs take some minutes. The others
aren't drawn: nothing comes to them, and nothing can be named."""
SEEDS = 200


def rates(rng: Generator) -> Array:
    """Sources a day by port: most are rare."""
    return np.exp(rng.normal(0, 1.5, (SEEN, 1)))


def steady(rng: Generator) -> tuple[Array, Array]:
    """Packets and sources that come evenly."""
    sources = rng.poisson(rates(rng) * np.ones((SEEN, DAYS)))
    return sources + rng.poisson(sources * 1.0), sources


def bursty(rng: Generator) -> tuple[Array, Array]:
    """Days whose variance is many times the mean; and on one day of a hundred one source that sends thousands."""
    even = rng.gamma(1, 1, (SEEN, DAYS))
    sources = rng.poisson(rates(rng) * even)
    flood = rng.random((SEEN, DAYS)) < 0.01
    packets = sources + rng.poisson(sources * 2.0) + np.where(flood, rng.integers(100, 10_000, (SEEN, DAYS)), 0)
    return packets, sources + flood


def weekly(rng: Generator) -> tuple[Array, Array]:
    """On two days of seven, a third."""
    day = np.where(np.arange(DAYS) % 7 < 5, 1.0, 1 / 3)
    sources = rng.poisson(rates(rng) * day * 5)
    return sources + rng.poisson(sources * 1.0), sources


def heavy(rng: Generator) -> tuple[Array, Array]:
    """Each source sends so many packets that their mean has no variance (Pareto, 1.2)."""
    sources = rng.poisson(rates(rng) * np.ones((SEEN, DAYS)))
    packets = sources + np.minimum(rng.pareto(1.2, sources.shape) * sources * 10, 1e6).astype(np.int64)
    return packets, sources


CASES: Mapping[str, Callable[[Generator], tuple[Array, Array]]] = {
    "even": steady,
    "bursty days, and one source's thousands": bursty,
    "a third on two days of seven": weekly,
    "packets of a source by Pareto's law": heavy,
}


def run(name: str, seed: int) -> int:
    """Ports named in one run of a case."""
    packets, sources = CASES[name](np.random.default_rng(seed))
    return len(named(bins(1.0), packets, sources))


def text(outcomes: Mapping[str, Sequence[int]]) -> str:
    """The table."""
    rows = [
        [name, str(len(found)), str(sum(each > 0 for each in found)), str(sum(found))]
        for name, found in outcomes.items()
    ]
    return table(("packets of quiet ports", "runs", "runs that name a port", "ports named"), rows)
