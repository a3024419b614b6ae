"""Fits of counts and their profile intervals: published answers of textbooks, judged by statsmodels and SciPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import statsmodels.api

from ims.analyse.likelihood import Array, Problem, Target, fit, information, profile

CUT = float(scipy.stats.chi2.ppf(0.95, 1))
DEATHS = np.array([0, 1, 2, 3, 1, 4, 9, 18, 23, 31, 20, 25, 37, 45], float)
"""Of AIDS in Australia by quarters of 1983 to 1986: Dobson, An Introduction to Generalized Linear Models, 1990, after
Whyte et al., Medical Journal of Australia 147 (1987), 65."""
BELGIUM = np.array([12, 14, 33, 50, 67, 74, 123, 141, 165, 204, 253, 246, 240], float)
"""New cases of AIDS a year from 1981: Wood, Generalized Additive Models, 2006, section 2.1.4."""
TRIAL = np.array([18, 17, 15, 20, 10, 20, 25, 13, 12], float)
"""A randomized controlled trial by outcome and treatment: Dobson 1990, page 93; R's help on `glm` and `confint`."""
PASTURE = np.array([[9, 14, 21, 28, 42, 57, 63, 70, 79],
                    [8.93, 10.80, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08]])  # fmt: skip
"""Growth: NIST Statistical Reference Datasets, Rat42 (Ratkowsky, Nonlinear Regression Modeling, 1983, page 61)."""
ALONG = np.linspace(-1, 1, 12)


def problem(counts: Array, expected: Any, low: Any, high: Any, **more: Any) -> Problem:
    size = len(low)
    return Problem(counts, expected, np.array(low, float), np.array(high, float), np.full(size, np.inf), **more)


def log_linear(counts: Array, design: Array, bound: float = 50.0, **more: Any) -> Problem:
    """A generalized linear model: the logarithm of what is expected is linear."""
    size = design.shape[1]
    return problem(counts, lambda at: np.exp(at @ design.T), [-bound] * size, [bound] * size, **more)


def powers(counts: Array, degree: int = 1) -> Array:
    """Of the number of the period, from 1 on."""
    return np.arange(1, len(counts) + 1.0)[:, None] ** np.arange(degree + 1)


def trial() -> Array:
    outcome, treatment = np.tile(range(3), 3), np.repeat(range(3), 3)
    return np.column_stack(
        [np.ones(9), *(outcome == each for each in (1, 2)), *(treatment == each for each in (1, 2))]
    ).astype(float)


def fitted(of: Problem, start: Sequence[float]) -> tuple[Array, float, Array]:
    """Parameters, deviance, standard errors."""
    at = np.array([start], float)
    found = fit(of, at, np.ones(len(start), bool))
    _, known = information(of, found.parameters, found.expected, np.ones((1, len(start)), bool))
    return found.parameters[0], float(found.deviance[0]), np.sqrt(np.diag(np.linalg.inv(known[0])))


def target(of: Problem, start: Sequence[float], index: int, free: Array | None = None) -> Target:
    free = np.ones(len(start), bool) if free is None else free
    found = fit(of, np.array([start], float), free)
    return Target(of, index, found.parameters[0], free, float(found.deviance[0]))


def by_brent(of: Problem, best: Array, deviance: float, index: int, sign: int, drop: float) -> float:
    """An interval's end as SciPy finds it: the root of the deviance that is least with all others free."""
    others = np.arange(len(best)) != index

    def gain(value: float) -> float:
        def missing(rest: Array) -> float:
            row = np.empty((1, len(best)))
            row[0, index], row[0, others] = value, rest
            return float(of.deviance(row, of.expected(row))[0])

        if not others.any():
            return missing(best[others]) - deviance - drop
        found = scipy.optimize.minimize(missing, best[others], method="Nelder-Mead",
                                        options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000})  # fmt: skip
        return float(found.fun) - deviance - drop

    far = 0.02
    while gain(best[index] + sign * far) < 0:
        far *= 2
    return float(scipy.optimize.brentq(lambda away: gain(best[index] + sign * away), 0, far, xtol=1e-6)) * sign + float(
        best[index]
    )


