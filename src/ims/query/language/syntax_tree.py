"""The syntax tree of a filter: frozen, hashable, and checked when made.

`str(tree)` parses to the same tree, except for `HiddenSource`, which has no text. Leaves are predicates; inner nodes
are `And`, `Or` (of two or more) and `Not`. A `Compare` has numbers: `Number`, `Octets` (an accessor such as tcp[13])
and `Arithmetic` (BPF's: unsigned, 32 bits).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

from ims.packet.field_values import PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP
from ims.query.language.arithmetic import MASK32, OPERATORS, check_operand
from ims.query.language.header_fields import columns_of, known, supported

DEEPEST, MOST_TERMS = 64, 500
MOST_OPERATORS = 16
"""In one comparison: each is several calls deep in the SQL compilers."""
MOST_LOOKUPS = 2_000
"""Columns read by all comparisons, repeats included: the length of the SQL depends on it."""
MOST_SEARCHES, LONGEST_SEARCH = 16, 256
"""`payload contains`: each scans all payloads of the range's days once. With more octets, the regular expression's
automaton exceeds its memory, and a payload takes 80 ms instead of 0.06 ms (measured: 1000 and 256)."""
PORTED = (PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP)
"""Protocols with ports: TCP, UDP, SCTP."""

Direction = Literal["either", "source", "destination", "both"]
Flag = Literal["payload", "new", "verified", "fragment"]
DIRECTIONS: tuple[str, ...] = get_args(Direction)
FLAGS: tuple[str, ...] = get_args(Flag)
RELATIONS = ("<", "<=", ">", ">=", "=", "!=")
_DIRECTION_WORDS = {"either": "", "source": "src ", "destination": "dst ", "both": "src and dst "}


def _check(right: bool, expected: str, found: object) -> None:
    if not right:
        raise ValueError(f"expected {expected}; found {found!r}"[:300])


def _check_number(found: object, highest: int, what: str) -> None:
    _check(type(found) is int and 0 <= found <= highest, f"{what}, 0 to {highest}", found)


@dataclass(frozen=True)
class Number:
    """A constant, 0 to 2**32 - 1."""

    value: int

    def __post_init__(self) -> None:
        _check_number(self.value, MASK32, "a number")

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class Octets:
    """`size` octets of a header from `offset` on, as a number in network order."""

    header: str
    offset: int
    size: int

    def __post_init__(self) -> None:
        right = type(self.offset) is int and type(self.size) is int and isinstance(self.header, str)
        _check(right and known(self.header, self.offset, self.size), f"one of {supported()}", str(self))

    def __str__(self) -> str:
        size = f":{self.size}" if self.size != 1 else ""
        return f"{self.header}[{self.offset}{size}]"


@dataclass(frozen=True)
class _Binary:
    operators: ClassVar[tuple[str, ...]]
    operator: str
    left: Value
    right: Value

    def __post_init__(self) -> None:
        _check(self.operator in self.operators, f"one of {' '.join(self.operators)}", self.operator)
        sides = (self.left, self.right)
        _check(all(isinstance(side, Value) for side in sides), "numbers on both sides", sides)


@dataclass(frozen=True)
class Arithmetic(_Binary):
    """One of `OPERATORS` between two numbers, not both constant. Dividing by zero rejects the packet, as a missing
    octet does; shifting by more than 31 bits gives 0."""

    operators = OPERATORS

    def __post_init__(self) -> None:
        super().__post_init__()
        sides = (self.left, self.right)
        _check(not all(isinstance(side, Number) for side in sides), "a number worked out", sides)
        if isinstance(self.right, Number):
            check_operand(self.operator, self.right.value)

    def __str__(self) -> str:
        left, right = (f"({side})" if isinstance(side, Arithmetic) else str(side) for side in (self.left, self.right))
        return f"{left} {self.operator} {right}"


Value = Number | Octets | Arithmetic


@dataclass(frozen=True)
class Compare(_Binary):
    """One of `RELATIONS` between two numbers; false where the packet has no such header. Where it has one, but lacks
    the octets, it is neither true nor false: see predicate.py."""

    operators = RELATIONS

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True)
class Protocol:
    """Packets of an IP protocol, fragments included; None: all."""

    number: int | None

    def __post_init__(self) -> None:
        if self.number is not None:
            _check_number(self.number, 255, "an IP protocol")

    def __str__(self) -> str:
        return "ip" if self.number is None else f"ip proto {self.number}"


@dataclass(frozen=True)
class Net:
    """Addresses that are `address` under `mask`; a host is a net of 32 bits."""

    direction: Direction
    address: int
    mask: int

    def __post_init__(self) -> None:
        _check(self.direction in DIRECTIONS, f"one of {', '.join(DIRECTIONS)}", self.direction)
        _check_number(self.address, MASK32, "an address")
        _check_number(self.mask, MASK32, "a mask")
        _check(self.address & ~self.mask == 0, "an address without bits outside its mask", str(self))

    @property
    def prefix(self) -> int | None:
        """Bits of a mask without gaps; None of others."""
        bits = self.mask.bit_count()
        return bits if self.mask == MASK32 & ~(MASK32 >> bits) else None

    def __str__(self) -> str:
        words, address, prefix = _DIRECTION_WORDS[self.direction], dotted(self.address), self.prefix
        if prefix is None:
            return f"{words}net {address} mask {dotted(self.mask)}"
        return f"{words}host {address}" if prefix == 32 else f"{words}net {address}/{prefix}"


@dataclass(frozen=True)
class Port:
    """TCP's, UDP's or SCTP's ports from `low` to `high`; `protocol` None: of any of them."""

    direction: Direction
    low: int
    high: int
    protocol: int | None

    def __post_init__(self) -> None:
        _check(self.direction in DIRECTIONS, f"one of {', '.join(DIRECTIONS)}", self.direction)
        _check_number(self.low, 0xFFFF, "a port")
        _check_number(self.high, 0xFFFF, "a port")
        _check(self.low <= self.high, "the lower port first", (self.low, self.high))
        right = self.protocol is None or (type(self.protocol) is int and self.protocol in PORTED)
        _check(right, "protocol 6, 17, 132 or none", self.protocol)

    def __str__(self) -> str:
        head = {6: "tcp ", 17: "udp ", 132: "sctp ", None: ""}[self.protocol] + _DIRECTION_WORDS[self.direction]
        return f"{head}port {self.low}" if self.low == self.high else f"{head}portrange {self.low}-{self.high}"


