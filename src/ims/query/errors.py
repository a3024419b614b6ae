"""What may be said to whoever asked: errors whose text is ours alone, and our words for what a validator finds.

A text that comes from elsewhere (a library, an engine, the operating system, another machine) may quote what the asker
isn't shown. So a portal's answers and a daemon's refusals say the errors of this file, and of all others only that
there was one; what it was is in their logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class QuestionError(ValueError):
    """What is wrong with a question: one line, in our words, of what the asker himself gave."""


class UnansweredError(OSError):
    """Why a question that is right isn't answered: one line, in our words."""


class LaterError(UnansweredError):
    """The same of one that may well be answered in a few seconds."""


_WANTED: Mapping[str, str] = {
    "missing": "it is missing",
    "extra_forbidden": "nothing is called so",
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
"""Kinds of pydantic's errors -> what would be right, with the values of our own rules."""
_KINDS: Mapping[str, str] = {
    "int": "expected a whole number", "float": "expected a number", "bool": "expected true or false",
    "string": "expected text", "list": "expected a list", "tuple": "expected a list", "dict": "expected an object",
    "model": "expected an object",
}  # fmt: skip
"""What such a kind begins with -> the same."""


def said_of(error: Mapping[str, Any]) -> str:
    """What would be right in place of what a validator refused; `error`: one of pydantic's. No word of it is
    pydantic's, or of the value."""
    found = error.get("ctx") or {}
    ours = found.get("error")
    if isinstance(ours, QuestionError):
        return str(ours)
    kind = str(error.get("type", ""))
    if kind in _WANTED:
        try:
            return _WANTED[kind].format(**found)
        except KeyError:
            return "invalid value"
    return _KINDS.get(kind.partition("_")[0], "invalid value")
