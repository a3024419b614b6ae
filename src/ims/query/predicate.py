"""Syntax tree to an Ibis condition: two-valued, so that `not` complements it, and compiled alike for DuckDB and Spark.

A predicate on a field that the packet lacks is false. Numbers are computed in 64 bits and masked to BPF's 32.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import ibis

from ims.query import fields
from ims.query.tree import (
    And,
    Compare,
    Contains,
    Expression,
    Net,
    Not,
    Number,
    Octets,
    Or,
    Port,
    Protocol,
    Word,
    walk,
)

MASK32 = 0xFFFFFFFF


@ibis.udf.scalar.builtin(name="octet_length")  # type: ignore[untyped-decorator]
def octet_length(value: bytes) -> int:  # type: ignore[empty-body]
    """Octets of a binary value."""


@ibis.udf.scalar.builtin(name="hex")  # type: ignore[untyped-decorator]
def hex_digits(value: bytes) -> str:  # type: ignore[empty-body]
    """A binary value in upper-case hex digits."""


def predicate(tree: Expression, packets: Any, payloads: Any = None) -> Any:
    """The condition on rows of `packets` (columns of records.PACKETS and `sensor`). `payloads`: the table of that
    name, needed for `payload contains`; raises ValueError where it is missing."""
    if isinstance(tree, And):
        return _balanced([predicate(term, packets, payloads) for term in tree.terms], lambda a, b: a & b)
    if isinstance(tree, Or):
        return _balanced([predicate(term, packets, payloads) for term in tree.terms], lambda a, b: a | b)
    if isinstance(tree, Not):
        return ~predicate(tree.inner, packets, payloads)
    if isinstance(tree, Protocol):
        return ibis.literal(True) if tree.number is None else packets.protocol == tree.number
    if isinstance(tree, Net):
        return _either(tree.direction, lambda end: _masked(packets[end], tree.mask) == tree.address)
    if isinstance(tree, Port):
        return _port(tree, packets)
    if isinstance(tree, Compare):
        return _compare(tree, packets)
    if isinstance(tree, Contains):
        return _contains(tree, packets, payloads)
    return _word(tree, packets)


def _balanced(terms: list[Any], join: Any) -> Any:
    """Join terms as a balanced tree: five hundred in a row would be too deep for the compilers below us."""
    while len(terms) > 1:
        pairs = [terms[at : at + 2] for at in range(0, len(terms), 2)]
        terms = [reduce(join, pair) for pair in pairs]
    return terms[0]


def _either(direction: str, condition: Any) -> Any:
    if direction in ("source", "destination"):
        return condition(direction)
    source, destination = condition("source"), condition("destination")
    return source & destination if direction == "both" else source | destination


def _masked(column: Any, mask: int) -> Any:
    number = column.cast("int64")
    return number if mask == MASK32 else number & ibis.literal(mask, "int64")


def _port(tree: Port, packets: Any) -> Any:
    def within(end: str) -> Any:
        port = packets[f"{end}_port"]
        found = port == tree.low if tree.low == tree.high else port.between(tree.low, tree.high)
        return found.fill_null(False)

    found = _either(tree.direction, within)
    return found if tree.protocol is None else found & (packets.protocol == tree.protocol)


def _compare(tree: Compare, packets: Any) -> Any:
    left, right = _value(tree.left, packets), _value(tree.right, packets)
    found = {
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
        "=": lambda: left == right,
        "!=": lambda: left != right,
    }[tree.operator]()
    # tcp[13] asks for a TCP header: the protocol, and no later fragment, whose first octets are data.
    headers = {node.header for node in walk(tree) if isinstance(node, Octets)} - {"ip"}
    for header in sorted(headers):
        there = (packets.protocol == fields.PROTOCOL_OF[header]) & ((packets.ip_fragment.cast("int64") & 0x1FFF) == 0)
        found = found & there
    return found.fill_null(False)


def _value(tree: Any, packets: Any) -> Any:
    if isinstance(tree, Number):
        return ibis.literal(tree.value, "int64")
    if isinstance(tree, Octets):
        return _octets(tree, packets)
    left, right = _value(tree.left, packets), _value(tree.right, packets)
    mask = ibis.literal(MASK32, "int64")
    if tree.operator == "+":
        return (left + right) & mask
    if tree.operator == "-":
        return (left - right) & mask
    if tree.operator == "*":  # in halves: the product of two 32-bit numbers doesn't fit 63 bits
        low, high = (left & 0xFFFF) * right, ((left >> 16) * right) & 0xFFFF
        return (low + high * 65536) & mask
    if tree.operator == "/":
        return (left - left % right.nullif(0)) // right.nullif(0)
    if tree.operator == "%":
        return left % right.nullif(0)
    if tree.operator == "&":
        return left & right
    if tree.operator == "|":
        return left | right
    if tree.operator == "^":
        return left ^ right
    bits = tree.right.value
    if tree.operator == ">>":
        return left >> bits
    return (left & (MASK32 >> bits)) * (1 << bits)


def _octets(tree: Octets, packets: Any) -> Any:
    """The octets together, most significant first; whole columns as they are."""
    parts: list[tuple[str, int, int]] = []  # column, its lowest octet's shift, octets taken of it
    for at in range(tree.offset, tree.offset + tree.size):
        column, shift = fields.HEADERS[tree.header][at]
        if parts and parts[-1][0] == column:
            parts[-1] = (column, shift, parts[-1][2] + 1)
        else:
            parts.append((column, shift, 1))
    value = None
    for column, shift, octets in parts:
        part = _column(tree.header, column, packets)
        part = part >> shift if shift else part
        part = part & ibis.literal((1 << 8 * octets) - 1, "int64")
        value = part if value is None else value * (1 << 8 * octets) + part
    return value


def _column(header: str, column: str, packets: Any) -> Any:
    if header == "tcp" and column == "tcp_options":  # data offset in words, and NS, as in the header's octet 12
        words = octet_length(packets.tcp_options).cast("int64") // 4 + 5
        return words * 16 + (packets.tcp_flags.cast("int64") >> 8 & 1)
    if header == "udp" and column == "payload_length":
        return packets.payload_length.cast("int64") + 8
    return packets[column].cast("int64")


def _contains(tree: Contains, packets: Any, payloads: Any) -> Any:
    if payloads is None:
        raise ValueError("`payload contains` needs the table of payloads")
    # Neither engine searches in binary as Ibis knows it; hex digits in pairs are the same question.
    holding = payloads.filter(hex_digits(payloads.payload).re_search(f"^(..)*{tree.octets.hex().upper()}"))
    return packets.signature.isin(holding.signature).fill_null(False)


def _word(tree: Word, packets: Any) -> Any:
    if tree.name == "never":
        return ibis.literal(False)
    if tree.name == "payload":
        return packets.payload_length > 0
    if tree.name == "new":
        return packets.new_payload
    if tree.name == "verified":
        return packets.verified.fill_null(False)
    if tree.name == "fragment":
        return (packets.ip_fragment.cast("int64") & 0x3FFF) != 0
    if tree.name == "signature":
        if len(tree.text) == 32:
            found = packets.signature == ibis.literal(bytes.fromhex(tree.text), "binary")
        else:
            found = hex_digits(packets.signature).startswith(tree.text.upper())
        return found.fill_null(False)
    return packets[tree.name] == tree.text
