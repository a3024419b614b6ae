"""What isn't a level that changed and looks like one, and what befalls a darknet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from calibration.ports.traffic import DAYS, Array, bins, named
from calibration.table import table
from ims.analyse.ports.counts import Bins

Generator = np.random.Generator
PORTS = 2000
SEEDS = 20
Quiet = tuple[Bins, Array, Array]


def _quiet(rng: Generator, slash24s: Array | float = 1.0, watched: Array | None = None) -> Quiet:
    """Ports with 1 to 100 sources a day, each of which sends three packets, as a darknet of this size counts them."""
    share = np.ones(DAYS) if watched is None else watched
    rate = np.exp(rng.uniform(0, np.log(100), (PORTS, 1))) * share * slash24s
    sources = rng.poisson(rate)
    days = bins(slash24s, watched)
    kept = share * slash24s > 0
    return days, (sources + rng.poisson(sources * 2.0))[:, kept], sources[:, kept]


def gap(rng: Generator) -> Quiet:
    return _quiet(rng, watched=np.where((np.arange(DAYS) >= 60) & (np.arange(DAYS) < 66), 0.0, 1.0))


def joined(rng: Generator) -> Quiet:
    return _quiet(rng, np.where(np.arange(DAYS) < 70, 1.0, 16.0))


def lost(rng: Generator) -> Quiet:
    """Half of the packets of one hour, which nobody knows."""
    days, packets, sources = _quiet(rng)
    packets[:, 80] = rng.binomial(packets[:, 80], 1 - 0.5 / 24)
    return days, packets, sources


def clock(rng: Generator) -> Quiet:
    """Set back by an hour on a day, and set forward by two on the next."""
    days, packets, sources = _quiet(rng)
    packets[:, 80] += rng.binomial(packets[:, 80], 1 / 24)
    packets[:, 81] = rng.binomial(packets[:, 81], 23 / 24)
    return days, packets, sources


def one_source(rng: Generator) -> Quiet:
    """2,000 packets a day from one host for forty days, to each of ten ports."""
    days, packets, sources = _quiet(rng)
    packets[:10, 50:90] += rng.poisson(2000, (10, 40))
    sources[:10, 50:90] += 1
    return days, packets, sources


def flood(rng: Generator) -> Quiet:
    """A day's flood with 50,000 forged sources, to each of ten ports."""
    days, packets, sources = _quiet(rng)
    packets[:10, 75] += 50_000
    sources[:10, 75] += 50_000
    return days, packets, sources


def two_days(rng: Generator) -> Quiet:
    """The same over midnight: two days."""
    days, packets, sources = _quiet(rng)
    packets[:10, 75:77] += 25_000
    sources[:10, 75:77] += 25_000
    return days, packets, sources


CASES: Mapping[str, Callable[[Generator], Quiet]] = {
    "no disturbance": _quiet,
    "a gap of six days": gap,
    "a /24, from the 70th day on a /20": joined,
    "half of an hour's packets lost": lost,
    "an hour twice, and two hours missing": clock,
    "one source, 2,000 packets a day for 40 days": one_source,
    "a flood of a day, 50,000 forged sources": flood,
    "a flood over midnight, 50,000 forged sources": two_days,
}


def run(name: str, seed: int) -> int:
    """Ports named in one run of a case."""
    return len(named(*CASES[name](np.random.default_rng(seed))))


def text(outcomes: Mapping[str, Sequence[int]]) -> str:
    """The table."""
    rows = [
        [name, str(len(found)), str(sum(each > 0 for each in found)), str(sum(found))]
        for name, found in outcomes.items()
    ]
    return table((f"{PORTS:,} quiet ports, and", "runs", "runs that name a port", "ports named"), rows)
