"""The lines of keys in a TOML file, for messages: Python's reader doesn't give them.

Keys within inline tables and quoted keys with escapes have no line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]")
_KEY = re.compile(r"""\s*([A-Za-z0-9_."' -]+?)\s*=""")
_QUOTES = ('"""', "'''")


class TomlTable(dict[str, Any]):
    """The content of a file of TOML, and its text."""

    text: str = ""


def line_of(text: str, place: Sequence[int | str]) -> int | None:
    """The line, from 1 on, of the last part of `place` that is found: ("sensor", 0, "address") for the key `address`
    below the first `[[sensor]]`, or that header if there is no such key. None if nothing is found."""
    lines = dict(reversed(list(_places(text))))
    parts = tuple(place)
    return next((lines[parts[:n]] for n in range(len(parts), 0, -1) if parts[:n] in lines), None)


def _places(text: str) -> Iterator[tuple[tuple[int | str, ...], int]]:
    """Each header and each key with its line."""
    counts: dict[tuple[int | str, ...], int] = {}
    table: tuple[int | str, ...] = ()
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not inside:
            header, key = _HEADER.match(line), _KEY.match(line)
            if header:
                table = _opened(counts, _parts(header[2]), header[1] == "[[")
                yield table, number
            elif key:
                yield table + _parts(key[1]), number
        inside = _still_inside(line, inside)


def _opened(counts: dict[tuple[int | str, ...], int], parts: tuple[str, ...], is_array: bool) -> tuple[int | str, ...]:
    """The place that a header opens: in an array of tables the next one; of arrays on the way, the last one."""
    place: tuple[int | str, ...] = ()
    for part in parts[:-1]:
        place += (part,)
        if place in counts:
            place += (counts[place],)
    place += (parts[-1],)
    if is_array:
        counts[place] = counts.get(place, -1) + 1
        place += (counts[place],)
    return place


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _still_inside(line: str, inside: str) -> str:
    """The quotes of the long string that goes on in the next line; empty if there is none."""
    at = 0
    while True:
        if inside:
            end = line.find(inside, at)
            if end < 0:
                return inside
            at, inside = end + 3, ""
        begins = [(line.find(quotes, at), quotes) for quotes in _QUOTES if quotes in line[at:]]
        if not begins:
            return ""
        begin, inside = min(begins)
        at = begin + 3
