"""What may be said to whoever asked: our words for what a validator finds, and no value."""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from ims.query.errors import LaterError, QuestionError, UnansweredError, said_of

SECRET = "198.51.100.77"


class Colour(Enum):
    RED = "red"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = ""

    @field_validator("text")
    @classmethod
    def _ours(cls, text: str) -> str:
        if text == "ours":
            raise QuestionError("no such text as ours")
        if text == "theirs":
            raise ValueError(SECRET)
        return text


def refused(kind: Any, given: Any) -> dict[str, Any]:
    """Pydantic's error of a value, which it quotes."""
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(kind).validate_python(given)
    return dict(raised.value.errors()[0])


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (Annotated[int, Field(ge=3)], 2, "3 or more"),
        (Annotated[int, Field(gt=3)], 3, "more than 3"),
        (Annotated[int, Field(le=3)], 4, "3 or less"),
        (Annotated[int, Field(lt=3)], 3, "less than 3"),
        (Annotated[str, Field(max_length=5)], SECRET, "at most 5 characters"),
        (Annotated[str, Field(min_length=50)], SECRET, "at least 50 characters"),
        (Annotated[str, Field(pattern="^[a-z]+$")], SECRET, "text of the form ^[a-z]+$"),
        (Annotated[list[str], Field(max_length=1)], [SECRET] * 2, "at most 1"),
        (Annotated[list[str], Field(min_length=2)], [SECRET], "at least 2"),
        (Literal["a", "b"], SECRET, "one of 'a' or 'b'"),
        (Colour, SECRET, "one of 'red'"),
        (Annotated[float, Field(allow_inf_nan=False)], float("inf"), "a finite number"),
        (None, SECRET, "nothing"),
        (int, SECRET, "a whole number"),
        (int, "9" * 5000, "a number with fewer digits"),
        (float, SECRET, "a number"),
        (bool, SECRET, "true or false"),
        (str, 5, "text"),
        (list[int], SECRET, "a list"),
        (dict[str, int], SECRET, "an object"),
        (Strict, SECRET, "an object"),
        (Strict, {"nothing": SECRET}, "unknown name"),
    ],
)
def test_what_would_be_right_is_told_and_never_what_was_given(kind: Any, given: Any, told: str) -> None:
    error = refused(kind, given)
    said = said_of(error)
    assert said.endswith(told), said
    assert SECRET not in said and "\n" not in said
    assert not re.search(r"Input|should|valid", said)


def test_an_error_of_ours_is_told_as_it_is_and_one_of_others_is_not() -> None:
    assert said_of(refused(Strict, {"text": "ours"})) == "no such text as ours"
    assert SECRET not in said_of(refused(Strict, {"text": "theirs"}))


@pytest.mark.parametrize(
    "error", [{}, {"type": SECRET}, {"type": "greater_than", "ctx": {}}, {"type": "missing", "ctx": None}]
)
def test_of_an_error_of_no_known_kind_nothing_is_quoted(error: dict[str, Any]) -> None:
    said = said_of({"msg": SECRET, "input": SECRET, **error})
    assert said and SECRET not in said


def test_what_is_wrong_with_a_question_is_no_failure_and_what_fails_is_no_question() -> None:
    """Exit statuses and answers of HTTP go by these kinds."""
    assert issubclass(QuestionError, ValueError) and not issubclass(QuestionError, OSError)
    assert issubclass(LaterError, UnansweredError) and issubclass(UnansweredError, OSError)
    assert not issubclass(UnansweredError, ValueError)
