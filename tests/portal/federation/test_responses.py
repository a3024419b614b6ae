"""How long a question kept the sensor that worked longest: what decides who has the places of short ones."""

from __future__ import annotations

import pytest

from ims.link.contract import End
from ims.portal.federation.fault import Fault
from ims.portal.federation.responses import Responses

WAITED = {"a": 9.0, "b": 9.0}
QUICK, LONG = End(seconds=8.0, worked=0.1), End(seconds=8.0, worked=3.0)
OLDER = End(seconds=2.0)


@pytest.mark.parametrize(
    ("ends", "faults", "worked"),
    [
        ({"a": QUICK, "b": LONG}, {}, 3.0),
        ({"a": QUICK, "b": OLDER}, {}, 2.0),
        ({"a": End(seconds=8.0, worked=1e9)}, {}, 9.0),  # it can't have worked longer than was waited for
        ({"a": QUICK}, {"b": Fault("late", "", worked=4.0)}, 4.0),  # a quick sensor hides no busy one
        ({"a": QUICK}, {"b": Fault("late", "", worked=0.0)}, 0.1),  # whose turn didn't come
        ({"a": QUICK}, {"b": Fault("late", "")}, 9.0),  # an older one doesn't say
        ({}, {"a": Fault("busy", ""), "b": Fault("unreachable", "")}, 0.0),
        ({"a": QUICK}, {"b": Fault("overdue", "")}, 0.1),
        ({}, {}, 0.0),
    ],
)
def test_a_question_s_work_is_that_of_the_sensor_that_worked_longest(
    ends: dict[str, End], faults: dict[str, Fault], worked: float
) -> None:
    assert Responses({}, ends, faults, WAITED).worked == worked
