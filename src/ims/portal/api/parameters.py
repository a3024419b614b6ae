"""The parameters of each verb and analysis as the API takes them: models made of their tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from ims.analyse.analyses import ANALYSES
from ims.analyse.question import Analysis
from ims.arrow import EPOCH
from ims.query.errors import QuestionError
from ims.query.moment import moment
from ims.query.request import Request, make_request
from ims.query.verbs import DEFAULT_LIMITS, MOST_ROWS, VERBS, Parameter, Verb, VerbName

LONGEST_MOMENT = 64  # characters


def _whole_as_text(value: Any) -> Any:
    """A moment as text; JSON may have it as a whole number. Raises QuestionError for what could be a mistake: true and
    false, fractions (programs round them), NaN, lists and objects."""
    if type(value) is int:
        moment(str(value))  # so that errors are about moments, not about texts
        return str(value)
    if value is None or isinstance(value, str):
        return value
    raise QuestionError(
        f"expected ISO 8601 in quotes, or a whole number of seconds, milliseconds, microseconds or nanoseconds since "
        f"1970 (a fraction in quotes); found {json.dumps(value)[:LONGEST_MOMENT]}"
    )


_JSON = ({"type": "string", "maxLength": LONGEST_MOMENT}, {"type": "integer", "minimum": 0}, {"type": "null"})
Moment = Annotated[
    str | None, Field(max_length=LONGEST_MOMENT), BeforeValidator(_whole_as_text), WithJsonSchema({"anyOf": [*_JSON]})
]
"""Text, or a whole number, which becomes text."""


def _as_texts(value: Any) -> Any:
    """One text as a list."""
    return [value] if isinstance(value, str) else value


class Parameters(BaseModel):
    """The parameters of a verb or an analysis."""

    model_config = ConfigDict(extra="forbid")


MODELS: Mapping[VerbName, str] = {"count": "Selected", "cache": "Binned", "coverage": "Range"}
"""Names in the OpenAPI document that aren't the verb's own."""
MORE = {"moment": " As text, or as a whole number.", "count": " `answer` says where rows were left out."}
"""What the description of a parameter ends with, by kind."""


def _field(parameter: Parameter) -> tuple[Any, Any]:
    """Type and field of a parameter for pydantic."""
    default = ... if parameter.required else parameter.default
    described: dict[str, Any] = {"description": parameter.sentence + MORE.get(parameter.kind, "")}
    if parameter.examples:
        described["examples"] = list(parameter.examples)
    match parameter.kind:
        case "moment":
            return Moment, Field(default, **described)
        case "flag":
            return bool, Field(default, **described)
        case "count":
            return int | None, Field(default, ge=1, le=MOST_ROWS, **described)
        case "number":
            return float if default is not None else float | None, Field(default, **described)
        case "texts":
            texts = list[Annotated[str, Field(max_length=parameter.longest)]]
            return Annotated[texts, BeforeValidator(_as_texts)], Field(default, max_length=parameter.most, **described)
    return str if default is not None else str | None, Field(default, max_length=parameter.longest, **described)


def words_of(of: Verb | Analysis, name: str) -> type[Parameters]:
    """The model of the parameters; `name`: in the OpenAPI document."""
    taken = of.remote if isinstance(of, Analysis) else of.parameters
    fields: dict[str, Any] = {each.name: _field(each) for each in taken}
    text = f"Parameters of {of.name}, about the packets of [since, until)."
    return create_model(name, __base__=Parameters, __doc__=text, **fields)


WORDS: Mapping[VerbName, type[Parameters]] = MappingProxyType(
    {name: words_of(verb, MODELS.get(name, name.capitalize())) for name, verb in VERBS.items()}
)
OF_ANALYSES: Mapping[str, type[Parameters]] = MappingProxyType(
    {name: words_of(each, f"Analyse{each.method.title().replace('_', '')}") for name, each in ANALYSES.items()}
)


def question(verb: VerbName, words: Parameters, role: str, most: int) -> Request:
    """The typed question. Raises QuestionError with one line, as on the command line, and for rows beyond `most`."""
    values = {VERBS[verb].by_name[name].word: value for name, value in words.model_dump().items()}
    if (values.get("limit") or 0) > most:
        raise QuestionError(f"limit {values['limit']:,}: at most {most:,} rows for {role}s")
    asked = make_request(verb, values.pop("filter", None), **values)
    if verb in ("series", "darknet") and not asked.limit and most < DEFAULT_LIMITS[verb]:
        asked = asked.model_copy(update={"limit": most + 1})
    return asked


def range_of(asked: Request) -> dict[str, str | None]:
    """The range as text, for the audit line."""
    ends = {"since": asked.since, "until": asked.until}
    return {n: None if us is None else (EPOCH + timedelta(microseconds=us)).isoformat() for n, us in ends.items()}
