"""Trees as JSON and back: the same tree, or a refusal in one line."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.query.language.filter import LONGEST, from_json, parse, to_json
from ims.query.language.syntax_tree import (
    DEEPEST,
    MOST_TERMS,
)

from ...effort import examples
from .test_filter import VALID
from .trees import trees


@given(trees)
@settings(max_examples=examples(500, 100))
def test_a_tree_is_itself_after_json_and_after_text(tree: Any) -> None:
    found = json.loads(json.dumps(to_json(tree)))
    assert from_json(found) == tree
    assert hash(from_json(found)) == hash(tree)
    if len(str(tree).encode()) <= LONGEST:
        assert parse(str(tree)) == tree


@pytest.mark.parametrize("text", VALID)
def test_a_filter_s_json_is_plain(text: str) -> None:
    tree = parse(text)
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


def test_json_is_as_documented() -> None:
    assert to_json(parse("tcp dst port 80")) == {
        "is": "port",
        "direction": "destination",
        "low": 80,
        "high": 80,
        "protocol": 6,
    }
    assert to_json(parse("not payload contains 'ab'")) == {"is": "not", "inner": {"is": "contains", "octets": "6162"}}


PORT = {"is": "port", "direction": "either", "low": 80, "high": 80, "protocol": None}


NET = {"is": "net", "direction": "either", "address": 10 << 24, "mask": 255 << 24}


ONE, TTL = {"is": "number", "value": 1}, {"is": "octets", "header": "ip", "offset": 8, "size": 1}


COMPARE = {"is": "compare", "operator": "=", "left": TTL, "right": ONE}


def deep(levels: int, kind: str = "not") -> dict[str, Any]:
    tree: dict[str, Any] = {"is": "nothing"}
    for _ in range(levels - 1):
        tree = {"is": "not", "inner": tree} if kind == "not" else {"is": kind, "terms": [{"is": "nothing"}, tree]}
    return tree


BAD: list[Any] = [
    None, 1, 1.5, True, "tcp", [], {}, [PORT], {"is": None}, {"is": 1}, {"is": ["port"]}, {"is": {}}, {"is": "Port"}, {"is": "eval"}, {"is": "__class__"},
    ONE, TTL, {"is": "arithmetic", "operator": "+", "left": TTL, "right": ONE},
    PORT | {"low": -1}, PORT | {"low": 65536}, PORT | {"low": "80"}, PORT | {"low": 80.0}, PORT | {"low": True}, PORT | {"low": None}, PORT | {"low": [80]},
    PORT | {"low": 81}, PORT | {"low": float("nan")}, PORT | {"low": 10**5000}, PORT | {"protocol": 1}, PORT | {"protocol": "tcp"}, PORT | {"protocol": 6.0},
    PORT | {"direction": "src"}, PORT | {"direction": None}, PORT | {"direction": ["either"]}, PORT | {"direction": ONE}, PORT | {"extra": 1}, PORT | {1: 1},
    {key: value for key, value in PORT.items() if key != "low"}, PORT | {"low": ONE},
    NET | {"address": (10 << 24) + 1}, NET | {"mask": 1 << 32}, NET | {"address": "10.0.0.0"}, NET | {"mask": True},
    COMPARE | {"operator": "=="}, COMPARE | {"operator": "; DROP TABLE packets"}, COMPARE | {"left": PORT}, COMPARE | {"left": 1}, COMPARE | {"left": [ONE]},
    COMPARE | {"left": {"is": "number", "value": -1}}, COMPARE | {"left": {"is": "number", "value": 1 << 32}}, COMPARE | {"operator": ONE},
    COMPARE | {"left": TTL | {"offset": 10}}, COMPARE | {"left": TTL | {"size": 3}}, COMPARE | {"left": TTL | {"header": "ip6"}},
    COMPARE | {"left": TTL | {"header": None}}, COMPARE | {"left": TTL | {"header": [ONE, ONE]}}, COMPARE | {"left": TTL | {"offset": "8"}}, COMPARE | {"left": TTL | {"offset": True}},
    COMPARE | {"left": {"is": "arithmetic", "operator": "+", "left": ONE, "right": ONE}}, COMPARE | {"left": {"is": "arithmetic", "operator": "**", "left": TTL, "right": ONE}},
    COMPARE | {"left": {"is": "arithmetic", "operator": "/", "left": TTL, "right": ONE | {"value": 0}}},
    COMPARE | {"left": {"is": "arithmetic", "operator": "<<", "left": TTL, "right": ONE | {"value": 32}}},
    {"is": "has", "what": "nothing"}, {"is": "has", "what": ["new"]}, {"is": "has", "what": None}, {"is": "has"},
    {"is": "named", "column": "source", "name": "a"}, {"is": "named", "column": "sensor", "name": ""}, {"is": "named", "column": "sensor", "name": "a" * 65},
    {"is": "named", "column": "sensor", "name": "a\x1b"}, {"is": "named", "column": "sensor", "name": "a\ud800"}, {"is": "named", "column": "sensor", "name": 1},
    {"is": "named", "column": "category", "name": "nope"}, {"is": "named", "column": ["sensor"], "name": "a"},
    {"is": "signature", "digits": "abcde"}, {"is": "signature", "digits": "ABCDEF"}, {"is": "signature", "digits": "a" * 33}, {"is": "signature", "digits": "٣" * 8},
    {"is": "signature", "digits": 123456}, {"is": "signature", "digits": ["a"] * 6},
    {"is": "contains", "octets": ""}, {"is": "contains", "octets": "0"}, {"is": "contains", "octets": "zz"}, {"is": "contains", "octets": "41" * 4097},
    {"is": "contains", "octets": 41}, {"is": "contains", "octets": [41]}, {"is": "contains", "octets": None}, {"is": "contains", "octets": "\ud800"},
    {"is": "protocol", "number": 256}, {"is": "protocol", "number": -1}, {"is": "protocol", "number": "6"}, {"is": "protocol", "number": False},
    {"is": "not", "inner": ONE}, {"is": "not", "inner": None}, {"is": "not", "inner": [PORT]}, {"is": "not"},
    {"is": "and", "terms": []}, {"is": "and", "terms": [PORT]}, {"is": "and", "terms": PORT}, {"is": "and", "terms": "tcp"}, {"is": "and", "terms": [PORT, ONE]},
    {"is": "or", "terms": [PORT, None]}, {"is": "or", "terms": [PORT, "tcp"]}, {"is": "or", "terms": [[PORT, PORT], PORT]}, {"is": "or", "terms": {"0": PORT}},
    {"is": "or", "terms": [PORT] * (MOST_TERMS + 1)}, deep(DEEPEST + 1), deep(DEEPEST + 1, "and"), deep(900), deep(10_000), {"is": "nothing", "terms": []},
]  # fmt: skip


@pytest.mark.parametrize("found", BAD, ids=range(len(BAD)))
def test_bad_json_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match=r"^filter: ") as refused:
        from_json(found)
    assert len(str(refused.value)) < 400
    if isinstance(found, dict) and not any(key == 1 for key in found):
        with pytest.raises(ValueError, match=r"^filter: "):
            from_json({"is": "not", "inner": found})


def test_json_as_deep_and_long_as_may_be_is_taken() -> None:
    assert to_json(from_json(deep(DEEPEST))) == deep(DEEPEST)
    assert to_json(from_json(deep(DEEPEST, "or"))) == deep(DEEPEST, "or")
    from_json({"is": "or", "terms": [PORT] * MOST_TERMS})


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["port", "either", "tcp", "=", "+", "scan", "sensor", "new", "0a0b0c0d", PORT, ONE, TTL, NET, COMPARE]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["is", "low", "terms", "inner", "x"]), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def places(found: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below."""
    items = list(found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ())
    return [(found, key) for key, _ in items] + [place for _, value in items for place in places(value)]


@given(trees, st.data())
@settings(max_examples=examples(500, 100))
def test_json_that_somebody_touched_is_a_tree_or_refused(tree: Any, data: st.DataObject) -> None:
    found = copy.deepcopy(to_json(tree))
    container, key = data.draw(st.sampled_from(places(found)))
    container[key] = data.draw(junk)
    try:
        touched = from_json(found)
    except ValueError as error:
        assert str(error).startswith("filter: ")
        return
    assert from_json(to_json(touched)) == touched
    if len(str(touched).encode()) <= LONGEST:
        assert parse(str(touched)) == touched
