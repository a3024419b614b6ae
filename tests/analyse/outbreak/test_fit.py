"""What is told from sources by time: growth, decline, both, or none of them, with a sentence that says why."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ims.analyse.outbreak.epidemic_curve import Array, Bins, Of
from ims.analyse.outbreak.fit import law_of, refitted
from ims.analyse.outbreak.law import Law, Nothing
from ims.analyse.outbreak.rest import Asleep

from ..hosts import Worm, hourly, seen

HOURS = np.arange(120)
BINS = hourly(120, 1e-9)
WORM = Worm(hosts=3000, is_drawn=False)
OTHERS = (np.full(40, -math.inf), np.full(40, math.inf))


def sources(seed: int = 1, worm: Worm = WORM, whole: float = 0.3) -> Array:
    """Of a worm, and of 40 sources that come all the time."""
    draw, bins = np.random.default_rng(seed), hourly(120, whole)
    return np.asarray(seen(worm.lives(draw), bins, draw).sum(0) + seen(OTHERS, bins, draw, 0.5).sum(0), float)


def found(counts: Array, since: int = 0, until: int = 120) -> Law:
    law = law_of(hourly(until - since, 1e-9), counts[since:until])
    assert isinstance(law, Law), law
    return law


def why(counts: Array) -> str:
    law = law_of(BINS, counts.astype(float))
    assert isinstance(law, Nothing), law
    return law.why


def test_growth_and_decline_are_told() -> None:
    law = found(sources())
    assert law.has_growth and law.has_decline
    assert law.parameters[Of.DECLINE] == pytest.approx(60, abs=2)
    assert np.exp(law.parameters[Of.GROWTH]) == pytest.approx(0.3, rel=0.15)
    assert np.exp(law.parameters[Of.CLEANING]) == pytest.approx(0.07, rel=0.15)
    assert np.square(law.expected - sources()).sum() / law.expected.sum() < 1.3


def test_growth_alone_is_told() -> None:
    law = found(sources(), until=58)
    assert law.has_growth and not law.has_decline and law.end_of_decay() == math.inf
    assert np.exp(law.parameters[Of.GROWTH]) == pytest.approx(0.3, rel=0.2)
    assert law.parameters[Of.DECLINE] == pytest.approx(58)


def test_decline_alone_is_told() -> None:
    law = found(sources(), since=64)
    assert law.has_decline and not law.has_growth
    assert np.exp(law.parameters[Of.CLEANING]) == pytest.approx(0.07, rel=0.2)
    assert law.parameters[Of.DECLINE] == pytest.approx(0)


def test_phases_begin_and_end_where_they_do() -> None:
    """Growth where it first shows above 18 others; decay until half of what is seen stays."""
    law = found(sources())
    others, chance = 40 * -math.expm1(-0.5), -math.expm1(-0.3)
    shows = np.flatnonzero(hourly(120, 0.3).outbreak(WORM.row(0.3))[0] >= 1 + 2 * math.sqrt(others))[0]
    assert law.begin_of_growth() == pytest.approx(shows, abs=3)
    stays = 0.03 + others / (3000 * chance)
    assert law.end_of_decay() == pytest.approx(60 - math.log(stays) / 0.07, abs=5)


def test_an_onset_at_once_isn_t_taken_for_slower_growth() -> None:
    """Two hundred hosts begin at hour 50, in bins that are a tenth of growth."""
    law = found(sources(worm=Worm(hosts=4000, onset=50.0, decline=70.0, growth=0.15, is_drawn=False)))
    assert law.begin_of_growth() == pytest.approx(50, abs=1)
    assert np.exp(law.parameters[Of.GROWTH]) == pytest.approx(0.15, rel=0.35)


@pytest.mark.parametrize("since", [40, 53, 57, 60])
def test_a_range_that_begins_shortly_before_the_decline_has_the_decline(since: int) -> None:
    law = found(sources(), since=since)
    assert law.has_decline
    assert np.exp(law.parameters[Of.CLEANING]) == pytest.approx(0.07, rel=0.25)


QUIET: dict[str, tuple[Callable[[np.random.Generator], Array], str]] = {
    "a level": (lambda draw: draw.poisson(50, 120), "around a level"),
    "a level of few": (lambda draw: draw.poisson(0.4, 120), "around a level"),
    "a level that varies by itself": (lambda draw: draw.poisson(draw.gamma(2, 25, 120)), "around a level"),
    "day and night": (lambda draw: draw.poisson(50 * np.exp(0.3 * np.cos(HOURS / 24 * 2 * np.pi))), "around a level"),
    "a drift up by 2": (lambda draw: draw.poisson(50 * (1 + HOURS / 119)), "sources change by a factor of"),
    "a drift down by 2": (lambda draw: draw.poisson(50 * (2 - HOURS / 119)), "sources change by a factor of"),
    "one spike": (lambda draw: draw.poisson(np.where(HOURS == 50, 4000, 40)), "within a bin or two"),
    "a box of three hours": (lambda draw: draw.poisson(np.where(abs(HOURS - 51) < 2, 400, 40)), "within a bin or two"),
    "one spike, and nothing else": (lambda draw: np.where(HOURS == 50, 300, 0), "within a bin or two"),
}  # fmt: skip


@pytest.mark.parametrize("kind", QUIET)
def test_what_is_no_outbreak_is_none_and_a_sentence_says_why(kind: str) -> None:
    counts, sentence = QUIET[kind]
    for seed in range(2):
        assert sentence in why(counts(np.random.default_rng(seed))), seed


def test_the_half_of_the_addresses_is_no_fall_of_sources() -> None:
    """A block of which a tenth is watched from the middle on: a tenth of its sources."""
    share = np.where(HOURS < 60, 1.0, 0.1)
    bins = Bins(BINS.begin, BINS.end, share)
    for seed in range(3):
        law = law_of(bins, np.random.default_rng(seed).poisson(300 * share).astype(float))
        assert isinstance(law, Nothing) and "around a level" in law.why


def test_an_outbreak_is_told_while_shares_vary_and_hours_lack() -> None:
    keep = ~np.isin(HOURS, [*range(30, 33), *range(52, 55), *range(80, 90)])
    share = np.where(HOURS < 45, 0.25, 1.0)
    draw, bins = np.random.default_rng(3), hourly(120, 0.05, share, keep)
    counts = seen(Worm(hosts=20_000, is_drawn=False).lives(draw), bins, draw).sum(0).astype(float)
    law = law_of(Bins(bins.begin, bins.end, bins.share), counts)
    assert isinstance(law, Law) and law.has_growth and law.has_decline
    assert np.exp(law.parameters[Of.GROWTH]) == pytest.approx(0.3, rel=0.15)
    assert law.parameters[Of.DECLINE] == pytest.approx(60, abs=2)
    assert np.exp(law.parameters[Of.CLEANING]) == pytest.approx(0.07, rel=0.15)


def test_noise_of_a_role_that_isn_t_shown_exact_counts_doesn_t_make_an_outbreak() -> None:
    draw = np.random.default_rng(4)
    counts = draw.poisson(5, 120) + draw.normal(0, 30, 120)
    law = law_of(BINS, np.maximum(counts, 0), np.full(120, 900.0))
    assert isinstance(law, Nothing)


def test_the_same_sources_by_hosts_that_come_often_are_the_same_law() -> None:
    """What is expected stays; hosts that come often are cleaned faster than what is seen of them falls."""
    law = found(sources(whole=2.0))
    often = refitted(law, 2.0, 0.5)
    assert often.bins.whole == 2.0 and often.bins.whole_before == 0.5 and (often.free == law.free).all()
    assert often.expected == pytest.approx(law.expected, rel=0.2, abs=5)
    assert abs(math.exp(often.parameters[Of.CLEANING]) / 0.07 - 1) < 0.15
    assert often.deviance <= law.deviance + 20


def test_bins_of_ten_minutes_tell_the_same_as_bins_of_an_hour() -> None:
    """Of a worm six times as fast."""
    draw, tenth = np.random.default_rng(5), Bins(HOURS / 6, (HOURS + 1) / 6, np.ones(120), 0.3)
    worm = Worm(hosts=3000, growth=1.8, cleaning=0.42, decline=10.0, is_drawn=False)
    counts = seen(worm.lives(draw), tenth, draw).sum(0).astype(float)
    law = law_of(Bins(tenth.begin, tenth.end, tenth.share), counts)
    assert isinstance(law, Law) and law.has_growth and law.has_decline
    assert law.parameters[Of.DECLINE] == pytest.approx(10, abs=0.4)
    assert np.exp(law.parameters[Of.GROWTH]) == pytest.approx(1.8, rel=0.15)


@pytest.mark.parametrize("whole", [2.0, 10.0])
def test_hosts_that_begin_at_once_and_come_often_are_fitted_as_well_on_each_side_of_a_bin_s_edge(whole: float) -> None:
    """Of onsets at an edge and beside it, from a fit whose onset is a bin too late or too early: where all hosts that begin
    in a bin are seen in it, its moment hardly changes what is expected, and at the edge it does at once."""
    for onset in (20.95, 21.0, 21.3):
        worm = Worm(hosts=4000, onset=onset, decline=30.0)
        first = found(sources(worm=worm, whole=whole))
        made = [refitted(_with(first, Of.ONSET, onset + off), whole, 0.5) for off in (-0.9, 0.0, 0.6)]
        assert max(each.deviance for each in made) < min(each.deviance for each in made) + 1.0
        assert np.exp(made[0].parameters[Of.GROWTH]) == pytest.approx(0.3, rel=0.1)
        assert made[0].parameters[Of.DECLINE] == pytest.approx(30.0, abs=0.5)


def _with(law: Law, index: Of, value: float) -> Law:
    parameters, free = law.parameters.copy(), law.free.copy()
    parameters[index], free[index] = value, True
    return replace(law, parameters=parameters, free=free)


def test_what_is_known_of_hosts_that_are_switched_off_is_where_their_share_is_expected() -> None:
    law = found(sources())
    usual, known = refitted(law, 0.3, 0.5), refitted(law, 0.3, 0.5, Asleep(0.04, 1e-4))
    assert abs(usual.parameters[Of.LOST]) < 0.03
    assert known.parameters[Of.LOST] == pytest.approx(0.04, abs=1e-3)
    again = refitted(known, 0.3, 0.5)
    assert again.parameters[Of.LOST] == pytest.approx(0.04, abs=1e-3)
