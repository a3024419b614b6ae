"""Who asks short questions is known by his longest of late, however many short ones he asks besides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.recent_effort import CALLERS, HALF_LIFE, RecentEffort

SHORT = 1.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_long_question_counts_until_it_is_long_ago() -> None:
    clock = Clock()
    effort = RecentEffort(SHORT, clock)
    assert effort.is_short("a")
    effort.note("a", 8 * SHORT)
    for _ in range(50):
        effort.note("a", 0.01)
    assert not effort.is_short("a")
    assert effort.is_short("b")
    clock.now += 2.9 * HALF_LIFE
    assert not effort.is_short("a")
    clock.now += 0.2 * HALF_LIFE
    assert effort.is_short("a")


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(0, 600)), min_size=1, max_size=30))
def test_it_is_the_longest_of_all_each_halved_by_its_age(asked: list[tuple[float, float]]) -> None:
    """By the definition, which keeps all of them."""
    clock = Clock()
    effort = RecentEffort(SHORT, clock)
    noted = []
    for pause, seconds in asked:
        clock.now += pause
        effort.note("a", seconds)
        noted.append((clock.now, seconds))
    expected = max(seconds * 0.5 ** ((clock.now - when) / HALF_LIFE) for when, seconds in noted)
    assert effort.of("a") == pytest.approx(expected)


def test_callers_without_end_are_forgotten_the_oldest_first() -> None:
    effort = RecentEffort(SHORT)
    for number in range(CALLERS + 1):
        effort.note(str(number), 10 * SHORT)
    assert effort.is_short("0")
    assert not effort.is_short("1")
    assert not effort.is_short(str(CALLERS))
