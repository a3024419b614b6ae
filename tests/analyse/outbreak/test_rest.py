"""How many of those that stay are switched off, of hosts whose hours are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ims.analyse.outbreak.epidemic_curve import Array, Of
from ims.analyse.outbreak.law import Law
from ims.analyse.outbreak.rest import Asleep, asleep_of
from ims.analyse.outbreak.starts import LOST, WAVES, only, problem_of
from ims.analyse.outbreak.visits import Visits, Windows

from ..hosts import Worm, hourly, windows

HOSTS, STAY, HOURS = 60_000, 2000, 96
WORM = Worm(hosts=HOSTS, decline=0.0, cleaning=3.0, rest=STAY / HOSTS)


def seen(draw: np.random.Generator, on: float, visits: float, always: float = 0.0) -> Array:
    """Whether each of those that stay is seen in each hour, bool (hosts, hours): a share of them is always on, the others
    for so many hours a day, by half fewer to half more, from any hour on."""
    begin, span = draw.random((2, STAY, 1))
    span = np.where(np.arange(STAY)[:, None] < always * STAY, 24.0, on * (0.5 + span))
    parts = np.arange(0, HOURS, 0.1)[None, :]
    active = (((parts - begin * 24) % 24) < span).reshape(STAY, HOURS, 10).mean(2)
    return np.asarray(draw.random(active.shape) < -np.expm1(-visits * active))


def told(found: Array, visits: float) -> tuple[Asleep | None, float]:
    """What is told of them, and the true share that is switched off, by a law that has their mean level."""
    bins = hourly(HOURS, visits)
    level = found.mean() / -math.expm1(-visits)
    row = WORM.row(visits)[0]
    row[Of.REST], row[Of.COSINE], row[Of.BEFORE] = math.log(level * STAY / HOSTS), 1e-6, -14.0
    counts = found.sum(0).astype(float)
    law = Law(bins, problem_of(bins, counts), row, only(Of.PEAK, Of.CLEANING, Of.REST, *WAVES), 0.0, 1.0)
    both = windows(bins, found)
    return asleep_of(law, both, Visits(visits, visits, visits)), STAY / HOSTS * (1 - level)


@pytest.mark.parametrize(
    ("on", "visits", "always"),
    [(5.0, 0.05, 0.0), (10.0, 0.05, 0.0), (5.0, 0.2, 0.0), (10.0, 0.2, 0.3), (5.0, 3.0, 0.3), (10.0, 3.0, 0.0)],
)
def test_as_many_are_switched_off_as_come_in_a_day_and_not_at_once(on: float, visits: float, always: float) -> None:
    """Of 20 runs, within two and a half standard deviations, as far as what is known beforehand lets."""
    held = 0
    for seed in range(20):
        found, share = told(seen(np.random.default_rng(seed), on, visits, always), visits)
        assert found is not None and 0 < found.spread < LOST
        held += abs(found.share - share) < 2.5 * found.spread
    assert held >= 17


def test_more_visits_tell_it_better() -> None:
    spreads = [told(seen(np.random.default_rng(1), 10.0, visits), visits)[0] for visits in (0.02, 0.2, 3.0)]
    assert all(each is not None for each in spreads)
    assert [each.spread for each in spreads if each] == sorted((each.spread for each in spreads if each), reverse=True)


def test_hosts_that_are_always_on_are_not_switched_off() -> None:
    found, share = told(seen(np.random.default_rng(1), 10.0, 0.2, always=1.0), 0.2)
    assert found is not None and share == pytest.approx(0, abs=0.002)
    assert abs(found.share) < 2.5 * found.spread


def test_without_whole_days_or_hours_of_the_day_nothing_is_told() -> None:
    bins, found = hourly(HOURS, 0.2), seen(np.random.default_rng(1), 10.0, 0.2)
    row = WORM.row(0.2)[0]
    law = Law(bins, problem_of(bins, found.sum(0).astype(float)), row, only(Of.PEAK, *WAVES), 0.0, 1.0)
    law = replace(law, free=law.free | only(Of.CLEANING))
    visits, both = Visits(0.2, 0.2, 0.2), windows(bins, found)
    assert asleep_of(law, both, visits) is not None
    assert asleep_of(law, [each for each in both if each.times == 6], visits) is None
    assert asleep_of(replace(law, free=only(Of.PEAK, Of.CLEANING)), both, visits) is None
    half: list[Windows] = [replace(each, whole=np.zeros(len(each.whole), bool)) for each in both]
    assert asleep_of(law, half, visits) is None
