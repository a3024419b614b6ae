"""False alarms: payloads that the analysis `signature` says appeared where none did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from calibration.signature.counts import Visits, by_rates
from calibration.sources import flood, scan, wandering
from calibration.table import table
from calibration.watch import WEEK, Watch
from ims.analyse.signature.analysis import model

PAYLOADS = 40
"""Of each run."""
Fill = Callable[[np.random.Generator, Visits], None]


def steady(rng: np.random.Generator, visits: Visits) -> None:
    """From one in five days to 50 an hour."""
    for rate in np.geomspace(0.008, 50, PAYLOADS):
        by_rates(rng, np.full(visits.watch.hours, rate), visits)


def seldom(rng: np.random.Generator, visits: Visits) -> None:
    """Ten in a week or so."""
    for _ in range(PAYLOADS):
        by_rates(rng, np.full(visits.watch.hours, 10 / visits.watch.hours), visits)


def by_day(rng: np.random.Generator, visits: Visits) -> None:
    """From 8 to 20 o'clock alone: the watch begins at midnight."""
    hour = np.arange(visits.watch.hours) % 24
    for rate in np.geomspace(0.3, 50, PAYLOADS):
        by_rates(rng, np.where((hour >= 8) & (hour < 20), rate, 0.0), visits)


def uneven(rng: np.random.Generator, visits: Visits) -> None:
    """Rates that wander by a factor of two and more."""
    for rate in np.geomspace(0.1, 50, PAYLOADS):
        by_rates(rng, wandering(rng, rate, visits.watch.hours, 0.95, 0.8), visits)


def in_turns(rng: np.random.Generator, visits: Visits) -> None:
    """Sources that come for a few hours each, at any time, and then no more."""
    for sources in np.geomspace(5, 200, PAYLOADS).astype(np.int64):
        number = rng.poisson(20, sources)
        source = np.repeat(np.arange(sources), number)
        begin = rng.uniform(-6, visits.watch.hours, sources)
        at = begin[source] + rng.uniform(0, 6, len(source))
        inside = (at >= 0) & (at < visits.watch.hours)
        visits.add(rng, source[inside], at[inside])


def ending(rng: np.random.Generator, visits: Visits) -> None:
    """There at the beginning, and no more after some days."""
    for rate in np.geomspace(0.1, 50, PAYLOADS):
        end = rng.uniform(5, visits.watch.hours)
        by_rates(rng, np.where(np.arange(visits.watch.hours) < end, rate, 0.0), visits)


def bursts(rng: np.random.Generator, visits: Visits) -> None:
    """In some hours: by one source, or by 5,000 forged ones within an hour."""
    for number in range(PAYLOADS):
        begin = rng.uniform(0, visits.watch.hours - 12)
        if number % 2:
            scan(rng, 1, 2000, begin, begin + 10, visits)
        else:
            flood(rng, 5000, begin, begin + 0.9, visits)


def one_source(rng: np.random.Generator, visits: Visits) -> None:
    """One in four hours, and from some moment on a single source that sends 500 an hour."""
    for number in range(PAYLOADS // 2):
        by_rates(rng, np.full(visits.watch.hours, 0.25), visits, f"beside {number}")
        begin = rng.uniform(24, visits.watch.hours - 24)
        at = rng.uniform(begin, visits.watch.hours, rng.poisson(500 * (visits.watch.hours - begin)))
        visits.add(rng, np.zeros(len(at), np.int64), at, f"beside {number}")


CASES: Mapping[str, tuple[Fill, int]] = {
    "all the time, one in five days to 50 an hour": (steady, WEEK),
    "the same, one day": (steady, 24),
    "ten in a week": (seldom, WEEK),
    "by day only": (by_day, WEEK),
    "rates that wander, by a factor of two and more": (uneven, WEEK),
    "sources that come for six hours each": (in_turns, WEEK),
    "payloads that end": (ending, WEEK),
    "bursts of an hour, or of one source": (bursts, WEEK),
    "seldom, and much of one source later": (one_source, WEEK),
}
SEEDS = 25


def run(name: str, seed: int) -> bool:
    """Whether one run of a case has a payload that is said to have appeared."""
    fill, hours = CASES[name]
    rng = np.random.default_rng(seed)
    visits = Visits(Watch(hours=hours))
    fill(rng, visits)
    return has_alarm(visits)


def has_alarm(visits: Visits) -> bool:
    """Whether any payload is said to have appeared."""
    return "appeared" in model(visits.data()).estimates


def text(outcomes: Mapping[str, Sequence[bool]]) -> str:
    """The table."""
    rows = [[name, str(len(found)), str(sum(found))] for name, found in outcomes.items()]
    return table((f"{PAYLOADS} payloads, or half as many", "runs", "false alarms"), rows)