def test_exponential_growth_of_australian_deaths_is_as_published_and_as_by_statsmodels() -> None:
    """Intercept 0.3396, slope 0.2565, residual deviance 29.65 on 12 degrees of freedom."""
    design = powers(DEATHS)
    judge = statsmodels.api.GLM(DEATHS, design, family=statsmodels.api.families.Poisson()).fit()
    at, deviance, errors = fitted(log_linear(DEATHS, design), [0, 0.1])
    assert at == pytest.approx([0.3396, 0.2565], abs=1e-4) and deviance == pytest.approx(29.654, abs=1e-3)
    assert at == pytest.approx(judge.params, abs=1e-4) and deviance == pytest.approx(judge.deviance, abs=1e-4)
    assert errors == pytest.approx(judge.bse, rel=1e-3)


@pytest.mark.parametrize(
    ("degree", "published", "deviance"),
    [(1, [3.140590, 0.202121], 80.686), (2, [1.901459, 0.556003, -0.021346], 9.2402)],
)
def test_growth_of_belgian_cases_is_as_published_and_as_by_statsmodels(
    degree: int, published: list[float], deviance: float
) -> None:
    """Wood 2006: exponential growth, and growth that slows down, which fits far better."""
    design = powers(BELGIUM, degree)
    judge = statsmodels.api.GLM(BELGIUM, design, family=statsmodels.api.families.Poisson()).fit()
    at, missing, errors = fitted(log_linear(BELGIUM, design), [3.0, 0.1, 0.0][: degree + 1])
    assert at == pytest.approx(published, abs=2e-4) == judge.params
    assert missing == pytest.approx(deviance, abs=1e-3) == judge.deviance
    assert errors == pytest.approx(judge.bse, rel=2e-3)


def test_a_trial_s_coefficients_and_profile_intervals_are_those_that_r_publishes() -> None:
    """`example(glm)` and `confint(glm.D93)`, whose ends ours are within a fiftieth of half an interval."""
    coefficients = [3.044522, -0.454255, -0.292987, 0, 0]
    errors = [0.170899, 0.202171, 0.192742, 0.2, 0.2]
    low = [2.6958215, -0.8577018, -0.6753696, -0.3932548, -0.3932548]
    high = [3.36655581, -0.06255840, 0.08244089, 0.3932548, 0.3932548]
    of = log_linear(TRIAL, trial())
    at, deviance, found_errors = fitted(of, [2, 0, 0, 0, 0])
    assert at == pytest.approx(coefficients, abs=1e-3) and deviance == pytest.approx(5.1291, abs=1e-3)
    assert found_errors == pytest.approx(errors, rel=1e-3)
    for index in range(5):
        ends = profile(target(of, [2, 0, 0, 0, 0], index), CUT)
        assert ends == pytest.approx((low[index], high[index]), abs=0.02 * (high[index] - low[index]) / 2), index


def test_quasi_poisson_errors_are_wider_by_the_root_of_pearson_s_factor() -> None:
    """The interval of a drop that is as many times as large, against statsmodels' scale "X2"."""
    design = powers(DEATHS)
    judge = statsmodels.api.GLM(DEATHS, design, family=statsmodels.api.families.Poisson()).fit(scale="X2")
    aim = target(log_linear(DEATHS, design), [0, 0.1], 1)
    low, high = profile(aim, CUT * judge.scale)
    assert low is not None and high is not None and judge.scale > 2
    assert (high - low) / (2 * math.sqrt(CUT)) == pytest.approx(judge.bse[1], rel=0.03)
    ends = [by_brent(aim.problem, aim.best, aim.deviance, 1, sign, CUT * judge.scale) for sign in (-1, 1)]
    assert [low, high] == pytest.approx(ends, abs=0.02 * (ends[1] - ends[0]) / 2)


