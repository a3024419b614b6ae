"""Estimates of outbreaks, of hosts that live and come one by one; and that what is none has no estimate."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from ims.analyse.outbreak.epidemic_curve import Array, Bins
from ims.analyse.outbreak.estimates import Outbreak, Range, outbreak_of
from ims.analyse.outbreak.law import Nothing

from ..hosts import Worm, hourly, seen, windows

HOURS = 96
WORM = Worm(hosts=6000, decline=40.0, is_drawn=False)
TRUTH = {
    "doubling": math.log(2) / WORM.growth, "half_life": math.log(2) / WORM.cleaning, "decline": WORM.decline,
    "sources": WORM.hosts, "growth": WORM.growth * WORM.hosts / WORM.reached / 4,
}  # fmt: skip


def found(
    whole: float, seed: int, worm: Worm = WORM, keep: Array | None = None, others: int = 0, hosts: Array | None = None
) -> Outbreak | Nothing:
    """Of a worm whose hosts come so often in an hour, beside others that come all the time."""
    draw, bins = np.random.default_rng(seed), hourly(HOURS, whole, keep=keep)
    matrix = seen(worm.lives(draw), bins, draw) if hosts is None else hosts
    lives = (np.full(others, -math.inf), np.full(others, math.inf))
    matrix = np.concatenate([matrix, seen(lives, bins, draw, 0.5)])
    return outbreak_of(Bins(bins.begin, bins.end, bins.share), matrix.sum(0).astype(float), windows(bins, matrix))


def outbreak(whole: float, seed: int, **more: object) -> Outbreak:
    each = found(whole, seed, **more)  # type: ignore[arg-type]
    assert isinstance(each, Outbreak), each
    return each


def test_intervals_hold_the_truth() -> None:
    """Of five estimates in eight runs, in 34 of 40 or more; each of them in six of eight."""
    held = dict.fromkeys(TRUTH, 0)
    for seed, whole in enumerate([0.02, 0.1, 0.5, 2.0] * 2):
        each = outbreak(whole, seed, others=20)
        for name, truth in TRUTH.items():
            value, low, high = getattr(each, name)
            assert low is None or high is None or low <= value <= high
            held[name] += (low is None or low <= truth) and (high is None or truth <= high)
    assert sum(held.values()) >= 34 and min(held.values()) >= 6, held


def test_darknets_of_all_sizes_agree_about_the_same_hosts() -> None:
    """Seen 0.02, 0.3 and 4 times an hour: their intervals overlap, and the largest darknet's are the narrowest."""
    each = {whole: outbreak(whole, 3, others=20) for whole in (0.02, 0.3, 4.0)}
    for name in ("doubling", "half_life", "sources"):
        ends = [getattr(one, name)[1:] for one in each.values()]
        assert max(low for low, _ in ends) <= min(high for _, high in ends), name
        assert ends[2][1] - ends[2][0] < ends[0][1] - ends[0][0]


def test_a_gap_over_the_decline_widens_and_doesn_t_mislead() -> None:
    keep = ~np.isin(np.arange(HOURS), range(37, 44))
    for seed in (1, 2):
        gap, whole = outbreak(0.3, seed, keep=keep), outbreak(0.3, seed)
        for name in ("doubling", "half_life", "sources", "decline"):
            value, low, high = getattr(gap, name)
            assert low - (high - low) / 4 <= TRUTH[name] <= high + (high - low) / 4, name
            assert low < value < high
        assert gap.decline is not None and whole.decline is not None
        assert gap.decline.high - gap.decline.low > whole.decline.high - whole.decline.low  # type: ignore[operator]


def test_hosts_that_come_once_tell_of_growth_and_decline_but_not_how_many_there_are() -> None:
    """Each is kept to the hour in which it came first."""
    draw, bins = np.random.default_rng(1), hourly(HOURS, 0.05)
    once = seen(WORM.lives(draw), bins, draw)
    once &= np.cumsum(once, 1) == 1
    each = outbreak(0.05, 1, hosts=once)
    assert each.visits is None and each.sources is each.growth is None
    assert each.doubling is not None and each.decline is not None


