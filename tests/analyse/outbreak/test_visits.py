"""How often hosts come, of hosts that come and go one by one and whose visits are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ims.analyse.outbreak.epidemic_curve import Array, Bins
from ims.analyse.outbreak.estimates import Outbreak, outbreak_of
from ims.analyse.outbreak.visits import GRID, Visits, Windows, chance, visits_of, windows_of

from ...effort import crossed, pick
from ..hosts import Worm, hourly, seen, windows

PHASE = (20.0, 100.0)
HOSTS = {0.01: 20_000, 0.2: 4000, 2.0: 2000}
"""Visits of each in an hour: so many hosts."""
SEEDS = range(20)
SHORT = ~np.isin(np.arange(120), [*range(40, 42), 63, *range(71, 73)])
LONG = ~np.isin(np.arange(120), [*range(50, 57), *range(72, 90)])
"""A sensor that is silent for some hours: for a few, in the middle of wide bins and over their edges; for many."""
FOREVER = (-math.inf, math.inf)


def simulated(
    whole: float, seed: int, *, others: tuple[int, float] = (0, 0.0), keep: Array | None = None, **worm: float
) -> tuple[Worm, list[Windows]]:
    """A worm's hosts, and `others` that come all the time, so many of them and so often; in 6 and 24 bins together."""
    draw, made = np.random.default_rng(seed), replace(Worm(hosts=HOSTS[whole]), **worm)  # type: ignore[arg-type]
    bins = hourly(120, whole, keep=keep)
    found = seen(made.lives(draw), bins, draw)
    if others[0]:
        lives = tuple(np.full(others[0], end) for end in FOREVER)
        found = np.concatenate([found, seen(lives, bins, draw, others[1])])  # type: ignore[arg-type]
    return made, windows(bins, found)


def others_seen(others: tuple[int, float]) -> float:
    return max(others[0] * chance(others[1]), 1e-6)


def held(
    whole: float, times: int, others: tuple[int, float] = (0, 0.0), keep: Array | None = None, **worm: float
) -> int:
    """In how many of 20 runs the interval holds the truth, of which none says nothing."""
    count = 0
    for seed in SEEDS:
        made, both = simulated(whole, seed, others=others, keep=keep, **worm)
        [each] = [each for each in both if each.times == times]
        found = visits_of(each, made.row(whole, others_seen(others))[0], PHASE)
        assert found is not None and found.low <= found.value <= found.high
        count += found.low <= whole <= found.high
    return count


@pytest.mark.parametrize("times", [6, 24])
@pytest.mark.parametrize("whole", HOSTS)
def test_the_interval_holds_how_often_hosts_come(whole: float, times: int) -> None:
    assert held(whole, times) >= 17


def test_it_holds_it_while_hosts_come_for_long() -> None:
    assert all(held(whole, 6, decline=95.0) >= 17 for whole in (0.2, 2.0))


@pytest.mark.parametrize(("whole", "worm"), crossed([0.2, 2.0], [{"decline": 30.0, "onset": 21.3}, {"cleaning": 0.5}]))
def test_by_the_fitted_law_it_holds_it_while_hosts_come_or_go_fast(whole: float, worm: dict[str, float]) -> None:
    """Of 20 runs, in a commit of 8. How many came in each bin is known by the counts then."""
    count, seeds = 0, pick(SEEDS, SEEDS[:8])
    for seed in seeds:
        draw, bins = np.random.default_rng(seed), hourly(120, whole)
        came = seen(replace(Worm(hosts=HOSTS[whole]), **worm).lives(draw), bins, draw)
        found = outbreak_of(bins, came.sum(0).astype(float), windows(bins, came))
        assert isinstance(found, Outbreak) and found.visits is not None
        count += found.visits.low <= whole <= found.visits.high
    assert count >= 0.85 * len(seeds)


@pytest.mark.parametrize(
    ("whole", "times", "keep"),
    [(0.01, 24, SHORT), (0.2, 6, SHORT), (0.2, 24, SHORT), (2.0, 6, SHORT), (0.2, 24, LONG), (2.0, 6, LONG)],
)
def test_a_gap_doesn_t_mislead(whole: float, times: int, keep: Array) -> None:
    """Hosts that came, or went, in it can't be known by what was seen beside it."""
    assert held(whole, times, keep=keep) >= 17


@pytest.mark.parametrize(
    ("whole", "others"),
    [
        (0.01, (12, 3.0)),
        (0.01, (100, 0.05)),
        (0.2, (60, 3.0)),
        (0.2, (600, 0.05)),
        (0.2, (300, 0.6)),
        (2.0, (300, 0.6)),
    ],
)
def test_sources_that_come_all_the_time_don_t_change_it(whole: float, others: tuple[int, float]) -> None:
    """Often, seldom, or in between; what they did before the outbreak is taken off."""
    assert held(whole, 6, others) >= 17


def test_values_are_right_in_the_mean() -> None:
    """Of 20 runs: within what intervals are widened by for what the law leaves out."""
    for whole in (0.2, 2.0):
        values = []
        for seed in SEEDS:
            made, (each, _) = simulated(whole, seed)
            found = visits_of(each, made.row(whole)[0], PHASE)
            assert found is not None
            values.append(found.value / whole)
        assert np.mean(values) == pytest.approx(1, abs=0.03)


def test_intervals_are_narrower_of_more_hosts() -> None:
    """Down to what the law leaves out."""
    widths = []
    for hosts in (1000, 16_000):
        made, (each, _) = simulated(0.2, 1, hosts=hosts)
        found = visits_of(each, made.row(0.2)[0], PHASE)
        assert found is not None
        widths.append(math.log(found.high / found.low))
    assert widths[1] < widths[0] / 1.5