def pasture(at: Array) -> Array:
    """Ratkowsky's logistic: b1 / (1 + exp(b2 - b3 x)), of the logarithms of b1 and b3."""
    return np.asarray(np.exp(at[:, :1]) / (1 + np.exp(at[:, 1:2] - np.exp(at[:, 2:]) * PASTURE[0])))


PASTURE_START = [math.log(80), 2.0, math.log(0.05)]
_BOUNDS = ([0.0, -10.0, -8.0], [8.0, 10.0, 2.0])


def test_the_logistic_of_a_reference_data_set_has_nist_s_certified_parameters() -> None:
    """NIST's are those of equal weights. So here: counts are yields times a large number, beside whose noise, alike in
    all, their own variance is a ten-thousandth. The deviance is then the sum of squares by the noise."""
    scale, noise = 1e5, 7.2e10
    of = problem(PASTURE[1] * scale, lambda at: pasture(at) * scale, *_BOUNDS, noise=np.full(9, noise))
    at, deviance, errors = fitted(of, PASTURE_START)
    certified, deviations = (
        [7.2462237576e01, 2.6180768402, 6.7359200066e-02],
        [1.7340283401, 8.8295217536e-02, 3.4465663377e-03],
    )
    found = [math.exp(at[0]), at[1], math.exp(at[2])]
    assert found == pytest.approx(certified, rel=2e-3)
    assert deviance * noise / scale**2 == pytest.approx(8.0565229338, rel=1e-3)
    sigma = 1.1587725499  # NIST's residual standard deviation
    found_deviations = errors * np.array([found[0], 1, found[2]]) * sigma * scale / math.sqrt(noise)
    assert found_deviations == pytest.approx(deviations, rel=5e-3)


def test_a_logistic_of_counts_is_as_by_scipy_s_minimum_and_its_intervals_as_by_scipy_s_root() -> None:
    """The same yields with Poisson's weights: no published answer, but the least deviance that Nelder's and Mead's
    search of SciPy finds, and the ends at which it has risen by the chi-square's quantile."""
    of = problem(PASTURE[1] * 10, lambda at: pasture(at) * 10, *_BOUNDS)
    judge = scipy.optimize.minimize(
        lambda row: float(of.deviance(row[None], of.expected(row[None]))[0]), PASTURE_START, method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 5000},
    )  # fmt: skip
    at, deviance, _ = fitted(of, PASTURE_START)
    assert at == pytest.approx(judge.x, abs=1e-3) and deviance == pytest.approx(judge.fun, abs=1e-4)
    for index in range(3):
        ends = [by_brent(of, judge.x, judge.fun, index, sign, CUT) for sign in (-1, 1)]
        found = profile(target(of, PASTURE_START, index), CUT)
        assert found == pytest.approx(tuple(ends), abs=0.025 * (ends[1] - ends[0]) / 2), index


def test_noise_of_counts_is_variance_of_theirs() -> None:
    """Counts and what is expected, both shifted by the noise, are a Poisson's whose variance is theirs and the noise."""
    design, noise = powers(BELGIUM), np.linspace(0, 200, 13)
    of = log_linear(BELGIUM, design, noise=noise)
    judge = scipy.optimize.minimize(
        lambda row: 2 * float(np.sum(np.exp(design @ row) - (BELGIUM + noise) * np.log(np.exp(design @ row) + noise))),
        [3, 0.2], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10},
    )  # fmt: skip
    at, _, errors = fitted(of, [3, 0.2])
    assert at == pytest.approx(judge.x, abs=1e-4)
    assert (errors > fitted(log_linear(BELGIUM, design), [3, 0.2])[2]).all()


