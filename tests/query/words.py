"""Words that a verb or an analysis can't do without, as tests give them that go through all verbs or all analyses."""

from __future__ import annotations

from typing import Any

NEEDED: dict[str, dict[str, Any]] = {
    "top": {"column": "destination_port"},
    "chain": {"first": "ip", "then": ["ip"]},
}
"""By verb, as Python's methods and the portal's API take them."""
NEEDED_BY_ANALYSIS: dict[str, dict[str, Any]] = {"chain": NEEDED["chain"]}
"""By analysis, likewise."""


def needed(verb: str) -> dict[str, Any]:
    """A verb's words, in a dictionary that may be changed."""
    return dict(NEEDED.get(verb, {}))


def needed_by_analysis(name: str) -> dict[str, Any]:
    """An analysis' words, likewise."""
    return dict(NEEDED_BY_ANALYSIS.get(name, {}))


def requested(verb: str) -> dict[str, Any]:
    """A verb's words as make_request takes them."""
    return {{"column": "group"}.get(name, name): value for name, value in needed(verb).items()}


def line_of(verb: str) -> tuple[str, ...]:
    """A verb's words on the command line."""
    return as_line(needed(verb))


def as_line(words: dict[str, Any]) -> tuple[str, ...]:
    """Words on the command line: a column and a filter by place, all others as options."""
    found: list[str] = [words[name] for name in ("column", "filter") if name in words]
    for name, value in words.items():
        if name not in ("column", "filter"):
            for each in value if isinstance(value, list) else [value]:
                found += [f"--{name.replace('_', '-')}", str(each)]
    return tuple(found)
