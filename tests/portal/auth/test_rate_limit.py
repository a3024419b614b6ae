"""Token buckets under an injected clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.auth.rate_limit import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    throttle = RateLimit(2.0, 3.0, clock=clock)
    assert [throttle.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert throttle.take("b") == 0.0
    clock.now = 0.5
    assert throttle.take("a") == 0.0
    assert throttle.take("a", 2.0) == 1.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5), st.floats(0.1, 4)), max_size=60))
def test_nobody_ever_gets_more_than_burst_and_rate(takes: list[tuple[str, float, float]]) -> None:
    clock = Clock()
    throttle = RateLimit(1.5, 4.0, clock=clock)
    got = dict.fromkeys("abc", 0.0)
    for key, later, cost in takes:
        clock.now += later
        wait = throttle.take(key, cost)
        if wait == 0.0:
            got[key] += cost
        assert got[key] <= 4.0 + 1.5 * clock.now + 1e-6
        assert wait >= 0.0


@given(st.floats(0.1, 4), st.floats(0.01, 10))
def test_who_waits_as_long_as_told_may_go_on(cost: float, rate: float) -> None:
    clock = Clock()
    throttle = RateLimit(rate, 4.0, clock=clock)
    throttle.take("a", 4.0)
    clock.now += throttle.take("a", cost) + 1e-6
    assert throttle.take("a", cost) == 0.0


def test_memory_is_bounded_and_nothing_is_gained_by_many_keys() -> None:
    clock = Clock()
    throttle = RateLimit(1.0, 2.0, keys=10, clock=clock)
    for n in range(10):
        throttle.take(f"key {n}", 2.0)
    passed = sum(throttle.take(f"new {n}") == 0.0 for n in range(1000))
    assert passed == 2  # the bucket that newcomers share
    assert throttle.take("key 3") > 0.0  # those that were there aren't forgotten
    assert len(throttle) == 10
    clock.now = 2.0
    assert throttle.take("newer") == 0.0
    assert throttle.take("newer") == 0.0
    assert throttle.take("newer") > 0.0
    assert len(throttle) == 10


def test_a_clock_that_goes_back_gives_nothing() -> None:
    clock = Clock()
    clock.now = 100.0
    throttle = RateLimit(1.0, 1.0, clock=clock)
    throttle.take("a")
    clock.now = 50.0
    assert throttle.take("a") > 0.0
    clock.now = 100.5
    assert throttle.take("a") == pytest.approx(0.5)


def test_threads_share_a_bucket() -> None:
    throttle = RateLimit(1e-9, 100.0, clock=lambda: 0.0)
    with ThreadPoolExecutor(8) as pool:
        passed = sum(wait == 0.0 for wait in pool.map(lambda _: throttle.take("a"), range(1000)))
    assert passed == 100


@pytest.mark.parametrize("words", [(0, 1), (1, 0), (-1, 1), (1, 1, 0)])
def test_what_is_no_rate_is_refused(words: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        RateLimit(*words)


@pytest.mark.parametrize("cost", [0.0, -1.0, 5.1, float("nan")])
def test_a_cost_that_can_never_be_paid_is_refused(cost: float) -> None:
    with pytest.raises(ValueError, match="cost"):
        RateLimit(1.0, 5.0).take("a", cost)