def test_what_is_known_beforehand_pulls_a_parameter_to_0_as_a_normal_prior_does() -> None:
    design = powers(DEATHS)
    of = Problem(DEATHS, lambda at: np.exp(at @ design.T), np.full(2, -9.0), np.full(2, 9.0), np.array([np.inf, 0.02]))
    judge = scipy.optimize.minimize(
        lambda row: float(2 * np.sum(np.exp(design @ row) - DEATHS * (design @ row)) + (row[1] / 0.02) ** 2), [1, 0.1],
        method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10},
    )  # fmt: skip
    at, _, _ = fitted(of, [1, 0.1])
    assert at == pytest.approx(judge.x, abs=1e-3) and 0.1 < at[1] < 0.25


def test_what_is_known_beforehand_pulls_a_parameter_to_where_it_is_expected() -> None:
    design, spread = powers(DEATHS), np.array([np.inf, 0.02])
    of = log_linear(DEATHS, design, 9.0, centre=np.array([0.0, 0.5]))
    judge = scipy.optimize.minimize(
        lambda row: float(2 * np.sum(np.exp(design @ row) - DEATHS * (design @ row)) + ((row[1] - 0.5) / 0.02) ** 2),
        [1, 0.3], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10},
    )  # fmt: skip
    at, deviance, _ = fitted(replace(of, spread=spread), [1, 0.3])
    assert at == pytest.approx(judge.x, abs=1e-3) and at[1] > 0.27
    apart = fitted(replace(of, spread=spread, centre=np.array([0.0, at[1]])), [1, 0.3])
    assert apart[1] < deviance


def test_zeros_only_are_fitted_by_the_lower_bound() -> None:
    of = problem(np.zeros(12), lambda at: np.exp(at + 0 * ALONG), [-7.0], [7.0])
    found = fit(of, np.zeros((1, 1)), np.ones(1, bool))
    assert found.parameters[0, 0] == pytest.approx(-7) and found.deviance[0] == pytest.approx(24 * math.exp(-7))


def test_an_end_at_a_bound_is_none_and_the_other_one_is_found() -> None:
    """No counts say nothing of how low a rate is; above it ends where twelve bins expect half of the drop."""
    of = problem(np.zeros(12), lambda at: np.exp(at[:, :1] + 0 * at[:, 1:] + 0 * ALONG), [-12.0, -1.0], [7.0, 1.0])
    low, high = profile(target(of, [0.0, 0.0], 0), CUT)
    assert low is None and high == pytest.approx(math.log(CUT / 24), abs=0.05)
    narrow = problem(DEATHS, log_linear(DEATHS, powers(DEATHS)).expected, [-1.0, 0.25], [3.0, 0.26])
    assert profile(target(narrow, [0, 0.255], 1), CUT) == (None, None)


def test_the_only_parameter_has_an_interval() -> None:
    of = problem(BELGIUM, lambda at: np.exp(at + 0 * BELGIUM), [0.0], [9.0])
    aim = target(of, [4.0], 0)
    ends = tuple(by_brent(of, aim.best, aim.deviance, 0, sign, CUT) for sign in (-1, 1))
    assert profile(aim, CUT) == pytest.approx(ends, abs=0.02 * (ends[1] - ends[0]) / 2)


def test_a_parameter_without_effect_is_bounded_by_nothing() -> None:
    of = problem(DEATHS, lambda at: np.exp(at[:, :1] + 0 * DEATHS), [-5.0, -5.0], [5.0, 5.0])
    assert profile(target(of, [1.0, 0.0], 1), CUT) == (None, None)


def test_bounds_are_kept() -> None:
    """The best is outside; starts may be, too; and what is asked of a curve never is."""
    seen: list[Array] = []

    def expected(at: Array) -> Array:
        seen.append(at)
        return np.asarray(np.exp(at @ powers(DEATHS).T))

    of = problem(DEATHS, expected, [-1.0, 0.0], [5.0, 0.2])
    found = fit(of, np.array([[0.0, 0.1], [9.0, -3.0], [-9.0, 9.0]]), np.ones(2, bool))
    assert found.parameters[:, 1] == pytest.approx(0.2)
    rows = np.concatenate(seen)
    assert (rows >= [-1 - 1e-4, -1e-4]).all() and (rows <= [5 + 1e-4, 0.2 + 1e-4]).all()


