"""The syntax tree of a filter: frozen, hashable, and able to say itself as text that parses to the same tree.

Leaves are predicates; inner nodes are `And`, `Or` (of two or more) and `Not`. Inside a `Compare` stand numbers:
`Number`, `Octets` (an accessor such as tcp[13]) and `Arithmetic` (unsigned, 32 bits, as in BPF).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["either", "source", "destination", "both"]
_DIRECTION_WORDS = {"either": "", "source": "src ", "destination": "dst ", "both": "src and dst "}


@dataclass(frozen=True)
class Number:
    """A constant, 0 to 2**32 - 1."""

    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class Octets:
    """`size` octets of a header from `offset` on, as a number in network order."""

    header: Literal["ip", "tcp", "udp", "icmp"]
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.header}[{self.offset}:{self.size}]" if self.size > 1 else f"{self.header}[{self.offset}]"


@dataclass(frozen=True)
class Arithmetic:
    """Two numbers and one of + - * / % & | ^ << >>."""

    operator: str
    left: Value
    right: Value

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


Value = Number | Octets | Arithmetic


@dataclass(frozen=True)
class Compare:
    """Two numbers and one of < <= > >= = !=; false where the packet lacks a header that is asked."""

    operator: str
    left: Value
    right: Value

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True)
class Protocol:
    """Packets of an IP protocol, fragments included; None: all."""

    number: int | None

    def __str__(self) -> str:
        return "ip" if self.number is None else f"ip proto {self.number}"


@dataclass(frozen=True)
class Net:
    """An address under a mask; a host is a net of 32 bits."""

    direction: Direction
    address: int
    mask: int

    def __str__(self) -> str:
        words = _DIRECTION_WORDS[self.direction]
        if self.mask == 0xFFFFFFFF:
            return f"{words}host {_dotted(self.address)}"
        return f"{words}net {_dotted(self.address)} mask {_dotted(self.mask)}"


@dataclass(frozen=True)
class Port:
    """A TCP or UDP port from `low` to `high`; `protocol` None: of either."""

    direction: Direction
    low: int
    high: int
    protocol: int | None

    def __str__(self) -> str:
        head = {6: "tcp ", 17: "udp ", None: ""}[self.protocol] + _DIRECTION_WORDS[self.direction]
        return f"{head}port {self.low}" if self.low == self.high else f"{head}portrange {self.low}-{self.high}"


@dataclass(frozen=True)
class Word:
    """One of our own words: category, signature, block, sensor (with a text); payload, new, verified, fragment;
    or `never`, what no stored packet is."""

    name: str
    text: str = ""

    def __str__(self) -> str:
        if self.name in ("block", "sensor"):
            return f"{self.name} {quoted(self.text.encode())}"
        if self.name == "never":
            return "ip6"
        return f"{self.name} {self.text}".rstrip()


@dataclass(frozen=True)
class Contains:
    """Payloads that hold these octets."""

    octets: bytes

    def __str__(self) -> str:
        return f"payload contains 0x{self.octets.hex()}"


@dataclass(frozen=True)
class Not:
    """What the other is not: every packet is one or the other."""

    inner: Expression

    def __str__(self) -> str:
        return f"not ({self.inner})"


@dataclass(frozen=True)
class And:
    """All of two or more."""

    terms: tuple[Expression, ...]

    def __str__(self) -> str:
        return " and ".join(f"({term})" for term in self.terms)


@dataclass(frozen=True)
class Or:
    """Any of two or more."""

    terms: tuple[Expression, ...]

    def __str__(self) -> str:
        return " or ".join(f"({term})" for term in self.terms)


Expression = Compare | Protocol | Net | Port | Word | Contains | Not | And | Or

_NODES: dict[str, Any] = {
    node.__name__: node
    for node in (Number, Octets, Arithmetic, Compare, Protocol, Net, Port, Word, Contains, Not, And, Or)
}


def walk(node: Any) -> Iterator[Any]:
    """All nodes below and with this one, without recursion."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        for value in vars(found).values():
            if isinstance(value, tuple):
                waiting += value
            elif type(value).__name__ in _NODES:
                waiting.append(value)


def depth(node: Any) -> int:
    """Nodes from here to the deepest leaf, without recursion."""
    deepest, level = 0, [node]
    while level:
        deepest += 1
        level = [
            child
            for found in level
            for value in vars(found).values()
            for child in (value if isinstance(value, tuple) else (value,))
            if type(child).__name__ in _NODES
        ]
    return deepest


def uses(tree: Expression) -> set[str]:
    """What the filter asks of a packet: column names, and `payload` for its bytes. A portal can refuse by it."""
    found: set[str] = set()
    for node in walk(tree):
        if isinstance(node, Net | Port):
            kind = "_port" if isinstance(node, Port) else ""
            for end in ("source", "destination"):
                if node.direction in ("either", "both", end):
                    found.add(f"{end}{kind}")
        elif isinstance(node, Octets):
            found |= _octets_use(node)
        elif isinstance(node, Word):
            found.add(
                {"payload": "payload_length", "new": "new_payload", "fragment": "ip_fragment"}.get(node.name, node.name)
            )
        elif isinstance(node, Contains):
            found.add("payload")
        elif isinstance(node, Protocol):
            found.add("protocol")
    return found - {"never"}


def _octets_use(node: Octets) -> set[str]:
    from ims.query.fields import HEADERS

    return {HEADERS[node.header][at][0] for at in range(node.offset, node.offset + node.size)}


def mentions_destination(tree: Expression) -> bool:
    """Whether the filter could tell monitored addresses apart."""
    return "destination" in uses(tree) or "payload" in uses(tree)


def _dotted(address: int) -> str:
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def quoted(octets: bytes) -> str:
    """Octets as a quoted text of the filter language."""
    return '"' + "".join(chr(o) if 0x20 <= o < 0x7F and o not in b'"\\' else f"\\x{o:02x}" for o in octets) + '"'
