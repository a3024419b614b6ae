"""What counts as held, and what is marked."""

from __future__ import annotations

import pytest
from calibration.held import Held, mark, sentence
from calibration.outbreak.captures import compared
from calibration.outbreak.estimates import ESTIMATES, cells
from calibration.table import replaced


def test_an_end_that_is_missing_is_not_bounded() -> None:
    assert Held(2.0, None, 3.0, -5.0).is_right
    assert Held(2.0, 1.0, None, 50.0).is_right
    assert not Held(2.0, None, 3.0, 4.0).is_right
    assert Held(2.0, 1.0, None, 50.0).width == float("inf")


@pytest.mark.parametrize(
    ("right", "made", "expected"),
    [(181, 200, ""), (197, 200, ""), (180, 200, "▼"), (198, 200, "▲"), (100, 100, "▲"), (10, 99, ""), (0, 0, "")],
)
def test_shares_are_marked_outside_of_181_to_197_of_200(right: int, made: int, expected: str) -> None:
    assert mark(right, made) == expected


def test_null_is_a_column_of_its_own() -> None:
    runs = [{"sources": None}, {"sources": Held(90.0, 80.0, 98.0, 100.0)}, {"sources": Held(110.0, 99.0, 121.0, 100.0)}]
    assert cells("sources", runs) == ["2", "1", "1", "0.200", "1.000"]
    assert cells("sources", runs[:1]) == ["0", "", "1", "", ""]


def test_the_sentence_names_what_is_outside() -> None:
    assert sentence([]) == "No share is outside of 181 to 197 of 200."
    assert "`sources` of a /8 (3 of 200)" in sentence(["`sources` of a /8 (3 of 200)"])


def test_an_answer_is_compared_with_the_parameters_of_the_truth() -> None:
    law = {"doubling_seconds": 8280.0, "growth_per_hour": 0.3, "limit": 4000.0, "half_life_seconds": 37440.0,
           "decline": "2003-08-12 14:35:00", "hosts_ever": 2500.0}  # fmt: skip
    moment = {"value": "2003-08-12T14:00:00Z", "low": "2003-08-12T13:00:00Z", "high": "2003-08-12T15:00:00Z"}
    answer = {
        "estimates": {"decline_began": moment, "doubling_time": None, "sources": {"value": 1, "low": 1, "high": 2}}
    }
    found = compared(answer, {"events": [{"kind": "worm", "parameters": law}, {"kind": "scanner"}]})
    assert set(found) == set(ESTIMATES)
    decline, sources = found["decline_began"], found["sources"]
    assert decline is not None and decline.is_right and decline.width == 2 * 3.6e9
    assert sources is not None and not sources.is_right and sources.truth == 2500
    assert found["doubling_time"] is None


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = "one\n<!-- a: written by make calibration -->\nold\n<!-- end -->\ntwo <!-- end -->\n"
    assert replaced(page, "a", "new") == page.replace("old", "\nnew\n")
    with pytest.raises(ValueError, match="substring"):
        replaced(page, "b", "new")
