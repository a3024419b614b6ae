"""Where a law's phases begin and end."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ims.analyse.outbreak.epidemic_curve import Array, Of
from ims.analyse.outbreak.law import Law
from ims.analyse.outbreak.starts import only, problem_of

from ..hosts import Worm, hourly

ALL = only(*Of)


def law(worm: Worm, whole: float = 0.3, before: float = 4.0, free: Array = ALL) -> Law:
    bins = hourly(200, whole)
    return Law(bins, problem_of(bins, np.ones(200)), worm.row(whole, before)[0], free, 0.0, 1.0)


def test_decay_ends_where_half_of_what_is_seen_stays() -> None:
    """The rest, and what was there before."""
    made = law(Worm(rest=0.02, hosts=1000))
    at = made.end_of_decay()
    fallen = (1 - 0.02) * math.exp(-0.07 * (at - 60))
    stays = 0.02 + 4 / (1000 * -math.expm1(-0.3))
    assert fallen == pytest.approx(stays, rel=0.05)
    assert made.end_of_decay(0.2) < at < made.end_of_decay(0.8)


def test_decay_doesn_t_end_where_most_stays_or_the_range_ends_before() -> None:
    assert law(Worm(rest=0.6)).end_of_decay() == math.inf
    assert law(Worm(cleaning=0.01)).end_of_decay() == math.inf
    assert law(Worm(), free=only(Of.BEFORE, Of.PEAK, Of.GROWTH)).end_of_decay() == math.inf


def test_growth_begins_at_its_onset_where_it_has_one() -> None:
    assert law(Worm(onset=31.5)).begin_of_growth() == 31.5


def test_growth_without_an_onset_begins_where_it_shows() -> None:
    """By more than the others vary: two standard deviations and one."""
    free = ALL & ~only(Of.ONSET)
    for before in (1e-6, 4.0, 400.0):
        made = law(Worm(), before=before, free=free)
        begin = round(made.begin_of_growth())
        added = made.bins.outbreak(made.parameters[None])[0]
        assert added[begin] >= 1 + 2 * math.sqrt(before) > added[begin - 1]
    hidden = law(Worm(hosts=10), before=4000.0, free=free)
    assert hidden.begin_of_growth() == 60.0


def test_expected_are_sources_of_all_kinds() -> None:
    made = law(Worm(), before=50.0)
    alone = replace(made, parameters=Worm().row(0.3, 1e-9)[0])
    assert made.expected == pytest.approx(alone.expected + 50, rel=1e-6)
    assert made.has_growth and made.has_decline
