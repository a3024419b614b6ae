"""The table of verbs: whoever offers them offers what it says, and an answer holds what it says."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main

import ims
from ims.cli import app
from ims.portal.api.parameters import WORDS
from ims.portal.privacy.viewer_policy import VIEWERS_VERBS
from ims.query.chain import Chain
from ims.query.plans.plan import PLANS
from ims.query.request import Request, make_request
from ims.query.verbs import VERBS, Parameter, Verb, VerbName
from ims.records import PACKETS
from ims.verb_answers import ANSWERS
from ims.verb_methods import VerbMethods

from .words import NEEDED, line_of, needed, requested

EACH = pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.name)
WHOM = {"store", "portal", "token_file", "ca", "lake", "engine", "lake_config", "format", "help"}


def value_of(request: Request, parameter: Parameter) -> Any:
    """A parameter's value in a request."""
    if parameter.field == "chain":
        return getattr(request.chain, parameter.name)
    return getattr(request, parameter.field or parameter.name)


def test_every_verb_is_in_the_type_and_has_an_answer() -> None:
    assert tuple(VERBS) == get_args(VerbName)
    assert set(ANSWERS) <= set(VERBS) <= set(ANSWERS) | set(PLANS), "its plan's table is the answer of those without"


def test_the_words_that_tests_give_are_those_that_a_verb_needs() -> None:
    assert {verb: set(words) for verb, words in NEEDED.items()} == {
        verb.name: needs
        for verb in VERBS.values()
        if (needs := {each.name for each in verb.parameters if each.required})
    }
    assert line_of("chain") == ("--first", "ip", "--then", "ip") and line_of("top") == ("destination_port",)


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
    words = requested(verb.name)
    request = make_request(verb.name, None, **words)
    for each in verb.parameters:
        assert (each.field or each.name) in Request.model_fields
        assert each.field != "chain" or each.name in ("first", "then") or each.name in Chain.model_fields
        if each.kind == "width":
            assert request == make_request(verb.name, None, **words, **{each.name: each.default})
        elif not each.required and each.default is not None:
            assert value_of(request, each) == each.default
    if verb.rows is not None:
        assert request.rows == verb.rows


@EACH
def test_the_command_line_takes_its_words(verb: Verb) -> None:
    command = typer.main.get_command(app).commands["query"].commands[verb.name]  # type: ignore[attr-defined]
    own = WHOM | ({"payload", "out"} if verb.name == "payloads" else set())
    found = {one.name: one for one in command.params if one.name not in own}
    assert set(found) == set(verb.by_name)
    for name, one in found.items():
        is_argument = name in ("filter", "column")
        assert one.default == verb.by_name[name].default, name
        assert one.required == (verb.by_name[name].required and is_argument), name  # of options we say it ourselves
        assert one.multiple == (verb.by_name[name].kind == "texts"), name
        assert one.param_type_name == ("argument" if is_argument else "option"), name


@EACH
def test_the_api_takes_its_words(verb: Verb) -> None:
    model = WORDS[verb.name]
    assert set(model.model_fields) == set(verb.by_name)
    for name, field in model.model_fields.items():
        parameter = verb.by_name[name]
        assert field.is_required() == parameter.required
        assert parameter.required or field.default == parameter.default
        assert str(field.description).startswith(parameter.sentence)
        longest = [one.max_length for one in field.metadata if hasattr(one, "max_length")]
        assert parameter.kind not in ("text", "width") or longest == [parameter.longest]
        assert parameter.kind != "texts" or longest == [parameter.most]


class Recorded(VerbMethods):
    """What is asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def ask(self, request: Request) -> Any:
        self.asked.append(request)


OTHERS = {
    "filter": "udp", "bin": "5m", "group": "block", "column": "ttl", "metric": "bytes", "per_24": True,
    "since": "2026-03-04", "until": "2026-03-05", "limit": 7, "first": "tcp", "then": ["icmp", "udp"],
    "within": "90s", "at": "sensor", "only": "C/24", "fresh": "2026-03-04T12:00",
}  # fmt: skip
"""Values that are no word's default."""


@EACH
def test_python_s_methods_pass_every_word_on(verb: Verb) -> None:
    words = {name: OTHERS[name] for name in verb.by_name}
    telescope = Recorded()
    getattr(telescope, verb.name)(**words)
    named = {{"column": "group"}.get(name, name): value for name, value in words.items()}
    assert telescope.asked == [make_request(verb.name, named.pop("filter", None), **named)]  # type: ignore[arg-type]
    least = make_request(verb.name, None, **requested(verb.name))
    for name, each in verb.by_name.items():
        assert value_of(telescope.asked[0], each) != value_of(least, each), name


@EACH
def test_a_limit_is_at_most_what_it_says(verb: Verb) -> None:
    if "limit" in verb.by_name:
        words = requested(verb.name)
        assert make_request(verb.name, None, limit=verb.most_rows, **words).rows == verb.most_rows
        with pytest.raises(ValueError, match="limit"):
            make_request(verb.name, None, limit=verb.most_rows + 1, **words)
        assert verb.most_rows == (10_000 if verb.name in ("payloads", "sources") else 10_000_000)


def test_viewers_ask_those_that_it_says() -> None:
    assert VIEWERS_VERBS == ("count", "series", "top", "cache", "coverage", "darknet")


@EACH
def test_an_answer_has_its_columns(verb: Verb, one_store: Path) -> None:
    words = needed(verb.name)
    groups: list[dict[str, Any]] = [{}, {"group": "block"}] if "group" in verb.by_name else [{}]
    for more in groups:
        answer = getattr(ims.open(one_store), verb.name)(**words, **more)
        name = {"top": "destination_port"}.get(verb.name, more.get("group"))
        if verb.columns is None:
            expected = {*(column.name for column in PACKETS), "sensor"} - {"time_ns"}
        else:
            expected = {each.replace("{group}", name or "") for each in verb.columns} - {""}
            assert answer.table.column_names == [
                c.replace("{group}", name or "") for c in verb.columns if name or "{" not in c
            ]
        assert set(answer.table.column_names) == expected
        assert set(verb.example) <= expected
        assert len(answer) == 1 or not verb.one


def test_examples_are_of_their_verb() -> None:
    for verb in VERBS.values():
        assert verb.commands
        assert all(line.startswith(f"ims query {verb.name}") for line in verb.commands)
