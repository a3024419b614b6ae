"""A question as it travels: what comes back asks the same, and nothing else than a plan can be asked."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ims.query.language.filter import parse
from ims.query.plans.chain import CHAIN
from ims.query.plans.local import LOCAL
from ims.query.plans.packets import FRAMES, ROWS, WHOLE_ROWS
from ims.query.plans.plan import PLANS
from ims.query.plans.sightings import NOVELTY, SIGHTINGS
from ims.query.plans.storage import STORAGE
from ims.query.question import Detail, Question, about
from ims.query.request import make_request
from ims.query.verbs import MOST_DETAILED, VerbName

from ..effort import examples
from .words import requested

PAYLOADS, SOURCES = make_request("payloads", "udp"), make_request("sources", None)
SIGNATURE = bytes(range(16))
QUESTIONS = [
    Question(plan="count", request=make_request("count", "tcp")),
    Question(plan="ranked", request=SOURCES, key="source"),
    Question(plan="frames", request=make_request("packets", None)),
    Question(plan="signatures_like", request=PAYLOADS, prefix="abcdef"),
    about("spread", PAYLOADS, "signature", [SIGNATURE], "destination_port"),
    about("counted", SOURCES, "source", [1, 0xFFFF_FFFF], "destination"),
    about("payload_bytes", PAYLOADS, "signature", [SIGNATURE]),
    Question(plan="chain", request=make_request("chain", "tcp", first="udp", then=["ip"], at="sensor", bin="1w")),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.plan)
def test_a_question_is_itself_after_its_way(question: Question) -> None:
    again = Question.model_validate_json(question.model_dump_json())
    assert again == question and again.chosen == question.chosen
    assert again.request.filter == question.request.filter
    assert again.as_plan() is not None


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=5), st.lists(st.integers(0, 2**32 - 1), max_size=5))
@settings(max_examples=examples(100, 30))
def test_what_is_asked_about_comes_back_as_plans_take_it(signatures: list[bytes], sources: list[int]) -> None:
    assert about("payload_bytes", PAYLOADS, "signature", signatures).chosen == signatures
    assert about("spread", SOURCES, "source", sources, "destination_port").chosen == sources


OWN = {"chain": CHAIN, "local": LOCAL, "sightings": SIGHTINGS, "novelty": NOVELTY, "storage": STORAGE}
"""Verbs whose plans have modules of their own."""


@pytest.mark.parametrize("plan", [*PLANS, *OWN, *get_args(Detail)])
def test_each_name_is_a_plan(plan: Any) -> None:
    verb = {"rows": "packets", "whole_rows": "packets", "frames": "packets"}.get(
        plan, plan if plan in (*PLANS, *OWN) else "payloads"
    )
    request = make_request(verb, None, **requested(verb))
    words = {"key": "signature", "other": "source", "prefix": "abcdef"}
    found = Question(plan=plan, request=request, **words).as_plan()
    assert callable(found.partial) and callable(found.merge)
    for name, known in {
        "rows": ROWS,
        "whole_rows": WHOLE_ROWS,
        "frames": FRAMES,
        **OWN,
        **PLANS,
    }.items():
        assert (found is known) == (name == plan)


def test_a_verb_without_a_plan_of_its_own_is_none() -> None:
    for verb in sorted(set(get_args(VerbName)) - set(PLANS) - set(OWN)):
        with pytest.raises(ValidationError, match=f"no plan is called {verb}"):
            Question(plan=verb, request=PAYLOADS, key="signature", other="source")


BASE = json.loads(about("spread", PAYLOADS, "signature", [SIGNATURE], "source").model_dump_json())


@pytest.mark.parametrize(
    "change",
    [
        {"plan": "drop"}, {"plan": None}, {"key": None}, {"key": "sensor"}, {"other": None}, {"other": "payload"}, {"plan": "count"}, {"plan": "rows"},
        {"plan": "signatures_like"}, {"plan": "signatures_like", "prefix": "abcde"}, {"plan": "signatures_like", "prefix": "ABCDEF"},
        {"plan": "signatures_like", "prefix": "a' OR 1"}, {"plan": "signatures_like", "prefix": "a" * 33}, {"plan": "signatures_like", "prefix": "abcdef\n"},
        {"signatures": ["00"]}, {"signatures": ["0G" * 16]}, {"signatures": ["AB" * 16]}, {"signatures": ["00" * 17]}, {"signatures": "00" * 16},
        {"signatures": ["00" * 16] * (MOST_DETAILED + 1)}, {"sources": [-1]}, {"sources": [1 << 32]}, {"sources": ["a"]}, {"sources": [0] * (MOST_DETAILED + 1)},
        {"sql": "DROP TABLE packets"}, {"request": {}}, {"request": {"verb": "shutdown"}}, {"request": None},
    ],
)  # fmt: skip
def test_what_is_no_plan_s_question_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Question.model_validate_json(json.dumps(BASE | change))


def test_another_filter_leaves_all_else() -> None:
    question, tree = QUESTIONS[4], parse("icmp")
    other = question.under(tree, None)
    assert other.request.filter == tree and other.request.hidden is None
    assert (other.plan, other.chosen, other.key, other.other) == (
        question.plan,
        question.chosen,
        "signature",
        "destination_port",
    )
    assert question.request.filter == parse("udp")
    assert question.under(None, ((1, 5),)).request.hidden == ((1, 5),)
