"""The words of a verb: each means what the command line's does, and what is wrong is said in our words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import ims
from ims.portal.api.parameters import WORDS, question, range_of
from ims.query.errors import QuestionError
from ims.query.moment import moment
from ims.query.verbs import VERBS

from ...query.words import needed
from .served import Served, refused

TEXT = "198.51.100.77 and /srv/darknet/telescope"


@pytest.mark.parametrize(
    "words",
    [
        {"limit": "a"}, {"limit": 0}, {"limit": 10**30}, {"limit": None, "filter": 5}, {"filter": "\ud800"}, {"bin": 5, "since": []},
        {"per_24": TEXT}, {"metric": [TEXT]}, {TEXT: 1}, {"since": {"a": TEXT}}, {"group": "x" * 65},
    ],
)  # fmt: skip
def test_words_that_are_none_are_answered_in_ours(served: Served, words: dict[str, Any]) -> None:
    body, headers = json.dumps(words).encode(), {"Content-Type": "application/json"}
    line = refused(served.as_("analyst").post("/query/series", content=body, headers=headers), 400)
    for foreign in ("Input should", "should be", "Value error", "String", "validation", "pydantic"):
        assert foreign not in line


MOMENTS = st.datetimes(datetime(1973, 3, 4), datetime(2286, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, st.sampled_from([1, 1000, 1_000_000, 1_000_000_000]))
def test_a_whole_number_is_the_moment_that_datetime_makes_of_it(at: datetime, unit: int) -> None:
    at = at.replace(microsecond=0)
    words = WORDS["count"].model_validate_json(json.dumps({"since": int(at.timestamp()) * unit}))
    asked = question("count", words, "operator", 10)
    found = range_of(asked)["since"]
    assert found is not None and datetime.fromisoformat(found) == at
    assert asked.since == moment(at.isoformat())


@given(st.floats() | st.booleans() | st.lists(st.integers()) | st.integers(max_value=-1) | st.integers(20, 10**7))
def test_what_could_be_a_slip_is_no_moment_in_any_verb(given: object) -> None:
    for verb in ("count", "packets", "coverage"):
        with pytest.raises(ValidationError) as raised:
            WORDS[verb].model_validate({"until": given})
        assert isinstance(raised.value.errors()[0]["ctx"]["error"], QuestionError)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_takes_its_words_and_no_others(verb: Any) -> None:
    assert list(WORDS[verb].model_fields) == [each.name for each in VERBS[verb].parameters]
    for others in {name for each in VERBS.values() for name in each.by_name} - set(VERBS[verb].by_name) | {"verb", "_"}:
        with pytest.raises(ValidationError) as raised:
            WORDS[verb].model_validate(needed(verb) | {others: None})
        assert {error["type"] for error in raised.value.errors()} == {"extra_forbidden"}


@pytest.mark.parametrize(
    "words",
    [
        {"then": TEXT, "first": [TEXT]}, {"then": {TEXT: 1}}, {"then": [[TEXT]]}, {"then": [5]}, {"then": None},
        {"first": None}, {"then": [TEXT] * 5}, {"then": ["x" * 4097]}, {"within": "x" * 33}, {"within": None},
        {"at": "x" * 65}, {"at": None}, {"bin": "x" * 33},
    ],
)  # fmt: skip
def test_steps_that_are_none_are_answered_in_our_words(served: Served, words: dict[str, Any]) -> None:
    for path in ("/query/chain", "/analyses/chain"):
        line = refused(served.as_("analyst").post(path, json={"first": "ip", "then": ["ip"], **words}), 400)
        for foreign in ("Input should", "should be", "Value error", "String", "List", "validation", "pydantic"):
            assert foreign not in line
        assert TEXT not in line


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("count", {"filter": "tcp dst port 23", "since": "2026-03-04", "until": "2026-03-05T12:00+01:00"}),
        ("series", {"bin": "30m", "group": "/8", "metric": "sources", "limit": 7}),
        ("top", {"column": "destination_port", "per_24": True, "limit": 5}),
        ("packets", {"filter": "icmp", "limit": 20}),
        ("chain", {"filter": "tcp", "first": "ip", "then": ["ip", "payload"], "within": "1h", "at": "sensor", "bin": "2h"}),
        ("chain", {"first": "ip", "then": ["payload"]}),
        ("cache", {"bin": "1d"}),
    ],
)  # fmt: skip
def test_a_question_is_the_one_that_a_telescope_would_ask(one_store: Any, verb: Any, words: dict[str, Any]) -> None:
    asked: list[Any] = []
    with ims.open(one_store) as telescope:
        ask = telescope.ask
        telescope.ask = lambda request: (asked.append(request), ask(request))[1]  # type: ignore[method-assign]
        getattr(telescope, verb)(
            **{"column": words["column"]} if "column" in words else {},
            **{n: v for n, v in words.items() if n != "column"},
        )
    assert [question(verb, WORDS[verb](**words), "operator", 10_000)] == asked


def test_more_rows_than_a_role_may_have_are_refused_and_as_many_are_not() -> None:
    assert question("packets", WORDS["packets"](limit=500), "viewer", 500).limit == 500
    with pytest.raises(QuestionError, match=r"limit 501: at most 500 rows for viewers"):
        question("packets", WORDS["packets"](limit=501), "viewer", 500)


def test_a_series_without_a_limit_is_asked_for_one_row_more_than_a_role_may_have() -> None:
    """So that an answer that is cut off is told from one that is whole."""
    assert question("series", WORDS["series"](), "viewer", 500).limit == 501
    assert question("series", WORDS["series"](limit=20), "viewer", 500).limit == 20
    assert question("series", WORDS["series"](), "operator", 10**7).limit == 0
