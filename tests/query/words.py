"""Words that a verb or an analysis can't do without, or not well, as tests give them that go through all of them."""

from __future__ import annotations

from typing import Any

NEEDED: dict[str, dict[str, Any]] = {
    "top": {"column": "destination_port"},
    "chain": {"first": "ip", "then": ["ip"]},
}
"""By verb, as Python's methods and the portal's API take them."""
NEEDED_BY_ANALYSIS: dict[str, dict[str, Any]] = {
    "chain": NEEDED["chain"],
    "exchange": {"source": "192.0.2.9"},
    "new-payloads": {"history": "1h"},
}
"""By analysis, likewise: of a day's store, a day of history would leave nothing to analyse."""


def needed(verb: str) -> dict[str, Any]:
    """A verb's words, in a dictionary that may be changed."""
    return dict(NEEDED.get(verb, {}))


def needed_by_analysis(name: str) -> dict[str, Any]:
    """An analysis' words, likewise."""
    return dict(NEEDED_BY_ANALYSIS.get(name, {}))


def found_by_analysis(telescope: Any, name: str) -> dict[str, Any]:
    """The same, with a source that has sent UDP or TCP, if the analysis is about one."""
    words = needed_by_analysis(name)
    return words | {"source": telescope.sources("udp", limit=1).rows()[0]["source"]} if "source" in words else words


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
