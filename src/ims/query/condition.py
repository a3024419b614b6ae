"""A filter as a field of typed questions: a syntax tree, which may be given as text or as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from ims.query.errors import QuestionError
from ims.query.language.syntax_tree import Expression

LONGEST_BLANK = 4096
"""Characters of a filter of blanks alone, which takes all packets: as many as any filter may have."""


def parsed(text: str | None) -> Expression | None:
    """The syntax tree of a filter; None: all packets. Raises FilterError; QuestionError for what is no text."""
    if not isinstance(text, str | None):
        raise QuestionError("filter: expected text")
    if text is None or (len(text) <= LONGEST_BLANK and not text.strip()):
        return None
    from ims.query.language.filter import parse  # brings Lark

    return parse(text)


def _condition(filter: object) -> Expression | None:
    """A filter's syntax tree; it may be text, or JSON (query/language/json_codec.py). Raises QuestionError."""
    if filter is None or isinstance(filter, Expression):
        return filter
    if isinstance(filter, str):
        return parsed(filter)
    from ims.query.language.json_codec import from_json

    return from_json(filter)


def _as_json(tree: Expression | None) -> dict[str, Any] | None:
    from ims.query.language.json_codec import to_json

    return None if tree is None else to_json(tree)


def _some(filter: object) -> Expression:
    tree = _condition(filter)
    if tree is None:
        raise QuestionError("expected a filter")
    return tree


Condition = Annotated[Expression | None, PlainValidator(_condition), PlainSerializer(_as_json)]
"""A filter's syntax tree; None: all packets."""
Step = Annotated[Expression, PlainValidator(_some), PlainSerializer(_as_json)]
"""A filter's syntax tree."""
