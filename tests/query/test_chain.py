"""Steps as words, as a typed question, and as JSON."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ims.query.chain import MOST_STEPS, Chain, chain_of
from ims.query.condition import parsed
from ims.query.errors import QuestionError
from ims.query.language.filter import FilterError
from ims.query.request import Request, make_request

WORDS = {"first": "tcp dst port 135", "then": ["udp", "icmp"]}


def test_words_become_steps_in_order() -> None:
    request = make_request("chain", "block C/24", **WORDS, within="90s", at="sensor", bin="5m")
    chain = request.chain
    assert chain is not None
    assert chain.steps == (chain.first, *chain.then) == tuple(map(parsed, ["tcp dst port 135", "udp", "icmp"]))
    assert (chain.within, chain.at, chain.bin) == (90_000_000, "sensor", 300_000_000)
    assert request.conditions == (parsed("block C/24"), *chain.steps)
    assert make_request("chain", None, **WORDS).conditions == chain.steps


def test_what_is_not_said_is_ten_minutes_at_one_address() -> None:
    chain = make_request("chain", None, first="tcp", then="udp").chain
    assert chain == Chain(steps=chain_of({"first": "tcp", "then": ["udp"]})["steps"], within=600_000_000)
    assert chain is not None and (chain.at, chain.bin) == ("address", None)


def test_json_gives_the_same_question_back() -> None:
    request = make_request("chain", "udp", **WORDS, bin="1h")
    assert Request.model_validate_json(request.model_dump_json(exclude_none=True)) == request


def test_a_step_that_can_t_be_read_is_named_with_its_place() -> None:
    with pytest.raises(FilterError, match="step 3: filter, column 5: ") as error:
        make_request("chain", None, first="tcp", then=["udp", "udp tpc"])
    assert (error.value.text, error.value.column) == ("udp tpc", 5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": ["tcp"]}, {"steps": ["tcp"] * (MOST_STEPS + 1)}, {"steps": ["tcp", ""]}, {"steps": ["tcp", None]},
        {"within": 0}, {"within": 1 << 60}, {"at": "home"}, {"bin": 0}, {"more": 1},
        {"steps": [" or ".join(["tcp"] * 300)] * 2},
    ],
)  # fmt: skip
def test_a_typed_chain_is_checked(wrong: dict[str, object]) -> None:
    with pytest.raises((ValidationError, QuestionError)):
        Chain.model_validate({"steps": ["tcp", "udp"], "within": 1} | wrong)


def test_steps_belong_to_one_verb() -> None:
    chain = make_request("chain", None, **WORDS).chain
    for words in ({"verb": "count", "chain": chain}, {"verb": "chain"}):
        with pytest.raises(ValidationError, match="chain needs steps, and no other verb takes them"):
            Request.model_validate(words)


def test_chains_of_one_shape_have_the_same_parts() -> None:
    words = {"first": "icmp", "then": ["tcp", "tcp"]}
    one, other = (make_request("chain", None, **each).chain for each in (WORDS, words | {"within": "3h"}))
    longer = make_request("chain", None, first="icmp", then=["tcp"] * 3).chain
    assert one is not None and other is not None and longer is not None
    assert one.shape == other.shape != longer.shape
    assert one.shape != make_request("chain", None, **WORDS, bin="1h").chain.shape  # type: ignore[union-attr]