def test_beside_one_at_its_bound_others_are_fitted_as_where_it_is_held() -> None:
    of = problem(DEATHS, log_linear(DEATHS, powers(DEATHS)).expected, [-1.0, 0.0], [5.0, 0.2])
    found = fit(of, np.array([[0.0, 0.1], [9.0, -3.0], [0.0, 0.2]]), np.ones(2, bool))
    held = fit(of, np.array([[0.0, 0.2]]), np.array([True, False]))
    assert found.deviance == pytest.approx(held.deviance[0], abs=1e-4)


def test_what_is_held_stays() -> None:
    design = powers(DEATHS)
    of = log_linear(DEATHS, design)
    free = np.array([[True, False], [False, True], [False, False]])
    found = fit(of, np.array([[1.0, 0.2], [0.5, 0.1], [0.7, 0.15]]), free)
    assert found.parameters[0, 1] == 0.2 and found.parameters[1, 0] == 0.5
    assert found.parameters[2] == pytest.approx([0.7, 0.15])
    offset = statsmodels.api.GLM(
        DEATHS, design[:, :1], family=statsmodels.api.families.Poisson(), offset=0.2 * design[:, 1]
    ).fit()
    assert found.parameters[0, 0] == pytest.approx(offset.params[0], abs=1e-3)
    assert found.deviance[0] == pytest.approx(offset.deviance, abs=1e-3)


def test_many_starts_at_once_give_what_each_gives_alone() -> None:
    of = problem(PASTURE[1] * 10, lambda at: pasture(at) * 10, *_BOUNDS)
    starts = np.random.default_rng(3).uniform([3, 0, -4], [6, 5, -1], (40, 3))
    free = np.random.default_rng(4).random((40, 3)) < 0.8
    together = fit(of, starts, free)
    for row in range(40):
        alone = fit(of, starts[row : row + 1], free[row])
        assert alone.parameters[0] == pytest.approx(together.parameters[row], rel=1e-6, abs=1e-9)
        assert alone.deviance[0] == pytest.approx(together.deviance[row], rel=1e-6)
    assert together.best == int(np.argmin(together.deviance))


def test_every_sensible_start_ends_at_the_least_deviance() -> None:
    of = problem(PASTURE[1] * 10, lambda at: pasture(at) * 10, *_BOUNDS)
    starts = np.random.default_rng(5).uniform([3.5, 1, -4], [5.5, 4, -2], (60, 3))
    found = fit(of, starts, np.ones(3, bool))
    assert np.mean(found.deviance < found.deviance.min() + 1e-3) > 0.9


def test_a_fit_is_never_worse_than_its_start() -> None:
    of = log_linear(BELGIUM, powers(BELGIUM, 2))
    starts = np.random.default_rng(6).uniform([-2, -1, -0.1], [6, 1, 0.1], (80, 3))
    before = of.deviance(starts, of.expected(starts))
    found = fit(of, starts, np.ones(3, bool))
    assert (found.deviance <= before).all()
    assert found.deviance == pytest.approx(of.deviance(found.parameters, of.expected(found.parameters)), abs=1e-6)


def test_a_profile_interval_holds_the_truth_in_19_of_20() -> None:
    """Growth of few counts, in 200 samples: 181 to 197."""
    held, draw = 0, np.random.default_rng(7)
    curve = np.exp(0.5 + 1.5 * ALONG)
    for _ in range(200):
        of = log_linear(draw.poisson(curve).astype(float), np.column_stack([np.ones(12), ALONG]), bound=9)
        low, high = profile(target(of, [0.0, 0.0], 1), CUT)
        held += (low is None or low <= 1.5) and (high is None or high >= 1.5)
    assert 181 <= held <= 197
