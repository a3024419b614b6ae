"""The words of each verb as the API takes them: models made of the table of verbs (query/verbs.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from ims.query.errors import QuestionError
from ims.query.moment import moment
from ims.query.request import Request, make_request
from ims.query.verbs import DEFAULT_LIMITS, MOST_ROWS, VERBS, Parameter, Verb, VerbName

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_MOMENT = 64
"""characters"""


def _whole_as_text(given: Any) -> Any:
    """A moment given as a whole number of JSON, as the command line would have it. Raises QuestionError for what could
    be a slip: true and false, fractions (programs round them), NaN, lists and objects."""
    if type(given) is int:
        text = str(given)
        moment(text)  # what is wrong with a number is said of moments, not of texts
        return text
    if given is None or isinstance(given, str):
        return given
    raise QuestionError(
        f"expected ISO 8601 in quotes, or a whole number of seconds, milliseconds, microseconds or nanoseconds since "
        f"1970 (a fraction in quotes); found {json.dumps(given)[:LONGEST_MOMENT]}"
    )


Moment = Annotated[
    str | None,
    Field(max_length=LONGEST_MOMENT),
    BeforeValidator(_whole_as_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": LONGEST_MOMENT},
                {"type": "integer", "minimum": 0},
                {"type": "null"},
            ]
        }
    ),
]
"""Text, or a whole number, which becomes text."""


class Parameters(BaseModel):
    """What a verb is asked with."""

    model_config = ConfigDict(extra="forbid")


MODELS: Mapping[VerbName, str] = {"count": "Selected", "cache": "Binned", "coverage": "Range"}
"""Names in the OpenAPI document that aren't the verb's own."""


SAID = {"moment": " As text, or as a whole number.", "count": " `answer` says where rows were left out."}
"""Beside a word's sentence, by its kind."""


def _field(parameter: Parameter) -> tuple[Any, Any]:
    """A word as pydantic describes a field: its type, and what is said of it."""
    default = ... if parameter.required else parameter.default
    said: dict[str, Any] = {"description": parameter.sentence + SAID.get(parameter.kind, "")}
    if parameter.examples:
        said["examples"] = list(parameter.examples)
    match parameter.kind:
        case "moment":
            return Moment, Field(default, **said)
        case "flag":
            return bool, Field(default, **said)
        case "count":
            return int | None, Field(default, ge=1, le=MOST_ROWS, **said)
    return str if default is not None else str | None, Field(default, max_length=parameter.longest, **said)


def words_of(verb: Verb) -> type[Parameters]:
    """The model of a verb's words."""
    fields: dict[str, Any] = {each.name: _field(each) for each in verb.parameters}
    name = MODELS.get(verb.name, verb.name.capitalize())
    said = f"The words of {verb.name}. Packets of [since, until) are looked at."
    return create_model(name, __base__=Parameters, __doc__=said, **fields)


WORDS: Mapping[VerbName, type[Parameters]] = MappingProxyType({name: words_of(verb) for name, verb in VERBS.items()})


def question(verb: VerbName, words: Parameters, role: str, most: int) -> Request:
    """What is asked, typed. Raises QuestionError with one line, as on the command line, and for rows beyond `most`."""
    given = {VERBS[verb].by_name[name].field or name: value for name, value in words.model_dump().items()}
    if (given.get("limit") or 0) > most:
        raise QuestionError(f"limit {given['limit']:,}: at most {most:,} rows for {role}s")
    asked = make_request(verb, given.pop("filter", None), **given)
    if verb == "series" and not asked.limit and most < DEFAULT_LIMITS[verb]:
        asked = asked.model_copy(update={"limit": most + 1})
    return asked


def range_of(asked: Request) -> dict[str, str | None]:
    """The range as text, for the audit's line."""
    return {"since": _text(asked.since), "until": _text(asked.until)}


def _text(micros: int | None) -> str | None:
    return None if micros is None else (EPOCH + timedelta(microseconds=micros)).isoformat()
