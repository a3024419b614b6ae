"""From rows of bins to times at risk: gaps of the others, places that join, the end of the range."""

from __future__ import annotations

import numpy as np
import pytest

from ims.analyse.new_payloads.delays import span, times_of
from ims.analyse.new_payloads.survival import survival

from .known import known


def test_who_came_and_who_didn_t_are_at_risk_until_they_come_or_the_range_ends() -> None:
    data = known([(2, "a", "b", 90, None, None, 3, 9), (4, "b", None, None, None, None, 5, 5)])
    found = times_of(data, "second", np.ones(2, np.bool_))
    assert found.at.tolist() == [90.5] and found.number.tolist() == [3]
    risks = sorted(zip(found.until.tolist(), found.weight.tolist(), strict=True))
    assert risks == [(90.5, 0), (90.5, 3), (43.5 * 3600, 5)]
    assert survival(found).could.tolist() == [8]


def test_only_rows_that_are_known_count() -> None:
    data = known([(2, "a", "b", 90, None, None, 3, 9), (4, "b", None, None, None, None, 5, 5)])
    assert times_of(data, "second", np.array([False, True])).count.tolist() == [5]
    assert not len(times_of(data, "second", np.zeros(2, np.bool_)).until)


def test_nobody_is_at_risk_while_no_other_place_is_watched() -> None:
    data = known([(2, "a", None, None, None, None, 4, 4)], watch={"a": ((0, 48),), "b": ((0, 10), (20, 48))})
    found = times_of(data, "second", np.ones(1, np.bool_))
    periods = sorted(zip((found.since / 3600).tolist(), (found.until / 3600).tolist(), strict=True))
    assert periods == [(0, 7.5), (17.5, 45.5)]


def test_a_place_that_joined_later_can_t_say_that_it_came_late() -> None:
    late = known(
        [(2, "a", "b", 30 * 3600, None, None, 4, 8)], watch={"a": ((0, 48),), "b": ((30, 48),), "c": ((0, 48),)}
    )
    assert not len(times_of(late, "second", np.ones(1, np.bool_)).at)
    assert times_of(late, "second", np.ones(1, np.bool_)).until.tolist() == [30 * 3600 + 0.5]
    third = known([(2, "a", "b", 60, "c", 7200, 4, 8)], watch=dict.fromkeys("abc", ((0, 48),)))
    assert times_of(third, "third", np.ones(1, np.bool_)).at.tolist() == [7200.5]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "0.5 s"), (41, "41 s"), (600, "10 min"), (17_610, "4.89 h"), (9e5, "10.4 d")]
)
def test_a_delay_is_said_for_people(seconds: float, text: str) -> None:
    assert span(seconds) == text
