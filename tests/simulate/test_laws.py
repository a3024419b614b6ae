"""The tests' own statistics, against tables and against samples of which the law is known."""

import numpy as np
import pytest

from .laws import ALPHA, chi_square, exponential, kolmogorov, uniform, upper_gamma


@pytest.mark.parametrize(
    ("degrees", "quantile", "chance"),
    [(1, 3.841, 0.05), (1, 10.828, 0.001), (2, 13.816, 0.001), (10, 18.307, 0.05), (100, 124.342, 0.05)],
)
def test_chances_are_those_of_the_printed_tables(degrees, quantile, chance):
    assert upper_gamma(degrees / 2, quantile / 2) == pytest.approx(chance, rel=0.002)


def test_samples_of_the_law_pass_and_others_fail():
    dice = np.random.default_rng(1)
    assert chi_square(dice.multinomial(10_000, [0.5, 0.3, 0.2]), [5, 3, 2]) > ALPHA
    assert chi_square(dice.multinomial(10_000, [0.52, 0.29, 0.19]), [5, 3, 2]) < ALPHA
    assert kolmogorov(dice.random(2000), uniform(0, 1)) > ALPHA
    assert kolmogorov(dice.random(2000) ** 1.15, uniform(0, 1)) < ALPHA
    assert kolmogorov(dice.exponential(3, 2000), exponential(3)) > ALPHA
    assert kolmogorov(dice.exponential(3.4, 2000), exponential(3)) < ALPHA