@dataclass(frozen=True)
class Has:
    """Packets with a payload, a new one, a proof that their source isn't spoofed, or that are fragments."""

    what: Flag

    def __post_init__(self) -> None:
        _check(self.what in FLAGS, f"one of {', '.join(FLAGS)}", self.what)

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class Named:
    """Packets whose column `column` is `name`: a category, block or sensor."""

    column: Literal["category", "block", "sensor"]
    name: str

    def __post_init__(self) -> None:
        _check(self.column in ("category", "block", "sensor"), "category, block or sensor", self.column)
        right = isinstance(self.name, str) and 0 < len(self.name) <= 64 and self.name.isprintable()
        _check(right, "a name of 1 to 64 printable characters", self.name)
        if self.column == "category":
            from ims.records import CATEGORIES  # brings NumPy

            _check(self.name in CATEGORIES, f"one of {', '.join(CATEGORIES)}", self.name)

    def __str__(self) -> str:
        return f"{self.column} {self.name}" if self.column == "category" else f"{self.column} {quoted(self.name)}"


@dataclass(frozen=True)
class Signature:
    """Packets whose payload's signature begins with these 6 to 32 lower-case hex digits."""

    digits: str

    def __post_init__(self) -> None:
        right = isinstance(self.digits, str) and re.fullmatch("[0-9a-f]{6,32}", self.digits) is not None
        _check(right, "6 to 32 hex digits", self.digits)

    def __str__(self) -> str:
        return f"signature {self.digits}"


@dataclass(frozen=True)
class Contains:
    """Packets whose payload holds these octets."""

    octets: bytes

    def __post_init__(self) -> None:
        right = isinstance(self.octets, bytes) and 0 < len(self.octets) <= LONGEST_SEARCH
        _check(right, f"1 to {LONGEST_SEARCH} octets", self.octets)

    def __str__(self) -> str:
        return f"payload contains 0x{self.octets.hex()}"


