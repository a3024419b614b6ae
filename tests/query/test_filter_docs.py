"""docs/filter.md says what the code does: its examples parse, its errors are those printed, no word is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ims.query.language import header_fields
from ims.query.language.filter import LONGEST, FilterError, parse
from ims.query.language.names import CONSTANTS, KEYWORDS, NEVER, WORDS
from ims.query.language.syntax_tree import (
    DEEPEST,
    LONGEST_SEARCH,
    MOST_LOOKUPS,
    MOST_OPERATORS,
    MOST_SEARCHES,
    MOST_TERMS,
)
from ims.records import CATEGORIES

PAGE = (Path(__file__).parents[2] / "docs" / "filter.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[EXAMPLES] = [text for kind, text in BLOCKS if kind == ""]
ERRORS = [tuple(text.splitlines()) for kind, text in BLOCKS if kind == "error"]
ROWS = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("text", EXAMPLES.splitlines())
def test_each_example_parses_and_says_itself(text: str) -> None:
    tree = parse(text)
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(("text", "said"), ERRORS)
def test_each_error_is_what_is_printed(text: str, said: str) -> None:
    with pytest.raises(FilterError) as found:
        parse(text)
    assert str(found.value) == said


def test_what_the_tables_write_parses() -> None:
    written = [text for row in ROWS for text in code(row[0].replace("\\\\", "\\"))]
    assert len(written) > 40
    for text in written:
        if text in ("src", "dst", "src or dst", "src and dst", "host", "net", "port", "portrange"):
            text += " port 80" if text.startswith(("src", "dst")) else ""
            continue
        parse(text)
    for text in ("src net 10", "tcp dst port 23", "port 80 or 443", "dst port (80 or 8080)", "not port 80"):
        assert f"`{text}`" in PAGE
        parse(text)


def test_every_word_is_on_the_page() -> None:
    for word in (*WORDS, *KEYWORDS, *NEVER, *CATEGORIES):
        assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", PAGE), word
    for name in ("tcpflags", "icmptype", "icmpcode"):
        assert name in CONSTANTS
    named = set(re.findall(r"`((?:tcp|icmp)-[a-z]+)`", PAGE))
    assert {name for name in CONSTANTS if name.startswith("tcp-")} <= named <= set(CONSTANTS)


def test_octets_and_limits_are_the_code_s() -> None:
    stated = ", ".join(f"`{part}`" for part in re.findall(r"\w+\[[^]]+\]", header_fields.supported()))
    assert stated in PAGE.replace("\n", " ")
    assert f"{LONGEST:,} bytes, {MOST_TERMS} terms, and is nested at most {DEEPEST} deep" in PAGE
    words = " ".join(PAGE.split())
    assert f"at most {MOST_OPERATORS} operators, and all of them look at {MOST_LOOKUPS:,} columns at most" in words
    assert f"searched {MOST_SEARCHES} times at most, for up to {LONGEST_SEARCH} octets each" in words


def test_precedence_is_as_said() -> None:
    assert parse("tcp or udp and port 53") == parse("(tcp or udp) and port 53")
    assert parse("ttl < 10") == parse("ip[8] < 10")