def test_without_wider_bins_hosts_that_aren_t_seen_are_unknown() -> None:
    draw, bins = np.random.default_rng(1), hourly(HOURS, 0.3)
    counts = seen(WORM.lives(draw), bins, draw).sum(0).astype(float)
    each = outbreak_of(Bins(bins.begin, bins.end, bins.share), counts)
    assert isinstance(each, Outbreak) and each.visits is None and each.sources is None
    assert each.doubling is not None and each.doubling.value == pytest.approx(TRUTH["doubling"], rel=0.2)
    assert each.half_life is not None and each.half_life.value == pytest.approx(TRUTH["half_life"], rel=0.25)


def test_noise_around_the_law_widens_intervals() -> None:
    """Hours in which twice, or half, as many are seen, as of a link that is lossy at times."""
    draw, bins = np.random.default_rng(5), hourly(HOURS, 0.05)
    counts = seen(WORM.lives(draw), bins, draw).sum(0).astype(float)
    noisy = np.round(counts * draw.choice([0.6, 1.0, 1.4], HOURS))
    plain, wide = (outbreak_of(Bins(bins.begin, bins.end, bins.share), each) for each in (counts, noisy))
    assert isinstance(plain, Outbreak) and isinstance(wide, Outbreak)
    assert wide.excess > 2 > plain.excess
    assert plain.half_life is not None and wide.half_life is not None
    assert math.log(wide.half_life[2] / wide.half_life[1]) > 1.4 * math.log(plain.half_life[2] / plain.half_life[1])  # type: ignore[operator]


NOTHING: dict[str, Callable[[np.random.Generator], Array]] = {
    "a step up": lambda draw: draw.poisson(np.where(np.arange(HOURS) < 40, 40, 400)),
    "a step down": lambda draw: draw.poisson(np.where(np.arange(HOURS) < 40, 400, 40)),
    "a box of seven hours": lambda draw: draw.poisson(np.where(abs(np.arange(HOURS) - 50) < 4, 400, 40)),
    "a box of a day": lambda draw: draw.poisson(np.where(abs(np.arange(HOURS) - 50) < 12, 400, 40)),
    "a clock that is set back by an hour": lambda draw: (
        draw.poisson(80, HOURS) * np.where(np.arange(HOURS) == 41, 2, 1) * (np.arange(HOURS) != 40)
    ),
    "an hour that is half lost": lambda draw: draw.poisson(np.where(np.arange(HOURS) == 50, 30, 80)),
    "two floods": lambda draw: draw.poisson(np.where(np.arange(HOURS) % 30 == 29, 3000, 50)),
    "quieter days after busier ones": lambda draw: draw.poisson(
        np.where(np.arange(HOURS) > 48, 25, 60) * np.exp(0.4 * np.cos(np.arange(HOURS) / 24 * 2 * np.pi))
    ),
    "day and night by 3": lambda draw: draw.poisson(60 * np.exp(0.55 * np.cos(np.arange(HOURS) / 24 * 2 * np.pi))),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_what_is_no_outbreak_has_no_estimate(kind: str) -> None:
    bins = hourly(HOURS, 1e-9)
    for seed in range(2):
        each = outbreak_of(bins, NOTHING[kind](np.random.default_rng(seed)).astype(float))
        assert isinstance(each, Nothing) and each.why.endswith(("outbreak", "tell more", "show one")), each


def test_a_few_hosts_that_come_and_go_are_no_outbreak() -> None:
    each = found(3.0, 1, Worm(hosts=5, decline=40.0, is_drawn=False))
    assert isinstance(each, Nothing)


def test_a_range_goes_through_a_function_that_grows_or_falls() -> None:
    assert Range(1.0, 0.0, 2.0).through(math.exp) == pytest.approx((math.e, 1, math.e**2))
    assert Range(1.0, 0.0, 2.0).through(lambda at: -at) == (-1, -2, 0)
    assert Range(1.0, None, 2.0).through(lambda at: -at) == (-1, -2, None)
    assert Range(1.0, None, 2.0).through(math.exp)[1] is None
