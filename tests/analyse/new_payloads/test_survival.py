"""Kaplan and Meier's share against statsmodels, textbook data, and simulated payloads whose delays are known."""

from __future__ import annotations

import numpy as np
import pytest

from ims.analyse.new_payloads.survival import Survival, Times, survival

GEHAN = ([6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35])
"""Weeks of remission of 21 patients with 6-mercaptopurine, and of those still in it (Freireich et al., Blood 21, 1963,
699; Gehan, Biometrika 52, 1965, 203): Cox and Oakes (Analysis of Survival Data, 1984) print the estimate."""
PRINTED = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}


def times(came: list[float], unseen: list[float], follow: float = 1e9) -> Times:
    until = np.array([*came, *unseen], float)
    left = np.full(len(until), follow)
    ones = np.ones(len(until))
    return Times(np.zeros(len(until)), until, ones, np.array(came, float), np.ones(len(came)), left, ones)


def test_it_is_the_estimate_of_textbooks() -> None:
    found = survival(times(*GEHAN))
    assert dict(zip(found.delay.tolist(), found.left.round(4).tolist(), strict=True)) == PRINTED
    assert found.could.tolist() == [21, 17, 15, 12, 11, 7, 6]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_statsmodels_s(seed: int) -> None:
    judge = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(seed)
    delay, limit = rng.exponential(50, 300).round(), rng.uniform(1, 100, 300).round(1)
    delay += 0.5
    came = delay <= limit
    found = survival(times(delay[came].tolist(), limit[~came].tolist()))
    theirs = judge.SurvfuncRight(np.minimum(delay, limit), came.astype(int))
    at = theirs.n_events > 0
    np.testing.assert_allclose(found.left, theirs.surv_prob[at])
    np.testing.assert_allclose(found.left * np.sqrt(found.variance), theirs.surv_prob_se[at])


def test_who_enters_late_is_at_risk_from_then_on() -> None:
    """As statsmodels counts with `entry`."""
    judge = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(1)
    delay, entry = rng.exponential(50, 400) + 1, rng.uniform(0, 20, 400)
    kept = delay > entry
    delay, entry = delay[kept], entry[kept]
    ones = np.ones(len(delay))
    found = survival(Times(entry, delay, ones, delay, ones, np.full(len(delay), 1e9), ones))
    theirs = judge.SurvfuncRight(delay, np.ones(len(delay), int), entry=entry)
    np.testing.assert_allclose(found.left, theirs.surv_prob)


def drawn(seed: int, count: int, share: float, median: float, follow: float) -> Survival:
    """Payloads that came at random moments of a time `follow`; a share of them comes on, after exponential delays."""
    rng = np.random.default_rng(seed)
    delay = np.where(rng.random(count) < share, rng.exponential(median / np.log(2), count), np.inf)
    left = rng.uniform(0, follow, count)
    came = delay <= left
    ones = np.ones(count)
    return survival(Times(0 * ones, np.minimum(delay, left), ones, delay[came], ones[came], left, ones))


@pytest.mark.parametrize(("count", "share", "median"), [(200, 0.5, 3000.0), (2000, 0.05, 20_000.0), (300, 1.0, 500.0)])
def test_its_intervals_hold_the_truth(count: int, share: float, median: float) -> None:
    follow, held = 86_400.0, {"share": 0, "median": 0}
    for seed in range(200):
        found = drawn(seed, count, share, median, follow)
        horizon = found.horizon
        by_then = 1 - 0.5 ** (horizon / median)
        middle = -median * np.log2(1 - by_then / 2)
        interval, of_median = found.of_share(), found.median()
        assert interval is not None and of_median is not None
        held["share"] += interval.low <= share * by_then <= interval.high
        held["median"] += of_median.low <= middle <= of_median.high
    assert 181 <= held["median"] <= 199 and 181 <= held["share"] <= (200 if share == 1 else 199), held


def test_where_all_come_the_share_is_bounded_from_below() -> None:
    interval = survival(times([float(at) for at in range(1, 101)], [])).of_share()
    assert interval is not None and interval.value == interval.high == 1 and 0.9 < interval.low < 1


def test_of_few_there_is_no_median_and_of_none_no_share() -> None:
    assert survival(times([1, 2, 3, 4, 5], [9] * 9)).median() is None
    nothing = survival(times([], [9] * 9))
    assert nothing.of_share() is None and nothing.median() is None and nothing.reached == 0
    assert survival(times([], [])).horizon == 0


def test_a_delay_at_which_few_could_be_followed_isn_t_told() -> None:
    left = np.r_[np.full(95, 100.0), np.full(5, 1000.0)]
    ones = np.ones(100)
    found = survival(Times(0 * ones, left, ones, np.array([50.0, 500.0]), np.ones(2), left, ones))
    assert found.horizon == 100 and found.delay.tolist() == [50]
