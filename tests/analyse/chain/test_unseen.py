"""How many weren't seen: against published counts, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.analyse.chain.unseen import total_of

RABBITS = {1: 43, 2: 16, 3: 8, 4: 6, 6: 2, 7: 1}
"""Of 135 cottontails in a pen, those that were caught so often in 18 nights (Edwards and Eberhardt, J. Wildlife
Management 31, 1967): the example of Chao (1987), whose estimate is 134."""


def times_of(counts: dict[int, int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.repeat(np.array(list(counts), np.int64), list(counts.values()))


def test_cottontails_in_a_pen() -> None:
    found = total_of(times_of(RABBITS), 18)
    assert found is not None
    uncorrected = 76 + 43**2 / (2 * 16)
    assert round(uncorrected) == 134, "as printed"
    assert found.value == pytest.approx(76 + 17 / 18 * 43 * 42 / (2 * 17), rel=1e-12)
    assert 76 < found.low < 135 < found.high


def draw(
    rng: np.random.Generator, hosts: int, mean: float, shape: float | None
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """At how many of 168 hours each host was seen that was: all alike, or with rates of a gamma distribution."""
    rates = np.full(hosts, mean) if shape is None else rng.gamma(shape, mean / shape, hosts)
    seen = rng.binomial(168, 1 - np.exp(-rates / 168))
    return seen[seen > 0]


@pytest.mark.parametrize("shape", [None, 4.0, 1.0])
@pytest.mark.parametrize(("hosts", "mean"), [(500, 0.5), (500, 5), (500, 20), (2000, 0.2), (20_000, 0.05), (20_000, 1)])
def test_an_interval_holds_the_true_number(hosts: int, mean: float, shape: float | None) -> None:
    """Of hosts that are alike, and of those whose rates are exponential: 95 % of 100 runs, but for chance."""
    rng = np.random.default_rng(1)
    found = [total_of(draw(rng, hosts, mean, shape), 168) for _ in range(100)]
    made = [each for each in found if each is not None]
    assert len(made) >= 95
    assert sum(each.low <= hosts <= each.high for each in made) >= 0.9 * len(made)
    if shape is None:
        assert np.median([each.value for each in made]) == pytest.approx(hosts, rel=0.06)


def test_too_few_that_came_again_tell_nothing() -> None:
    assert total_of(times_of({1: 100}), 24) is None
    assert total_of(times_of({1: 100, 2: 3}), 24) is None
    few_missing = total_of(times_of({1: 2, 2: 1, 12: 40}), 24)
    assert few_missing is not None and few_missing.value < 44


def test_where_nothing_was_seen_there_is_no_number() -> None:
    for times, occasions in ((times_of({}), 24), (times_of({1: 3}), 0)):
        with pytest.raises(ValueError, match="nothing was seen"):
            total_of(times, occasions)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=300), st.integers(50, 500))
def test_an_interval_holds_its_value_and_at_least_all_that_were_seen(times: list[int], occasions: int) -> None:
    found = total_of(np.array(times, np.int64), occasions)
    if found is not None:
        assert len(times) <= found.low <= found.value <= found.high < np.inf
