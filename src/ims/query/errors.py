"""Errors that users may see: their text is ours alone, also for what a validator finds.

A text from elsewhere (a library, an engine, the operating system, another machine) may quote what the user may not see.
So portals and daemons send the errors of this file, and of others only that there was one; the logs have the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class QuestionError(ValueError):
    """What is wrong with a question: one line, in our words, about the user's own input."""


class NotShownError(QuestionError):
    """A question whose answer isn't shown to its caller: an analysis may do without it."""


class UnansweredError(OSError):
    """Why a valid question isn't answered: one line, in our words."""


class LaterError(UnansweredError):
    """The same where a repeated question may be answered in a few seconds."""


_EXPECTED: Mapping[str, str] = {
    "missing": "it is missing",
    "extra_forbidden": "unknown name",
    "greater_than_equal": "expected {ge} or more",
    "greater_than": "expected more than {gt}",
    "less_than_equal": "expected {le} or less",
    "less_than": "expected less than {lt}",
    "string_too_long": "expected at most {max_length} characters",
    "string_too_short": "expected at least {min_length} characters",
    "string_pattern_mismatch": "expected text of the form {pattern}",
    "too_long": "expected at most {max_length}",
    "too_short": "expected at least {min_length}",
    "literal_error": "expected one of {expected}",
    "enum": "expected one of {expected}",
    "finite_number": "expected a finite number",
    "none_required": "expected nothing",
    "union_tag_invalid": "expected one of {expected_tags}",
    "int_parsing_size": "expected a number with fewer digits",
}
"""Types of pydantic's errors -> what is expected, with the values of our own rules."""
_KINDS: Mapping[str, str] = {
    "int": "expected a whole number", "float": "expected a number", "bool": "expected true or false",
    "string": "expected text", "list": "expected a list", "tuple": "expected a list", "dict": "expected an object",
    "model": "expected an object",
}  # fmt: skip
"""First word of such a type -> the same."""


def said_of(error: Mapping[str, Any]) -> str:
    """What is expected instead of what a validator refused. `error`: pydantic's; its text and value aren't used."""
    context, kind = error.get("ctx") or {}, str(error.get("type", ""))
    if isinstance(context.get("error"), QuestionError):
        return str(context["error"])
    try:
        return _EXPECTED[kind].format(**context)
    except KeyError:
        return _KINDS.get(kind.partition("_")[0], "invalid value")
