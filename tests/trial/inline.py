"""Commands that a page prints within its sentences, and what runs them: a block of a page, or a test of this folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from .page import DOCS, FENCE, blocks

PAGES = ("sensor.md", "deploy.md", "pki.md", "scale.md")
SPAN = re.compile(r"`([^`]+)`")
PROGRAM = re.compile(
    r"(?:ims|make|systemctl|systemd-analyze|journalctl|curl|ethtool|chown|chmod|kill|aws|apt-get|\S*/bin/\S+) "
)
"""How a command begins."""
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")
"""What a person puts a word of their own for, such as NAME."""


def inline_commands(page: str) -> set[str]:
    """Of a page's sentences, what is a program with words."""
    spans = SPAN.findall(FENCE.sub("", (DOCS / page).read_text()))
    return {command for span in spans if PROGRAM.match(command := " ".join(span.split()))}


def lines_run() -> Iterator[str]:
    """All that the trial runs: the pages' blocks, and what tests have machines run, a test's own words as `…`."""
    for page in PAGES:
        for block in blocks(page):
            if block.commands:
                yield from block.text.replace("\\\n", " ").splitlines()
            elif block.file is not None:
                yield from re.findall(r"^ExecStart=\S*/(.*)", block.text, re.MULTILINE)
    for file in Path(__file__).parent.glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call) and node.args]
        for call in calls:
            if getattr(call.func, "attr", "") in ("run", "run_online", "until"):
                yield from re.split(r"\n|;|\|\|?|&&", text(call.args[0]))


def text(node: ast.expr) -> str:
    """What a literal says, with `…` for what isn't literal in it."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) for part in node.values)
    return "…"


def is_run(command: str, lines: list[str]) -> bool:
    """Whether a line is this command, with words in place of its placeholders, and perhaps more words."""
    pattern = PLACEHOLDER.sub(r"\\S+", re.escape(command).replace(r"\ ", " "))
    return any(re.search(rf"(?:^|[\s'])(?:{pattern})(?:[\s']|$)", line) for line in lines)
