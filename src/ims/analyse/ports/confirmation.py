"""Whether a port's level changed: its packets tell it, and its sources too.

One busy host is many packets and one source. So each change has to be told by both, and a port's p-value is the higher
one of both (the test of an alternative that has two parts: Berger, Technometrics 24, 1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from ims.analyse.level_changes import PENALTY, gains, judged
from ims.analyse.level_screen import FEWEST_BINS, without_bursts
from ims.analyse.ports.counts import Bins, Named, Suspect

Array = np.ndarray[Any, Any]
LEAST_SOURCES = 3.0
"""Of a bin, by which a level changes at least: a host or two that begin are none."""


def confirmed(suspect: Suspect, bins: Bins) -> Named:
    """The changes that both tell: of others, the one that is told least is left out, until there is none."""
    packets, sources = (without_bursts(each[None], bins.exposure)[0] for each in (suspect.packets, suspect.sources))
    begins, found = list(suspect.changes.begins), suspect.changes
    while begins:
        found = replace(suspect.changes, begins=tuple(begins))
        by_sources = judged(sources, bins.exposure, begins)
        found = replace(found, p=max(found.p, by_sources.p))
        told = np.minimum(
            gains(_without_extremes(packets, bins.exposure, begins), bins.exposure, found),
            gains(_without_extremes(sources, bins.exposure, begins), bins.exposure, by_sources),
        )
        told[_steps(sources, begins) < LEAST_SOURCES] = 0
        if told.min() >= PENALTY:
            break
        del begins[int(np.argmin(told))]
    return Named(suspect, packets, replace(found, begins=tuple(begins)))


def _steps(sources: Array, begins: Sequence[int]) -> Array:
    """How many sources of a bin each change is, more or less."""
    means = np.array([each.mean() for each in np.split(sources, begins)])
    return np.abs(np.diff(means))


def _without_extremes(counts: Array, exposures: Array, begins: Sequence[int]) -> Array:
    """Counts, of which no level has two bins that are further from its neighbours' than the third: a level that two
    bins make, such as a flood over midnight, is none then."""
    found = counts.copy()
    ends = [0, *begins, len(counts)]
    for number, (first, last) in enumerate(pairwise(ends)):
        around = slice(ends[max(number - 1, 0)], ends[min(number + 2, len(ends) - 1)])
        inside, whole = slice(first, last), counts[around].sum() / exposures[around].sum()
        rates = np.sort(counts[inside] / exposures[inside])
        if len(rates) < 2 * FEWEST_BINS:
            is_more = counts[inside].sum() / exposures[inside].sum() > whole
            third = rates[-FEWEST_BINS] if is_more else rates[FEWEST_BINS - 1]
            limited = np.minimum if is_more else np.maximum
            found[inside] = limited(counts[inside], third * exposures[inside])
    return found
