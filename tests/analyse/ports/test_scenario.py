"""The paper's five months, whole: from capture and store to the ports that were planted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from calibration.ports.captures import compared, planted

import ims
from ims.analyse.result import Result
from ims.simulate.output.capture import write_scenario
from ims.simulate.scenario.scenario import read_scenario

from ...stores import ingest

PLANTED = planted((files("ims.simulate") / "scenarios" / "ports-2004.toml").read_text())


def test_twenty_ports_are_planted() -> None:
    assert len(PLANTED) == 20 and sum(map(len, PLANTED.values())) == 28
    assert PLANTED[2745] == [datetime(2004, 3, 19, 12, tzinfo=UTC)]


@pytest.mark.exhaustive
def test_the_planted_ports_and_no_other_are_named_and_most_dates_are_held(tmp_path: Path) -> None:
    """Of 28 intervals of 95 %, fewer than 24 hold the truth in one case of a hundred."""
    capture = tmp_path / "ports.pcap"
    with capture.open("wb") as file:
        write_scenario(read_scenario("ports-2004"), file, seed=2)
    with ims.open(ingest(tmp_path / "STORE", capture, sensor="c", blocks=["C/24=100.66.64.0/24"])) as telescope:
        found: Result = telescope.analyse.ports()
    answer = compared(json.loads(found.to_json()), PLANTED)
    assert (answer["missing"], answer["others"]) == (0, 0)
    assert len(answer["held"]) == 28
    assert sum(each.is_right for each in answer["held"]) >= 24
