"""What is said about a filter that can't be read: which column, what stands there, what could.

The line is for people, so a misspelt word is blamed itself, not what follows it, and the nearest known word is offered.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import Any

import lark

from ims.query.names import CONSTANTS, NOT_STORED, PROTOCOLS, SERVICES, WORDS

# Terminals of the grammar -> how to say that they could stand somewhere. A condition's first words come together.
_CONDITION = "a condition such as tcp, net 10.0.0.0/8, dst port 80, ttl < 10 or category scan"
_EXPECTED = (
    ("_AND", "and"),
    ("_OR", "or"),
    ("RELATION", "a comparison such as = or <"),
    ("SRC", "src"),
    ("DST", "dst"),
    *(("KIND", kind) for kind in ("host", "net", "port", "portrange", "proto")),
    ("MULTICAST", "multicast"),
    ("_LSQB", "'['"),
    ("NUMBER", "a number"),
    ("NAME", "a name"),
    ("ADDRESS", "an address"),
    ("CONTAINS", "contains"),
    ("MASK", "mask"),
    ("TEXT", "a quoted text"),
    ("HEX", "hex digits"),
    ("LABEL", "a name"),
    ("_COLON", "':'"),
    ("_RPAR", "')'"),
    ("_RSQB", "']'"),
    ("$END", "the end"),
)


class FilterError(ValueError):
    """A filter that can't be read. `column` says where in `text`, from 1; `point` draws it."""

    def __init__(self, message: str, text: str, column: int) -> None:
        self.text, self.column = text, max(1, column)
        super().__init__(f"filter, column {self.column}: {message}")


def point(text: str, column: int) -> str:
    """Two lines: the filter (of a long one, what is near) and under it a caret at `column` (from 1)."""
    begin = max(0, column - 61)
    line = "".join(c if c.isprintable() else " " for c in text[begin : begin + 100])
    return f"{line}\n{' ' * sum(map(_cells, line[: column - 1 - begin]))}^"


def _cells(character: str) -> int:
    """Columns of a terminal that a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shown(word: object) -> str:
    """What was found, quoted, on one line, not too long."""
    text = str(word)
    return repr(text if len(text) <= 40 else text[:40] + "…")


def nearest(word: object, known: Any) -> str:
    """`; meant http?` where a known word is near, else nothing."""
    near = difflib.get_close_matches(str(word)[:40], list(known), 1)
    return f"; meant {near[0]}?" if near and near[0] != word else ""


def unknown(word: object) -> str:
    """What to say of a word that is none of the language's."""
    if str(word) in NOT_STORED:
        return f"{shown(word)} {NOT_STORED[str(word)]}"
    hint = f"; meant proto {word}?" if str(word) in PROTOCOLS else nearest(word, WORDS)
    return f"{shown(word)} can't stand here{hint or f'; wanted {_CONDITION}'}"


def explain(error: lark.exceptions.UnexpectedInput, text: str) -> FilterError:
    """The parser's error as one for people."""
    position = getattr(error, "pos_in_stream", None)
    token = getattr(error, "token", None)
    at_end = position is None or position >= len(text) or (token is not None and token.type == "$END")
    blamed = _misspelt(error)
    if blamed is not None:
        return FilterError(unknown(blamed), text, blamed.start_pos + 1)
    wanted = _wanted(error)
    if at_end:
        return FilterError(f"it ends here; wanted {wanted}", text, len(text.rstrip()) + 1)
    assert position is not None
    found = re.compile(r"[-_.A-Za-z0-9]+|.", re.DOTALL).match(text, position)
    word = found[0] if found else text[position]
    if word in NOT_STORED:
        return FilterError(unknown(word), text, position + 1)
    if word in "\"'":
        return FilterError(f"a quoted text can't stand here, or isn't closed; wanted {wanted}", text, position + 1)
    hint = nearest(word, WORDS) or f"; wanted {wanted}"
    return FilterError(f"{shown(word)} can't stand here{hint}", text, position + 1)


def _misspelt(error: Any) -> Any:
    """The name before an unexpected token, if it is what's wrong: unknown, and not the id of a qualifier."""
    parser = getattr(error, "interactive_parser", None)
    stack = parser.parser_state.value_stack if parser is not None else []
    if not stack or not isinstance(stack[-1], lark.Token) or stack[-1].type != "NAME":
        return None
    # A head (`tcp dst port`) stays on the stack until its ids are complete.
    in_ids = any(isinstance(item, lark.Tree) and item.data == "head" for item in stack)
    in_ids = in_ids or (len(stack) > 1 and getattr(stack[-2], "type", "") == "CATEGORY")
    return None if in_ids or str(stack[-1]) in CONSTANTS | SERVICES | PROTOCOLS else stack[-1]


def _wanted(error: Any) -> str:
    parser = getattr(error, "interactive_parser", None)
    if parser is not None:
        accepted = parser.accepts()
    else:
        accepted = set(getattr(error, "allowed", None) or getattr(error, "expected", None) or ())
    if "CATEGORY" in accepted:
        return _CONDITION
    phrases = list(dict.fromkeys(phrase for terminal, phrase in _EXPECTED if terminal in accepted))
    return ", ".join(phrases[:-1]) + " or " + phrases[-1] if len(phrases) > 1 else (phrases or [_CONDITION])[0]
