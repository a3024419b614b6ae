"""What an analysis is."""

from __future__ import annotations

from ims.analyse.question import HOUR, MMDB, Analysis
from ims.query.verbs import FILTER


def analysis(*parameters: object) -> Analysis:
    return Analysis("new-payloads", "What is new", "2.3", parameters, (), (), (), ())  # type: ignore[arg-type]


def test_its_name_in_python_has_no_hyphen() -> None:
    assert analysis().method == "new_payloads"


def test_parameters_are_found_by_name_and_a_portal_takes_no_files() -> None:
    found = analysis(FILTER, HOUR, MMDB)
    assert list(found.by_name) == ["filter", "bin", "mmdb"]
    assert [each.name for each in found.remote] == ["filter", "bin"]
