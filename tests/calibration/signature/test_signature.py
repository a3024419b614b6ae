"""A few seeds of what `make calibration` does with two hundred."""

from __future__ import annotations

import pytest
from calibration.held import Held

from calibration.signature import captures, disturbances, estimates, quiet


@pytest.mark.parametrize("name", estimates.CASES)
def test_a_payload_that_appears_is_found_alone_and_of_ten_begins_eight_are_held(name: str) -> None:
    found = [estimates.run(name, seed) for seed in range(1, 11)]
    assert all(each["appeared"] is not None and each["others"] is None for each in found)
    assert sum(isinstance(each["appeared"], Held) and each["appeared"].is_right for each in found) >= 8


@pytest.mark.parametrize("name", quiet.CASES)
def test_where_none_appears_none_is_found(name: str) -> None:
    assert not any(quiet.run(name, seed) for seed in (1, 2))


@pytest.mark.parametrize("name", [*disturbances.WATCHES, disturbances.HEAVY])
def test_what_befalls_a_darknet_is_no_payload_that_appears(name: str) -> None:
    assert disturbances.run(name, 1) is False


def test_an_answer_is_compared_with_the_planted_payloads() -> None:
    row = {"text": "[new 1: synthetic, 57 octets] [ne", "appeared": "2004-06-03T09:25:00Z",
           "appeared_low": "2004-06-03T09:10:00Z", "appeared_high": "2004-06-03T09:30:00Z"}  # fmt: skip
    late = row | {"text": "[new 2: synth", "appeared_low": None, "appeared_high": "2004-06-05T21:00:00Z"}
    false = row | {"text": "[steady 1: synth"}
    still = row | {"appeared": None}
    assert captures.compared({"rows": [row, late, false, still]}) == captures.Outcome(3, 2, 1)
