"""Messages about a filter that can't be read: which column, what was found there, what was expected.

A misspelt word is reported itself, not what follows it, and the nearest known word is offered.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import Any

import lark

from ims.query.errors import QuestionError
from ims.query.language.names import CONSTANTS, NOT_STORED, PROTOCOLS, SERVICES, WORDS

_CONDITION = "a condition such as tcp, net 10.0.0.0/8, dst port 80, ttl < 10 or category scan"
_KINDS = ("host", "net", "port", "portrange")
_EXPECTED = (
    ("_AND", "and"), ("_OR", "or"), ("RELATION", "a comparison such as = or <"), ("SRC", "src"), ("DST", "dst"),
    *(("KIND", kind) for kind in (*_KINDS, "proto")), ("MULTICAST", "multicast"), ("LSQB", "'['"),
    ("NUMBER", "a number"), ("NAME", "a name"), ("ADDRESS", "an address"), ("CONTAINS", "contains"), ("MASK", "mask"),
    ("TEXT", "a quoted text"), ("HEX", "hex digits"), ("LABEL", "a name"), ("COLON", "':'"), ("RPAR", "')'"),
    ("RSQB", "']'"), ("$END", "the end"),
)  # fmt: skip
"""Terminals of the grammar -> their names in messages. The first words of a condition are named together."""


class FilterError(QuestionError):
    """A filter that can't be read. `column`: the place in `text`, from 1; `point` draws it."""

    def __init__(self, message: str, text: str, column: int) -> None:
        self.text, self.column = text, max(1, column)
        super().__init__(f"filter, column {self.column}: {message}")


def point(text: str, column: int) -> str:
    """Two lines: the filter (only the part near `column` if it is long) and a caret under `column` (from 1)."""
    begin = max(0, column - 61)
    line = "".join(c if c.isprintable() else " " for c in text[begin : begin + 100])
    return f"{line}\n{' ' * sum(map(_cells, line[: column - 1 - begin]))}^"


def _cells(character: str) -> int:
    """Columns of a terminal that a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shown(word: object) -> str:
    """A word of the filter, quoted and shortened."""
    text = str(word)
    return repr(text if len(text) <= 40 else text[:40] + "…")


def nearest(word: object, known: Any) -> str:
    """`; meant http?` where a known word is similar, else nothing."""
    near = difflib.get_close_matches(str(word)[:40], list(known), 1)
    return f"; meant {near[0]}?" if near and near[0] != word else ""


def unknown(word: object) -> str:
    """The message about a word that isn't part of the language."""
    if str(word) in NOT_STORED:
        return f"{shown(word)} {NOT_STORED[str(word)]}"
    hint = f"; meant proto {word}?" if str(word) in PROTOCOLS else nearest(word, WORDS)
    return f"{shown(word)} can't stand here{hint or f'; expected {_CONDITION}'}"


def explain(error: lark.exceptions.UnexpectedInput, text: str) -> FilterError:
    """The parser's error as one for people."""
    position = getattr(error, "pos_in_stream", None)
    if position is None or getattr(getattr(error, "token", None), "type", "") == "$END":
        position = len(text)
    if (first := _first_unknown(text, position)) is not None:
        return first
    if (misspelt := _misspelt(error)) is not None:
        return FilterError(unknown(misspelt), text, misspelt.start_pos + 1)
    expected = _expected(error)
    if position >= len(text):
        return FilterError(f"it ends here; expected {expected}", text, len(text.rstrip()) + 1)
    found = re.compile(r"[-_.A-Za-z0-9]+|.", re.DOTALL).match(text, position)
    word = found[0] if found else text[position]
    if word in NOT_STORED:
        message = unknown(word)
    elif word in "\"'":
        message = f"a quoted text can't stand here, or isn't closed; expected {expected}"
    else:
        message = f"{shown(word)} can't stand here{nearest(word, WORDS) or f'; expected {expected}'}"
    return FilterError(message, text, position + 1)


