"""What was added, lost or changed between two documents of JSON, a line each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

LONGEST = 80


def differences(before: Any, now: Any, at: str = "") -> Iterator[str]:
    """A line for each place, such as `paths./query/count.get.parameters[filter].required: False -> True`.

    What has a name in a list is found by it.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        yield from _of_members(before, now, f"{at}." if at else "", "")
    elif isinstance(before, list) and isinstance(now, list):
        if (was := _by_name(before)) and (is_now := _by_name(now)):
            yield from _of_members(was, is_now, f"{at}[", "]")
            yield from _order([name for name in was if name in is_now], [name for name in is_now if name in was], at)
        else:
            yield from _of_items(before, now, at)
    elif _text(before) != _text(now):  # as text, for True == 1 and 1 == 1.0
        yield f"{at}: {_shown(before)} -> {_shown(now)}"


def _of_members(before: dict[str, Any], now: dict[str, Any], begin: str, end: str) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        at = f"{begin}{name}{end}"
        if name not in now:
            yield f"{at}: lost, was {_shown(before[name])}"
        elif name not in before:
            yield f"{at}: added, {_shown(now[name])}"
        else:
            yield from differences(before[name], now[name], at)


def _by_name(items: list[Any]) -> dict[str, Any]:
    """Items that are distinguished by their names; nothing where some aren't."""
    names = {f"{one['name']}": one for one in items if isinstance(one, dict) and "name" in one}
    return names if len(names) == len(items) else {}


def _order(before: list[str], now: list[str], at: str) -> Iterator[str]:
    if before != now:
        yield f"{at}: order {', '.join(before)} -> {', '.join(now)}"


def _of_items(before: list[Any], now: list[Any], at: str) -> Iterator[str]:
    """Items that are the same are matched, what stands between two such by its place."""
    matcher = SequenceMatcher(None, [*map(_text, before)], [*map(_text, now)], autojunk=False)
    for kind, begin, end, begin_now, end_now in matcher.get_opcodes():
        if kind == "equal":
            continue
        pairs = min(end - begin, end_now - begin_now)
        for i in range(pairs):
            yield from differences(before[begin + i], now[begin_now + i], f"{at}[{begin + i}]")
        for i in range(begin + pairs, end):
            yield f"{at}[{i}]: lost, was {_shown(before[i])}"
        for i in range(begin_now + pairs, end_now):
            yield f"{at}[{i}]: added, {_shown(now[i])}"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _shown(value: Any) -> str:
    """As Python writes it; of what is long, the beginning."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
