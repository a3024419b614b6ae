"""The table of verbs: whoever offers them offers what it says, and an answer holds what it says."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main

import ims
from ims.cli import app
from ims.portal.api.words import WORDS
from ims.portal.viewers import VIEWERS_VERBS
from ims.query.request import Request, make_request
from ims.query.verbs import VERBS, Verb, VerbName
from ims.records import PACKETS
from ims.verb_answers import ANSWERS
from ims.verb_methods import VerbMethods

EACH = pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.name)
WHOM = {"store", "portal", "token_file", "ca", "lake", "engine", "lake_config", "format", "help"}


def test_every_verb_is_in_the_type_and_has_an_answer() -> None:
    assert tuple(VERBS) == get_args(VerbName) == tuple(ANSWERS)


@EACH
def test_python_s_methods_take_its_words(verb: Verb) -> None:
    found = inspect.signature(getattr(VerbMethods, verb.name)).parameters
    words = {name: one for name, one in found.items() if name != "self"}
    assert set(words) == set(verb.by_name)
    for name, one in words.items():
        expected = inspect.Parameter.empty if verb.by_name[name].required else verb.by_name[name].default
        assert one.default == expected, name
        by_place = name in ("filter", "column")
        assert one.kind is (one.POSITIONAL_OR_KEYWORD if by_place else one.KEYWORD_ONLY), name
    assert [name for name in words if name in ("filter", "column")] == [
        each.name for each in verb.parameters if each.name in ("filter", "column")
    ]
    assert getattr(VerbMethods, verb.name).__doc__


@EACH
def test_a_request_has_its_words_and_their_defaults(verb: Verb) -> None:
    words = {"group": "ttl"} if verb.name == "top" else {}
    request = make_request(verb.name, None, **words)
    for each in verb.parameters:
        field = each.field or each.name
        assert field in Request.model_fields
        if each.kind == "width":
            assert request == make_request(verb.name, None, **words, **{field: each.default})
        elif not each.required and each.default is not None:
            assert getattr(request, field) == each.default
    if verb.rows is not None:
        assert request.rows == verb.rows


@EACH
def test_the_command_line_takes_its_words(verb: Verb) -> None:
    command = typer.main.get_command(app).commands["query"].commands[verb.name]  # type: ignore[attr-defined]
    found = {one.name for one in command.params} - WHOM
    assert found - ({"payload", "out"} if verb.name == "payloads" else set()) == set(verb.by_name)


@EACH
def test_the_api_takes_its_words(verb: Verb) -> None:
    model = WORDS[verb.name]
    assert set(model.model_fields) == set(verb.by_name)
    for name, field in model.model_fields.items():
        assert field.is_required() == verb.by_name[name].required
        assert field.description == verb.by_name[name].sentence


def test_viewers_ask_those_that_it_says() -> None:
    assert VIEWERS_VERBS == ("count", "series", "top", "cache", "coverage")


@EACH
def test_an_answer_has_its_columns(verb: Verb, one_store: Path) -> None:
    words: dict[str, Any] = {"column": "source/8"} if verb.name == "top" else {}
    groups: list[dict[str, Any]] = [{}, {"group": "block"}] if "group" in verb.by_name else [{}]
    for more in groups:
        answer = getattr(ims.open(one_store), verb.name)(**words, **more)
        name = {"top": "source_8"}.get(verb.name, more.get("group"))
        if verb.columns is None:
            expected = {*(column.name for column in PACKETS), "sensor"} - {"time_ns"}
        else:
            expected = {each.replace("{group}", name or "") for each in verb.columns} - {""}
            assert answer.table.column_names == [
                c.replace("{group}", name or "") for c in verb.columns if name or "{" not in c
            ]
        assert set(answer.table.column_names) == expected
        assert set(verb.example) <= expected | {"destination_port"}
        assert len(answer) == 1 or not verb.one


def test_examples_are_of_their_verb() -> None:
    for verb in VERBS.values():
        assert verb.commands
        assert all(line.startswith(f"ims query {verb.name}") for line in verb.commands)
