"""A file of variables, as systemd reads it for EnvironmentFile= (systemd.exec(5)), unlike a shell."""

from __future__ import annotations

import re
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
COMMENT = "#;"
ESCAPED = '"\\`$'
"""What a backslash escapes between double quotes; before other characters it is literal."""


class Environment(NamedTuple):
    """A parsed file. `left_out`: numbers of the lines that systemd ignores, such as `export A=1`."""

    variables: dict[str, str]
    left_out: list[int]


def parse_environment(text: str) -> Environment:
    """The variables of a file. Quoted values may span lines, and others after a backslash at the line's end."""
    found = Environment({}, [])
    at = 0
    while at < len(text):
        end = text.find("\n", at) % (len(text) + 1)
        line = text[at:end]
        name, equals, _ = line.partition("=")
        if not line.strip() or line.lstrip()[0] in COMMENT:
            at = end + 1
        elif equals and NAME.fullmatch(name.strip()):
            found.variables[name.strip()], at = _value(text, at + len(name) + 1)
        else:
            found.left_out.append(text.count("\n", 0, at) + 1)
            at = end + 1
    return found


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins at `at`, and the start of the line after it."""
    value, quote, blanks, begun = "", "", "", False
    while at < len(text):
        character, following = text[at], text[at + 1 : at + 2]
        at += 1
        if quote:
            if character == quote:
                quote = ""
            elif character == "\\" and quote == '"':
                at += 1
                value += "" if following == "\n" else following if following in ESCAPED else character + following
            else:
                value += character
        elif character == "\n":
            break
        elif character == "\\":
            at, begun = at + 1, True
            value, blanks = value + blanks + following.strip("\n"), ""
        elif character in "\"'" and not begun:
            quote = character
        elif character.isspace():
            blanks += character if begun else ""  # none at the ends of a value
        else:
            begun = True
            value, blanks = value + blanks + character, ""
    return value, at
