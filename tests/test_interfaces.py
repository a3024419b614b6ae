"""What others hold on to stays as it is, or is changed on purpose: see tests/interfaces."""

from __future__ import annotations

import copy
import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .interfaces import FOLDER, read, written
from .interfaces.commands import commands
from .interfaces.difference import differences
from .interfaces.openapi import document, without_texts
from .interfaces.portal import portal, portal_replies
from .interfaces.replies import bench, keys, replies
from .interfaces.tables import files, tables
from .portal.api.served import Served
from .stores import IMS

MOST = 20
ON_PURPOSE = (
    "If that is meant: `python -m tests.interfaces` writes tests/interfaces/*.json anew; CHANGELOG.md tells of it."
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Path:
    return bench(tmp_path_factory.mktemp("interfaces") / "bench", samples[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, place: Path) -> Iterator[Served]:
    with portal(tmp_path_factory.mktemp("interfaces") / "portal", place / "STORE") as served:
        yield served


def stays(file: str, before: Any, now: Any) -> None:
    """Fails with what was added, lost or changed."""
    lines = list(differences(before, json.loads(json.dumps(now, sort_keys=True))))
    if not lines:
        return
    more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
    said = "\n  ".join([f"not as tests/interfaces/{file}.json has it:", *lines[:MOST], *more])
    pytest.fail(f"{said}\n{ON_PURPOSE}", pytrace=False)


def test_the_openapi_document_stays(served: Served) -> None:
    stays("openapi", read("openapi"), document(served))


def test_commands_and_their_options_stay() -> None:
    stays("commands", read("commands"), commands())


def test_tables_of_a_store_stay() -> None:
    before = read("schemas")
    del before["files"]
    stays("schemas", before, tables())


def test_files_of_a_store_stay(place: Path) -> None:
    stays("schemas", read("schemas")["files"], files(place / "STORE"))


def test_exit_statuses_and_keys_of_what_commands_print_stay(place: Path) -> None:
    stays("answers", read("answers")["commands"], replies(place))


def test_statuses_and_keys_of_what_a_portal_answers_stay(served: Served) -> None:
    stays("answers", read("answers")["portal"], portal_replies(served))


@pytest.mark.parametrize(
    "line", ["ims --version", "ims store verify DAMAGED --json", "ims query count 'tpc port 80' --store STORE"]
)
def test_the_console_script_ends_so_too(place: Path, line: str) -> None:
    done = subprocess.run([IMS, *shlex.split(line)[1:]], cwd=place, capture_output=True, check=False, timeout=300)
    assert done.returncode == read("answers")["commands"][line]["status"]


def test_what_is_written_for_people_is_left_out_and_names_that_look_so_are_kept() -> None:
    text = {"title": "T", "description": "D", "summary": "S", "example": 1, "examples": [1]}
    names = {name: {"type": "string", **text} for name in ("title", "description", "properties")}
    schema = {"properties": names, "required": ["title", "description"], "default": {"title": "kept"}, **text}
    found = without_texts({"components": {"schemas": {"summary": schema}}, **text})
    assert found == {
        "components": {
            "schemas": {
                "summary": {
                    "properties": {name: {"type": "string"} for name in names},
                    "required": ["description", "title"],
                    "default": {"title": "kept"},
                }
            }
        }
    }


def test_a_difference_says_where_it_is_and_what_was_there() -> None:
    before = read("openapi")
    now = copy.deepcopy(before)
    asked = now["paths"]["/api/v1/query/top"]["get"]["parameters"]
    [column] = [one for one in asked if one["name"] == "column"]
    column["required"] = False
    asked.remove(next(one for one in asked if one["name"] == "since"))
    now["paths"]["/api/v1/me"]["get"]["responses"]["418"] = {}
    now["components"]["schemas"]["Health"]["required"].append("why")
    del now["components"]["schemas"]["Version"]
    assert [line.partition(", was {")[0] for line in differences(before, now)] == [
        "components.schemas.Health.required[1]: added, 'why'",
        "components.schemas.Version: lost",
        "paths./api/v1/me.get.responses.418: added, {}",
        "paths./api/v1/query/top.get.parameters[column].required: True -> False",
        "paths./api/v1/query/top.get.parameters[since]: lost",
    ]


def test_another_order_of_arguments_or_keys_is_a_difference() -> None:
    names = [{"name": "column"}, {"name": "filter"}]
    assert list(differences({"arguments": names}, {"arguments": names[::-1]})) == [
        "arguments: order column, filter -> filter, column"
    ]
    assert list(differences(["a", "b", "c"], ["b", "a", "c"])) == ["[0]: added, 'b'", "[1]: lost, was 'b'"]
    assert list(differences([1, True], [True, 1])) != []


def test_keys_of_what_was_counted_are_not_named() -> None:
    assert keys([{"a": [{"b": 1}], "hops": {"7": 1, "8": 2}}, {"c": {}}]) == ["a", "a[].b", "hops", "hops.*", "c"]


@pytest.mark.parametrize("name", ["openapi", "commands", "schemas", "answers"])
def test_files_are_as_they_are_written_and_can_be_reviewed_line_by_line(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text()
    assert text == written(read(name)) + "\n"
    assert max(map(len, text.splitlines())) <= 120
