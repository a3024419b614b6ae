"""What a darknet expects to see of a worm: against hosts that live and come one by one, and against SciPy's integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.outbreak.epidemic_curve import LEAST, Array, Bins, Of
from ims.analyse.outbreak.starts import problem_of

from ..hosts import Worm, hourly, seen

GAP = ~np.isin(np.arange(48), range(20, 27))
PARTIAL = np.where(np.arange(48) % 3 == 1, 0.3, np.where(np.arange(48) % 7 == 2, 0.02, 1.0))
WORMS = {
    "growth and decline": Worm(decline=24.0, growth=0.4),
    "a decline inside of a bin": Worm(decline=24.37, growth=0.7, cleaning=0.4),
    "an onset inside of a bin": Worm(decline=30.0, onset=11.6, growth=0.15),
    "onset and decline inside of one bin": Worm(decline=24.8, onset=24.2, growth=1.5, cleaning=0.9),
    "faster than its bins": Worm(decline=24.6, growth=3.0, reached=0.999, cleaning=3.0),
    "a part that is lost at once": Worm(decline=24.37, lost=0.1),
    "a growth far from its limit": Worm(decline=40.2, growth=0.2, reached=0.01),
    "a decline from the begin on": Worm(decline=0.0, cleaning=0.1),
}


@pytest.mark.parametrize("whole", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("kind", WORMS)
def test_as_many_are_expected_as_of_hosts_that_come_one_by_one(kind: str, whole: float) -> None:
    """In each bin within 4.5 standard errors, in all within what chi-squared lets; bins of all shares, and a gap."""
    worm, draw = WORMS[kind], np.random.default_rng(1)
    bins = hourly(48, whole, PARTIAL, GAP)
    expected = bins.seen(worm.row())[0]
    runs = 12
    counts = np.array([seen(worm.lives(draw), bins, draw).sum(0) for _ in range(runs)]).sum(0)
    hosts = worm.hosts * runs
    error = np.sqrt(np.maximum(expected * (1 - expected), 1 / hosts) / hosts)
    away = (counts / hosts - expected) / error
    assert np.abs(away).max() < 4.5
    assert np.square(away).sum() < len(away) + 5 * math.sqrt(2 * len(away))


def by_quadrature(worm: Worm, bins: Bins, waves: Array | None = None) -> list[float]:
    """The integrals as the module's docstring has them, by SciPy: of growth over the last visit before the turn, of decline
    over the first one after it; of those that stay by day and night, their mean level."""
    found = []
    for begin, end, share in zip(bins.begin, bins.end, bins.share, strict=True):
        rate = bins.whole * share / (end - begin)
        turn = min(max(worm.decline, begin), end)

        def grown(at: float) -> float:
            if at < worm.onset:
                return 0.0
            return 1 / (worm.reached + (1 - worm.reached) * math.exp(worm.growth * (worm.decline - at)))

        def left(at: float) -> float:
            level = worm.rest if waves is None else 0.0
            return (1 - worm.rest - worm.lost) * math.exp(-worm.cleaning * (at - worm.decline)) + level

        def staying(at: float) -> float:
            assert waves is not None
            day = 2 * math.pi * at / 24
            of = (math.cos(day), math.sin(day), math.cos(2 * day), math.sin(2 * day))
            return worm.rest * math.exp(sum(wave * each for wave, each in zip(waves, of, strict=True)))

        first = max(begin, min(worm.onset, turn))
        up, _ = scipy.integrate.quad(
            lambda at, rate=rate, turn=turn: grown(at) * rate * math.exp(-rate * (turn - at)), first, turn, epsabs=1e-12
        )
        down, _ = scipy.integrate.quad(
            lambda at, rate=rate, turn=turn: left(at) * rate * math.exp(-rate * (at - turn)), turn, end, epsabs=1e-12
        )
        if waves is not None and turn < end:
            level = scipy.integrate.quad(staying, turn, end)[0] / (end - turn)
            down += level * -math.expm1(-rate * (end - turn))
        found.append(up + down - up * down)
    return found


@pytest.mark.parametrize("whole", [0.01, 1.0, 20.0])
@pytest.mark.parametrize("kind", WORMS)
def test_expectations_are_the_integrals_that_scipy_finds(kind: str, whole: float) -> None:
    bins = hourly(48, whole, PARTIAL, GAP)
    assert bins.seen(WORMS[kind].row())[0] == pytest.approx(by_quadrature(WORMS[kind], bins), rel=3e-3, abs=1e-5)


@pytest.mark.parametrize("whole", [0.01, 1.0, 20.0])
def test_waves_of_the_rest_are_the_integrals_that_scipy_finds(whole: float) -> None:
    worm, waves = Worm(decline=10.3, rest=0.4, cleaning=0.2), np.array([0.6, -0.4, 0.2, 0.3])
    bins, row = hourly(48, whole, PARTIAL, GAP), worm.row()
    row[0, Of.COSINE : Of.SINE_2 + 1] = waves
    assert bins.seen(row)[0] == pytest.approx(by_quadrature(worm, bins, waves), rel=3e-3, abs=1e-5)


def test_in_a_wide_bin_more_of_those_that_stay_are_switched_on_than_at_a_time() -> None:
    """Of 3000 hosts that are on from any hour of the day on, for ten hours, with a wave so small that their level is one:
    in a day all, in six hours those that are on at the begin and a quarter more; in each case by their visits."""
    worm, draw = Worm(decline=0.0, rest=0.7 * 10 / 24, cleaning=50.0, lost=0.7 * 14 / 24), np.random.default_rng(1)
    row, hosts, whole = worm.row(), 3000, 0.4
    row[0, Of.COSINE] = 1e-6
    begin = draw.random(hosts) * 24
    on = np.clip(10 - np.abs((np.arange(0, 96, 0.1)[None, :] - begin[:, None]) % 24 - 0), 0, None) > 0
    visits = draw.poisson(whole * 0.1, on.shape) * on
    for times in (1, 6, 24):
        seen_of_all = visits.reshape(hosts, -1, times * 10).any(2).mean() * 0.7
        at = np.arange(24.0, 96.0, times)
        wide = Bins(at, at + times, np.ones(len(at)), whole * times, times=times)
        assert wide.seen(row)[0].mean() == pytest.approx(seen_of_all, rel=0.09)


def test_of_few_visits_as_many_are_seen_as_addresses_and_time_tell() -> None:
    """Half of the addresses, or half of the time: half of the sources. Of many visits nearly all, all the same."""
    worm = Worm(decline=24.0)
    few, many = (
        [hourly(48, whole, share).seen(worm.row())[0] for share in (1.0, 0.5, 0.125)] for whole in (1e-4, 30.0)
    )
    assert few[1] / few[0] == pytest.approx(np.full(48, 0.5), rel=1e-3)
    assert few[2] / few[0] == pytest.approx(np.full(48, 0.125), rel=1e-3)
    assert (many[1] / many[0] > 0.9).all()
    narrow = Bins(np.arange(0, 48, 0.25), np.arange(0, 48, 0.25) + 0.25, np.ones(192), 0.25e-4)
    assert narrow.seen(worm.row())[0].reshape(48, 4).sum(1) == pytest.approx(few[0], rel=1e-2)


def test_the_peak_is_in_sources_that_a_whole_bin_sees() -> None:
    """A /8 sees as many hosts in all as a /24 whose hosts come 65,536 times as seldom, but for those it misses."""
    worm = Worm(hosts=100_000, decline=24.0)
    for whole in (1e-5, 0.1, 3.0):
        bins = hourly(48, whole)
        assert bins.outbreak(worm.row(whole))[0] == pytest.approx(worm.hosts * bins.seen(worm.row(whole))[0], rel=1e-9)
        assert bins.chance == pytest.approx(-math.expm1(-whole))


def test_sources_of_before_are_fewer_in_a_part_of_a_bin_by_how_often_they_come() -> None:
    row = Worm().row(before=80.0)
    seldom, often = (
        Bins(np.arange(2.0), np.arange(2.0) + 1, np.array([1.0, 0.25]), 1.0, whole).before(row)[0]
        for whole in (1e-6, 4.0)
    )
    assert seldom == pytest.approx([80, 20], rel=1e-4)
    assert often == pytest.approx([80, 80 * -math.expm1(-1) / -math.expm1(-4)], rel=1e-9)
    bins = hourly(48, 0.5)
    assert bins.expected(row) == pytest.approx(bins.before(row) + bins.outbreak(row))


def test_many_rows_give_what_each_gives_alone() -> None:
    bins = hourly(48, 0.7, PARTIAL, GAP)
    rows = np.concatenate([worm.row() for worm in WORMS.values()])
    together = bins.expected(rows)
    for row, expected in zip(rows, together, strict=True):
        assert bins.expected(row[None])[0] == pytest.approx(expected, rel=1e-12)


def test_chosen_bins_are_as_in_the_whole() -> None:
    bins, row = hourly(48, 0.7, PARTIAL), Worm(decline=24.4).row()
    assert bins.at(GAP).seen(row)[0] == pytest.approx(bins.seen(row)[0][GAP], rel=1e-12)


_BINS, _COUNTS = hourly(48), np.arange(48.0)
_PROBLEM = problem_of(_BINS, _COUNTS)


@st.composite
def _rows(draw: st.DrawFn) -> Array:
    """Parameters anywhere within the bounds of fits."""
    return np.array([
        draw(st.floats(low, high)) for low, high in zip(_PROBLEM.low.tolist(), _PROBLEM.high.tolist(), strict=True)
    ])  # fmt: skip


@given(_rows(), st.sampled_from([0.0, LEAST, 1e-4, 0.3, 8.0, 400.0]), st.sampled_from([0.0, 1e-6, 0.01, 1.0]))
def test_within_all_bounds_no_more_hosts_are_seen_than_are_active(row: Array, whole: float, share: float) -> None:
    """Nothing is NaN, infinite or negative either. Without the day's waves and those that are lost."""
    row = row.copy()
    row[Of.COSINE : Of.SINE_2 + 1] = row[Of.LOST] = 0
    bins = Bins(_BINS.begin, _BINS.end, np.where(np.arange(48) % 2, 1.0, share), whole, whole)
    found = bins.seen(row[None])
    assert (found >= 0).all() and (found <= 1 + 1e-9).all()
    assert np.isfinite(bins.expected(row[None])).all() and (bins.expected(row[None]) >= 0).all()


@given(_rows(), st.sampled_from([0.0, 1e-4, 0.3, 8.0, 400.0]))
def test_within_all_bounds_every_expectation_is_a_number(row: Array, whole: float) -> None:
    bins = Bins(_BINS.begin, _BINS.end, _BINS.share, whole, whole)
    assert np.isfinite(bins.expected(row[None])).all()


def test_what_is_lost_is_never_more_than_what_isn_t_of_the_rest() -> None:
    """With all of them of the rest, by night hardly any, and some lost."""
    row = Worm(decline=24.0, rest=1.0, lost=0.1).row()
    row[0, Of.COSINE] = -5.0
    assert (hourly(48).seen(row) >= 0).all()
