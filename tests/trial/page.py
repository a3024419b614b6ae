"""A page of the documentation as the steps that it prints: commands, files, and what is neither."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WHERE = re.compile(r"# on (.+)\n")
FILE = re.compile(r"# (\S*(?:/\S*|\.toml))(?: on (.+))?\n")


class Block(NamedTuple):
    """What stands between two fences."""

    language: str
    text: str
    place: str | None
    """the machine that its first line names: `# on sensor-a`, or `# /etc/ims/queryd.toml on sensor-a`"""
    file: str | None
    """the file that it is the contents of"""
    typed: str = ""
    """what is typed when its commands ask"""

    @property
    def commands(self) -> bool:
        return self.language == "sh"


def blocks(page: str) -> list[Block]:
    """All blocks of a page, such as `sensor.md`, in order."""
    found = []
    for language, text in FENCE.findall((DOCS / page).read_text()):
        where, file = WHERE.match(text), FILE.match(text)
        if where is not None:
            found.append(Block(language, text[where.end() :], where[1], None))
        elif file is not None:
            found.append(Block(language, text, file[2], file[1]))
        else:
            found.append(Block(language, text, None, None))
    return found