@dataclass(frozen=True)
class HiddenSource:
    """Packets whose source the user may not see: its ranges are kept beside the tree (hidden_sources.py)."""

    def __str__(self) -> str:
        return "hidden source"


@dataclass(frozen=True)
class Nothing:
    """Matches no stored packet, such as IPv6."""

    def __str__(self) -> str:
        return "ip6"


@dataclass(frozen=True)
class Not:
    """True where `inner` is false; a packet that lacks needed octets is neither."""

    inner: Expression

    def __post_init__(self) -> None:
        _check(isinstance(self.inner, Expression), "a condition", self.inner)

    def __str__(self) -> str:
        return f"not {_enclosed(self.inner)}"


@dataclass(frozen=True)
class _Several:
    terms: tuple[Expression, ...]

    def __post_init__(self) -> None:
        right = isinstance(self.terms, tuple) and len(self.terms) >= 2
        right = right and all(isinstance(term, Expression) for term in self.terms)
        _check(right, "two or more conditions", self.terms)

    def __str__(self) -> str:
        return f" {type(self).__name__.lower()} ".join(map(_enclosed, self.terms))


class And(_Several):
    """All of two or more."""


class Or(_Several):
    """Any of two or more."""


Expression = (
    Compare | Protocol | Net | Port | Has | Named | Signature | Contains | HiddenSource | Nothing | Not | And | Or
)
NODES: tuple[type[Any], ...] = (*get_args(Value), *get_args(Expression))
HIDING = Not(HiddenSource())
"""Added to filters of users who may not see some sources: see hidden_sources.py."""


def _enclosed(term: Expression) -> str:
    return f"({term})" if isinstance(term, And | Or) else str(term)


def _children(node: Any) -> Iterator[Any]:
    for field in fields(node):
        value = getattr(node, field.name)
        yield from (child for child in (value if isinstance(value, tuple) else (value,)) if isinstance(child, NODES))


def walk(tree: Any) -> Iterator[Any]:
    """This node and all below it, without recursion."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += _children(node)


def check_size(tree: Expression) -> None:
    """Raises ValueError where a tree is deeper than `DEEPEST`, or has too many predicates, operators, searches or
    lookups: so the work that a filter causes is bounded."""
    levels, level, counts = 0, [tree], Counter[str]()
    while level:
        levels += 1
        for node in level:
            counts["terms"] += isinstance(node, Expression) and not isinstance(node, Not | And | Or)
            counts["searches"] += isinstance(node, Contains)
            if isinstance(node, Compare):
                _count_numbers(node, counts)
        level = [child for node in level if not isinstance(node, Compare) for child in _children(node)]
    if counts["terms"] > MOST_TERMS:
        raise ValueError(f"it has {counts['terms']:,} terms; at most {MOST_TERMS} are taken")
    if levels > DEEPEST:
        why = "`and` and `or` in turns nest too: group them"
        raise ValueError(f"it is nested {levels} deep; at most {DEEPEST} are taken ({why})")
    if counts["searches"] > MOST_SEARCHES:
        raise ValueError(f"it searches payloads {counts['searches']} times; at most {MOST_SEARCHES} are taken")
    if counts["lookups"] > MOST_LOOKUPS:
        most = f"at most {MOST_LOOKUPS:,} are taken (ip[0], tcp[12] and udp[4] are made of several)"
        raise ValueError(f"its comparisons look at {counts['lookups']:,} columns; {most}")


def _count_numbers(comparison: Compare, counts: Counter[str]) -> None:
    operators = 0
    for node in walk(comparison):
        operators += isinstance(node, Arithmetic)
        if isinstance(node, Octets):
            counts["lookups"] += len(columns_of(node.header, node.offset, node.size))
        if operators > MOST_OPERATORS:
            raise ValueError(f"a comparison has more than {MOST_OPERATORS} operators")


def dotted(address: int) -> str:
    """An address as 198.51.100.7."""
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def quoted(text: str) -> str:
    """A text in the language's quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
