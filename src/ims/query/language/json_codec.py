"""Filter trees as JSON and back: `{"is": "port", "direction": "either", "low": 80, ...}`, a node an object.

JSON is checked like a filter's text: every node by itself, then depth and number of terms, both without what hides
sources (hidden_sources.py): limits are for what the user wrote.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast, get_args

from ims.query.errors import QuestionError
from ims.query.language.syntax_tree import DEEPEST, HIDING, NODES, And, Contains, Expression, Not, Or, check_size

_HIDING_LEVELS = 3
"""Levels that hiding adds to a tree: `and` and `not` around a net, and `and` around the whole."""
_BY_NAME = {node.__name__.lower(): node for node in NODES}


def to_json(tree: Expression) -> dict[str, Any]:
    """A tree as plain dicts, lists, strings and integers."""
    return cast("dict[str, Any]", _as_json(tree))


def _as_json(value: Any) -> Any:
    if isinstance(value, NODES):
        values = {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
        return {"is": type(value).__name__.lower(), **values}
    if isinstance(value, tuple):
        return [_as_json(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def from_json(found: object) -> Expression:
    """The tree of what `to_json` returned. Raises QuestionError that says what is wrong."""
    tree = _read(found, 1)
    if not isinstance(tree, get_args(Expression)):
        raise QuestionError(f"filter: {tree} is a number; expected a condition")
    try:
        check_size(_without_hiding(tree))
    except ValueError as error:
        raise QuestionError(f"filter: {error}") from None
    return cast("Expression", tree)


def _read(found: object, level: int) -> Any:
    if level > DEEPEST + _HIDING_LEVELS:
        raise QuestionError(f"filter: it is nested more than {DEEPEST} deep")
    name = found.get("is") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(name, str) or name not in _BY_NAME:
        raise QuestionError(f"filter: expected an object whose 'is' is one of {', '.join(_BY_NAME)}")
    node = _BY_NAME[name]
    keys = [field.name for field in fields(node)]
    if set(found) != {"is", *keys}:
        raise QuestionError(f"filter: {name} has the keys {', '.join(['is', *keys])} and no others")
    values = {key: _value(node, found[key], level) for key in keys}
    try:
        return node(**values)
    except (ValueError, TypeError) as error:
        raise QuestionError(f"filter: {name}: {error}") from None


def _value(node: type[Any], found: object, level: int) -> Any:
    if isinstance(found, dict):
        return _read(found, level + 1)
    if isinstance(found, list):
        return tuple(_read(item, level + 1) for item in found)
    if node is Contains and isinstance(found, str):
        try:
            return bytes.fromhex(found)
        except ValueError:
            raise QuestionError("filter: contains: expected octets in hex") from None
    return found


def _without_hiding(tree: Any) -> Any:
    """A tree without the conditions that hide sources."""
    if isinstance(tree, And) and len(tree.terms) == 2 and tree.terms[1] == HIDING:
        return _without_hiding(tree.terms[0])
    if isinstance(tree, And | Or):
        return type(tree)(tuple(_without_hiding(term) for term in tree.terms))
    return Not(_without_hiding(tree.inner)) if isinstance(tree, Not) else tree
