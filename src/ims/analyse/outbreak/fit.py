"""Whether sources by time tell of an outbreak, and the law that fits them: growth and decline, one of them, or none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ims.analyse.likelihood import Problem, fit
from ims.analyse.outbreak.epidemic_curve import Bins, Of
from ims.analyse.outbreak.law import Law, Nothing
from ims.analyse.outbreak.rest import Asleep
from ims.analyse.outbreak.starts import WAVES, only, pooled, problem_of, start_of, starts_of
from ims.analyse.outbreak.variance import misfit, rough_factor

Array = np.ndarray[Any, Any]
SURE, BETTER, DAILY, ONSET = 30.0, 14.0, 18.0, 0.7
"""How much deviance, by that which is usual, an outbreak must explain; growth beside decline, or the reverse; the day's
waves of the rest; and the moment before which there was none: without it, growth that begins with many hosts at once
would be taken for slower. False alarms are counted in docs/calibration.md."""
RISE, SHORT_RISE = 3.0, 5.0
"""By how much sources must rise or fall; and in a range that is too short to tell a daily pattern, which does 3.5 times
(paper, Figure 10)."""
TWO_DAYS, FIVE_DAYS = 48.0, 120.0
LEVEL = 1.5
"""What changes less is a level."""
MISFIT = 0.25
"""Of the highest level: beyond chance, by how much sources may miss a law for it to be one of theirs."""
FEWEST_BINS = 4
"""Of growth."""
FEWEST_BEFORE = 3
"""Bins before an onset."""
OFTEN = 1.0
"""Visits in a bin."""
FASTEST = 2.0 / 3600
"""Hours in which sources may double or halve: of all worms, Slammer was the fastest, which doubled in 8.5 s (Moore et
al., IEEE Security & Privacy 1(4), 2003). Floods are faster."""
_GROWING = (Of.BEFORE, Of.PEAK, Of.GROWTH, Of.SATURATION)
_FALLING = (Of.CLEANING, Of.REST, Of.LOST)


def law_of(bins: Bins, counts: Array, noise: Array | float = 0.0) -> Law | Nothing:
    """The law that fits best, or why sources don't tell of an outbreak."""
    problem = problem_of(bins, counts, noise)
    since, until = float(bins.begin[0]), float(bins.end[-1])
    waves = WAVES if until - since >= TWO_DAYS else ()
    start = start_of(bins, counts)
    start[Of.REST], start[Of.DECLINE], start[Of.PEAK] = 0, since, math.log(max(counts.mean(), 1e-3))
    none = fit(problem, start[None], only(Of.PEAK, *waves)).deviance[0]
    both = _law(problem, bins, only(*_GROWING, *_FALLING, Of.DECLINE), None)
    growth = _law(problem, bins, only(*_GROWING), until)
    decline = _law(problem, bins, only(Of.PEAK, Of.CLEANING, Of.REST, *waves), since)
    simple = min((growth, decline), key=lambda law: law.deviance)
    best = both if simple.deviance - both.deviance > BETTER * both.factor else simple
    rise, least = _rise(best), RISE if until - since >= FIVE_DAYS else SHORT_RISE
    if none - best.deviance < SURE * best.factor or rise < LEVEL:
        return Nothing("sources vary around a level, or as by day and night: nothing here is an outbreak")
    if rise < least:
        return Nothing(
            f"sources change by a factor of {rise:.2g}, which isn't told from other changes of level (it takes "
            f"{least:g}): nothing here is taken for an outbreak; a narrower filter may show one"
        )
    if not _is_slow(best):
        return Nothing(
            "sources rise, or fall, within a bin or two, as in a flood, in a scan by many, or where what is "
            "watched changes: nothing here is taken for an outbreak; a narrower --bin may tell more"
        )
    if (misses := misfit(best)) > MISFIT:
        return Nothing(
            "sources rise, or fall, otherwise than by growth and cleaning, whose best law they miss by "
            f"{misses:.0%} of the highest level: nothing here is taken for an outbreak; a narrower filter, or a "
            "shorter time, may show one"
        )
    return best


def refitted(law: Law, whole: float, whole_before: float, asleep: Asleep | None = None) -> Law:
    """The same law, fitted to the same sources, where hosts of the outbreak, and other sources, come so many times in a
    whole bin. `asleep`: what is known of the hosts that stay and are switched off, if that is more than before."""
    bins = replace(law.bins, whole=whole, whole_before=whole_before)
    problem = replace(law.problem, expected=bins.expected)
    if asleep is not None:
        centre, spread = np.zeros(len(Of)), problem.spread.copy()
        centre[Of.LOST], spread[Of.LOST] = asleep
        problem = replace(problem, centre=centre, spread=spread)
    starts = np.repeat(law.parameters[None], 3, 0)
    starts[:, Of.DECLINE] += np.where(law.free[Of.DECLINE], bins.width, 0.0) * np.array([0.0, -0.4, 0.4])
    found = []
    for piece in _pieces(problem, bins, law):
        fits = fit(piece, starts, law.free)
        found.append(_made(piece, bins, fits.parameters[fits.best], law.free))
    return min(found, key=lambda each: each.deviance)


