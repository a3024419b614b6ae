"""Nodes of a filter's tree are checked when they are made, say themselves as text, and are bounded in what they cost."""

from __future__ import annotations

import ipaddress
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.query.language.filter import parse
from ims.query.language.json_codec import to_json
from ims.query.language.syntax_tree import (
    DEEPEST,
    HIDING,
    LONGEST_SEARCH,
    MOST_OPERATORS,
    MOST_SEARCHES,
    MOST_TERMS,
    And,
    Arithmetic,
    Compare,
    Contains,
    Has,
    Named,
    Net,
    Not,
    Number,
    Octets,
    Or,
    Port,
    Protocol,
    Signature,
    check_size,
    dotted,
    quoted,
    walk,
)

from ...effort import examples
from .trees import trees

TCP, TTL = Protocol(6), Octets("ip", 8, 1)
Make = Callable[[], Any]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Number(-1), lambda: Number(1 << 32), lambda: Number(True), lambda: Number(1.0),  # type: ignore[arg-type]
        lambda: Octets("ip", 10, 1), lambda: Octets("ip", 8, 3), lambda: Octets("tcp", True, 1), lambda: Octets("ip6", 0, 1),
        lambda: Arithmetic("**", TTL, TTL), lambda: Arithmetic("+", Number(1), Number(2)), lambda: Arithmetic("/", TTL, Number(0)),
        lambda: Arithmetic("<<", TTL, Number(32)), lambda: Arithmetic("+", TTL, TCP),  # type: ignore[arg-type]
        lambda: Compare("==", TTL, TTL), lambda: Compare("=", TTL, 1), lambda: Protocol(256), lambda: Protocol(-1),  # type: ignore[arg-type]
        lambda: Net("src", 0, 0), lambda: Net("either", 1 << 32, 0), lambda: Net("either", 1, 0xFFFF_FF00),  # type: ignore[arg-type]
        lambda: Port("either", 2, 1, None), lambda: Port("either", 0, 65_536, None), lambda: Port("either", 1, 1, 1),
        lambda: Has("hidden"), lambda: Named("source", "a"), lambda: Named("sensor", ""), lambda: Named("block", "a\n"),  # type: ignore[arg-type]
        lambda: Named("category", "nope"), lambda: Named("sensor", "a" * 65), lambda: Signature("abcde"), lambda: Signature("ABCDEF"),
        lambda: Contains(b""), lambda: Contains(bytes(LONGEST_SEARCH + 1)), lambda: Contains("x"),  # type: ignore[arg-type]
        lambda: Not(TTL), lambda: And((TCP,)), lambda: Or((TCP, TTL)), lambda: Or([TCP, TCP]), lambda: And(()),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_node_that_is_none_is_refused_in_a_line(make: Make) -> None:
    with pytest.raises(ValueError, match=r"\S") as refused:
        make()
    assert str(refused.value).isprintable() and len(str(refused.value)) <= 300


@given(trees)
@settings(max_examples=examples(200, 60))
def test_the_walk_meets_each_node_once(tree: Any) -> None:
    """As many as there are objects in its JSON; the tree itself first."""
    met = list(walk(tree))
    assert met[0] is tree
    assert len(met) == json.dumps(to_json(tree)).count('"is": "')


@given(st.integers(0, 2**32 - 1))
def test_an_address_is_as_ipaddress_writes_it(address: int) -> None:
    assert dotted(address) == str(ipaddress.IPv4Address(address))


@pytest.mark.parametrize("text", ["a", 'a"b', "a\\", '\\"', "it's", "ä日", "a b"])
def test_a_quoted_text_is_read_as_itself(text: str) -> None:
    assert parse(f"sensor {quoted(text)}") == Named("sensor", text)


def test_a_net_s_prefix_is_that_of_a_mask_without_gaps() -> None:
    for bits in range(33):
        mask = int(ipaddress.IPv4Network((0, bits)).netmask)
        assert Net("either", 0, mask).prefix == bits
    for mask in (0x0000_00FF, 0xFF00_FF00, 0x7FFF_FFFF, 1):
        assert Net("either", 0, mask).prefix is None
        assert "mask" in str(Net("either", 0, mask))


def nested(levels: int) -> Any:
    tree: Any = TCP
    for kind in itertools.islice(itertools.cycle((And, Or)), levels - 1):
        tree = kind((tree, TCP))
    return tree


def operators(count: int) -> Compare:
    number: Any = TTL
    for _ in range(count):
        number = Arithmetic("+", number, TTL)
    return Compare("=", number, TTL)


@pytest.mark.parametrize(
    ("largest", "larger", "why"),
    [
        (nested(DEEPEST), nested(DEEPEST + 1), "nested 65 deep"),
        (Or((TCP,) * MOST_TERMS), Or((TCP,) * (MOST_TERMS + 1)), "501 terms"),
        (Or((Contains(b"a"),) * MOST_SEARCHES), Or((Contains(b"a"),) * (MOST_SEARCHES + 1)), "searches payloads 17 times"),
        (operators(MOST_OPERATORS), operators(MOST_OPERATORS + 1), "more than 16 operators"),
        (Or((Compare("=", Octets("ip", 0, 1), TTL),) * 200), Or((Compare("=", Octets("ip", 0, 1), TTL),) * 201), "2,010 columns"),
    ],
)  # fmt: skip
def test_the_largest_tree_is_taken_and_the_next_refused(largest: Any, larger: Any, why: str) -> None:
    check_size(largest)
    with pytest.raises(ValueError, match=why):
        check_size(larger)


def test_a_source_that_is_hidden_is_in_no_text() -> None:
    """It says itself, and nobody can write it."""
    with pytest.raises(ValueError, match="hidden"):
        parse(str(HIDING))
