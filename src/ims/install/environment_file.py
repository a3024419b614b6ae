"""A file of variables, as systemd reads it for EnvironmentFile= (systemd.exec(5)): no shell's."""

from __future__ import annotations

import re
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
COMMENT = "#;"
ESCAPED = '"\\`$'
"""What a backslash escapes between double quotes; before anything else it stands for itself."""


class Environment(NamedTuple):
    """What such a file says. `left_out`: numbers of the lines that systemd passes over, such as `export A=1`."""

    variables: dict[str, str]
    left_out: list[int]


def parse_environment(text: str) -> Environment:
    """The variables of a file. A quoted value may go on over lines, and others where a line ends with a backslash."""
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
    """The value that begins there, and where the line after it does."""
    said, quote, blanks, begun = "", "", "", False
    while at < len(text):
        character, following = text[at], text[at + 1 : at + 2]
        at += 1
        if quote:
            if character == quote:
                quote = ""
            elif character == "\\" and quote == '"':
                at += 1
                said += "" if following == "\n" else following if following in ESCAPED else character + following
            else:
                said += character
        elif character == "\n":
            break
        elif character == "\\":
            at, begun = at + 1, True
            said, blanks = said + blanks + following.strip("\n"), ""
        elif character in "\"'" and not begun:
            quote = character
        elif character.isspace():
            blanks += character if begun else ""  # none at the ends of a value
        else:
            begun = True
            said, blanks = said + blanks + character, ""
    return said, at