def test_where_nobody_comes_again_nothing_is_known() -> None:
    """Each host once: as many in wide bins as in all of their narrow ones."""
    for seed in SEEDS:
        draw, worm = np.random.default_rng(seed), Worm(hosts=2000)
        bins = hourly(120, 0.01)
        once = seen(worm.lives(draw), bins, draw)
        once &= np.cumsum(once, 1) == 1
        for each in windows(bins, once):
            assert visits_of(each, worm.row(0.01)[0], PHASE) is None


def test_where_two_come_again_nothing_is_known() -> None:
    """The interval of two repeats reaches over a factor of 30."""
    bins, worm = hourly(120, 0.01), Worm(hosts=2000)
    found = np.zeros((1000, 120), bool)
    found[range(1000), 30 + np.arange(1000) % 48] = True
    found[[0, 1], [31, 32]] = True
    for each in windows(bins, found):
        assert visits_of(each, worm.row(0.01)[0], PHASE) is None


def test_where_fewer_came_than_other_sources_alone_bring_nothing_is_known() -> None:
    made, both = simulated(0.2, 1, others=(3000, 0.6), hosts=3)
    found = [visits_of(each, made.row(0.2, others_seen((3000, 0.6)))[0], PHASE) for each in both]
    assert None in found or all(each is not None and each.low <= 0.2 <= each.high for each in found)


def test_nothing_in_the_phase_tells_nothing() -> None:
    _, (each, _) = simulated(0.2, 1)
    empty = replace(each, sources=np.zeros(len(each.sources)), summed=np.zeros(len(each.sources)))
    assert visits_of(empty, Worm().row(0.2)[0], PHASE) is None
    assert visits_of(each, Worm().row(0.2)[0], (500.0, 600.0)) is None


def without_before(count: int) -> Visits | None:
    """Beside so many others, of an outbreak that has begun when the range does."""
    made, (each, _) = simulated(0.2, 2, others=(count, 0.6), decline=30.0, onset=-5.0, growth=1.0)
    return visits_of(each, made.row(0.2, others_seen((count, 0.6)))[0], (-10.0, 100.0))


def test_without_a_time_before_it_takes_few_other_sources() -> None:
    """Whose repeats aren't known."""
    alone = without_before(0)
    assert alone is not None and alone.low <= 0.2 <= alone.high
    assert without_before(3000) is None


def test_without_a_time_before_the_interval_holds_what_others_may_repeat() -> None:
    beside = without_before(10)
    assert beside is None or beside.low <= 0.2 <= beside.high


def test_hosts_that_all_come_in_each_bin_come_often() -> None:
    """Their visits have no upper end; the chance is 1, and its interval narrow."""
    made, (each, _) = simulated(2.0, 1)
    bins = hourly(120, 30.0)
    draw = np.random.default_rng(1)
    [each, _] = windows(bins, seen(made.lives(draw), bins, draw))
    found = visits_of(each, made.row(30.0)[0], PHASE)
    assert found is not None and found.high == math.inf and found.low > 3 and chance(found.high) == 1.0
    assert found.spread < 1.1


def test_how_often_other_sources_come_is_known_by_what_they_did_before() -> None:
    for whole in (0.05, 0.6, 3.0):
        for times in (6, 24):
            _, both = simulated(0.01, 3, others=(400, whole), onset=60.0)
            [each] = [each for each in both if each.times == times]
            assert each.others(48.0) == pytest.approx(whole, rel=0.12)
            assert each.others(0.0) == 0.0


def test_chance_is_that_of_any_of_a_poisson_s_visits() -> None:
    assert chance(0) == 0 and chance(math.inf) == 1 and chance(math.log(2)) == pytest.approx(0.5)
    assert Visits(0.2, 0.1, 0.4).spread == pytest.approx((1 - math.exp(-0.4)) / (1 - math.exp(-0.1)))
    assert Visits(0.2, 0.0, 0.4).spread == math.inf
    assert (np.diff(GRID) > 0).all()


def test_wide_bins_have_the_share_that_was_watched_of_them_and_their_own_counts() -> None:
    """Of 12 hours from 4 on, of which one wasn't wholly watched and two weren't at all, in windows of 4; the store has no row where
    nobody came."""
    begin = np.array([4.0, 5, 6, 7, 8, 9, 12, 13, 14, 15])
    share = np.array([1, 1, 1, 0.95, 1, 1, 1, 1, 1, 1])
    sources = np.array([1.0, 2, 3, 4, 2, 0, 0, 0, 0, 0])
    narrow, group = Bins(begin, begin + 1, share), np.floor(begin / 4) * 4
    made = windows_of(narrow, sources, 4, group, np.array([4.0, 8.0]), np.array([6.0, 2.0]))
    assert made.wide.begin.tolist() == [4, 8, 12] and made.wide.end.tolist() == [8, 12, 16]
    assert made.wide.share == pytest.approx([0.9875, 0.5, 1])
    assert made.sources.tolist() == [6, 2, 0] and made.summed.tolist() == [10, 2, 0]
    assert made.inside.tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2]
    assert made.before(8.0).tolist() == [True, False, False]
    nothing = windows_of(narrow, np.zeros(10), 4, group, np.zeros(0), np.zeros(0))
    assert nothing.sources.tolist() == [0, 0, 0]


def test_windows_are_whole_where_each_of_their_bins_was_watched_about_as_much() -> None:
    begin = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    share = np.array([1.0, 0.9, 1, 1, 0.1, 1, 1, 1, 1, 1, 1])
    narrow = Bins(begin, begin + 1, share)
    made = windows_of(narrow, np.ones(11), 4, np.floor(begin / 4) * 4, np.array([0.0, 4.0, 8.0]), np.full(3, 4.0))
    assert made.whole.tolist() == [True, False, False]
