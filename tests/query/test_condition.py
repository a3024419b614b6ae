"""A filter as a field: text, JSON, or a syntax tree."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ValidationError

from ims.query.condition import LONGEST_BLANK, Condition, Step, parsed
from ims.query.errors import QuestionError
from ims.query.language.filter import to_json


class Fields(BaseModel):
    """One of each."""

    filter: Condition = None
    step: Step


@pytest.mark.parametrize("text", ["udp", "tcp dst port 135 and payload", "not (src net 10.0.0.0/8 or icmp)"])
def test_text_json_and_tree_are_one(text: str) -> None:
    tree = parsed(text)
    assert tree is not None
    each = [Fields.model_validate({"filter": form, "step": form}) for form in (text, tree, to_json(tree))]
    assert all(found.filter == found.step == tree for found in each)
    assert json.loads(each[0].model_dump_json()) == {"filter": to_json(tree), "step": to_json(tree)}


def test_blanks_take_all_packets_and_are_no_step() -> None:
    assert parsed(None) is parsed("  ") is None
    assert Fields.model_validate({"filter": " ", "step": "udp"}).filter is None
    for nothing in (None, "", " " * LONGEST_BLANK):
        with pytest.raises(ValidationError, match="expected a filter"):
            Fields.model_validate({"step": nothing})


@pytest.mark.parametrize("wrong", [3, b"udp", ["udp"]])
def test_what_is_no_text_is_refused(wrong: object) -> None:
    with pytest.raises(QuestionError):
        parsed(wrong)  # type: ignore[arg-type]