def _pieces(problem: Problem, bins: Bins, law: Law) -> list[Problem]:
    """The problem with the onset in its bin, or in one of those beside it, where hosts come so often that all are seen
    in any part of a bin: at its edges what is expected has a kink then, over which no fit goes."""
    low, high = problem.low.copy(), problem.high.copy()
    since, until = bins.begin[0], bins.end[-1]
    low[Of.ONSET], high[Of.ONSET] = 2 * since - until, until
    if not law.free[Of.ONSET] or bins.whole < OFTEN:
        return [replace(problem, low=low, high=high)]
    edges = np.r_[low[Of.ONSET], bins.begin, until]
    at = int(np.clip(np.searchsorted(edges, law.parameters[Of.ONSET], "right") - 1, 0, len(edges) - 2))
    found = []
    for index in range(max(at - 1, 0), min(at + 2, len(edges) - 1)):
        lower, upper = low.copy(), high.copy()
        lower[Of.ONSET], upper[Of.ONSET] = edges[index], edges[index + 1]
        found.append(replace(problem, low=lower, high=upper))
    return found


def _law(problem: Problem, bins: Bins, free: Array, decline: float | None) -> Law:
    """The best law of a kind: first by a few wide bins from many starts, then by all; with an onset and the day's waves
    where they make it much better. `decline`: when, if that is given."""
    few = pooled(bins, problem.counts, problem.noise)
    rough = problem_of(*few)
    starts = starts_of(few[0], few[1], decline)
    fits = fit(rough, starts, free)
    chosen = fits.parameters[np.argsort(fits.deviance)[:3]]
    fits = fit(problem, chosen, free)
    law, width = _made(problem, bins, fits.parameters[fits.best], free), bins.width
    if decline is None and bins.end[-1] - law.parameters[Of.DECLINE] >= TWO_DAYS:
        law = _better(law, law.free | only(*WAVES), [{}], DAILY)
    if free[Of.GROWTH]:
        begin = law.begin_of_growth()
        onsets = np.linspace(begin - width, begin + max((law.parameters[Of.DECLINE] - begin) / 3, 2 * width), 8)
        later = _better(law, law.free | only(Of.ONSET), [{Of.ONSET: each} for each in onsets], ONSET)
        if later.parameters[Of.ONSET] >= bins.begin[0] + FEWEST_BEFORE * width:  # else it is the range that begins
            law = later
    if decline is None:  # within a bin there may be several best moments
        declines = law.parameters[Of.DECLINE] + width * np.linspace(-1.5, 1.5, 7)
        law = _better(law, law.free, [{Of.DECLINE: each} for each in declines], 0)
    return law


def _better(law: Law, free: Array, changes: list[dict[Of, float]], gain: float) -> Law:
    """The law with more parameters, where that explains as much more."""
    starts = np.repeat(law.parameters[None], len(changes), 0)
    for row, change in zip(starts, changes, strict=True):
        row[list(change)] = list(change.values())
    fits = fit(law.problem, starts, free)
    found = _made(law.problem, law.bins, fits.parameters[fits.best], free)
    return found if law.deviance - found.deviance > gain * found.factor else law


def _made(problem: Problem, bins: Bins, parameters: Array, free: Array) -> Law:
    expected = problem.expected(parameters[None])
    deviance = float(problem.deviance(parameters[None], expected)[0])
    factor = rough_factor(problem, bins, expected[0], int(free.sum()))
    return Law(bins, problem, parameters, free, deviance, factor)


def _is_slow(law: Law) -> bool:
    """Whether growth, or decline, takes some bins, and as long as a worm does."""
    width = law.bins.width
    grows, falls = (math.log(2) / math.exp(law.parameters[index]) for index in (Of.GROWTH, Of.CLEANING))
    if law.has_growth and law.parameters[Of.DECLINE] - law.begin_of_growth() >= FEWEST_BINS * width:
        return grows >= FASTEST
    return law.has_decline and falls >= max(width, FASTEST)


def _rise(law: Law) -> float:
    """How many times the lowest level of whole bins the highest one is."""
    whole = replace(law.bins, share=np.ones(len(law.bins.share)))
    level = whole.expected(law.parameters[None])[0]
    return float(level.max() / max(level.min(), 1e-9))