_WORD = re.compile(r""""([^"\\]|\\.)*"|'([^'\\]|\\.)*'|\\?[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?""", re.DOTALL)
_NUMERIC = re.compile(r"0[xX][0-9A-Fa-f]+|[0-9][0-9.]*(-[0-9]+)?")
_NAMED = ("block", "sensor", "signature")
"""Words that any name, or digits, may follow."""
_AFTER_PROTOCOLS = ("port", "portrange", "src", "dst", "and", "or")
_HEADS = dict.fromkeys(("src", "dst"), _KINDS) | dict.fromkeys(("tcp", "udp", "sctp"), _AFTER_PROTOCOLS)
"""Words -> words that may follow them, to guess what was meant."""
_KNOWN = frozenset([*" ".join(WORDS).split(), *CONSTANTS, *SERVICES, *PROTOCOLS])


def _first_unknown(text: str, until: int) -> FilterError | None:
    """The first word up to `until` that isn't part of the language: the parser often fails only after it."""
    from ims.records import CATEGORIES  # brings NumPy

    before = ""
    for found in _WORD.finditer(text):
        word = found[0]
        if found.start() > until:
            break
        named = before in _NAMED or (before == "category" and word in CATEGORIES)
        known = word[0] in "\"'\\" or word in _KNOWN or named
        if not (known or _NUMERIC.fullmatch(word) or _is_range(word, before)):
            if found.start() == until and not nearest(word, _HEADS.get(before, ())):
                return None  # the parser says what could stand there
            left = text[: found.start()].rstrip()[-1:]
            return FilterError(_message(word, before, left), text, found.start() + 1)
        before = word
    return None


def _message(word: str, before: str, left: str) -> str:
    """The message about an unknown word: what is expected depends on the word, or the sign, left of it."""
    if word in NOT_STORED:
        return unknown(word)
    if left and left in "[=<>&|+-*/^%":
        return f"no number {shown(word)} is known{nearest(word, CONSTANTS) or '; expected one such as 80 or tcp-syn'}"
    if before in ("host", "net"):
        return f"{shown(word)} is no address, and names aren't looked up; expected one such as 198.51.100.7"
    from ims.records import CATEGORIES  # brings NumPy

    kinds = {"category": ("category", CATEGORIES), "port": ("service", SERVICES), "proto": ("protocol", PROTOCOLS)}
    if before in kinds:
        kind, names = kinds[before]
        return f"no {kind} {shown(word)} is known{nearest(word, names)}"
    hint = nearest(word, _HEADS.get(before, ()))
    return f"{shown(word)} can't stand here{hint}" if hint else unknown(word)


def _is_range(word: str, before: str) -> bool:
    """Whether it may be a range of ports by name: `ftp-http`."""
    return before in ("portrange", "or") and any(word.startswith(f"{name}-") for name in SERVICES)


def _misspelt(error: Any) -> Any:
    """The name before an unexpected token, if that is the error: it isn't known, and isn't an id of a qualifier."""
    parser = getattr(error, "interactive_parser", None)
    stack = parser.parser_state.value_stack if parser is not None else []
    if not stack or not isinstance(stack[-1], lark.Token) or stack[-1].type != "NAME":
        return None
    # A head (`tcp dst port`) stays on the stack until its ids are complete.
    in_ids = any(isinstance(item, lark.Tree) and item.data == "head" for item in stack)
    in_ids = in_ids or (len(stack) > 1 and getattr(stack[-2], "type", "") == "CATEGORY")
    return None if in_ids or str(stack[-1]) in CONSTANTS | SERVICES | PROTOCOLS else stack[-1]


def _expected(error: Any) -> str:
    parser = getattr(error, "interactive_parser", None)
    if parser is not None:
        accepted = parser.accepts()
    else:
        accepted = set(getattr(error, "allowed", None) or getattr(error, "expected", None) or ())
    phrases = list(dict.fromkeys(phrase for terminal, phrase in _EXPECTED if terminal in accepted))
    if "CATEGORY" in accepted or not phrases:
        return _CONDITION
    return ", ".join(phrases[:-1]) + " or " + phrases[-1] if len(phrases) > 1 else phrases[0]
