"""Syntax tree to an Ibis condition: never null, so that `not` complements it, and compiled alike for DuckDB and Spark.

A predicate on a field that the packet lacks is false. Numbers are computed in 64 bits, signed, since Spark reads
unsigned columns as wider signed ones, and masked to BPF's 32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any

import ibis

from ims.query import fields
from ims.query.arithmetic import MASK32
from ims.query.tree import (
    And,
    Arithmetic,
    Compare,
    Contains,
    Expression,
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
    Value,
    walk,
)
from ims.records import TRANSPORT_UNVERIFIED

_RELATIONS: dict[str, Callable[[Any, Any], Any]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "!=": ne}


@ibis.udf.scalar.builtin(name="octet_length")  # type: ignore[untyped-decorator]
def octet_length(value: bytes) -> int:  # type: ignore[empty-body]
    """Octets of a binary value; DuckDB and Spark know it under this name."""


@ibis.udf.scalar.builtin(name="hex")  # type: ignore[untyped-decorator]
def hex_digits(value: bytes) -> str:  # type: ignore[empty-body]
    """A binary value in upper-case hex digits; DuckDB and Spark know it under this name."""


def predicate(tree: Expression, packets: Any, payloads: Any = None) -> Any:
    """The condition on rows of `packets` (columns of records.PACKETS and `sensor`), true or false of each.

    `payloads`: the table of that name, asked by `payload contains`; raises ValueError where it is missing then.
    """
    if isinstance(tree, And | Or):
        return _joined(
            [predicate(term, packets, payloads) for term in tree.terms], and_ if isinstance(tree, And) else or_
        )
    if isinstance(tree, Not):
        return ~predicate(tree.inner, packets, payloads)
    if isinstance(tree, Compare):
        return _compare(tree, packets)
    if isinstance(tree, Net):
        return _net(tree, packets)
    if isinstance(tree, Port):
        return _port(tree, packets)
    if isinstance(tree, Protocol):
        return ibis.literal(True) if tree.number is None else packets.protocol == tree.number
    if isinstance(tree, Has):
        return _has(tree, packets)
    if isinstance(tree, Named):
        return packets[tree.column] == tree.name
    if isinstance(tree, Signature):
        return _signature(tree, packets)
    if isinstance(tree, Contains):
        return _contains(tree, packets, payloads)
    return ibis.literal(False)


def _joined(terms: list[Any], join: Callable[[Any, Any], Any]) -> Any:
    """Terms as a balanced tree: five hundred in a row would be too deep for the compilers below us."""
    while len(terms) > 1:
        terms = [reduce(join, terms[at : at + 2]) for at in range(0, len(terms), 2)]
    return terms[0]


def _ends(direction: str, condition: Callable[[str], Any]) -> Any:
    if direction in ("source", "destination"):
        return condition(direction)
    join = and_ if direction == "both" else or_
    return join(condition("source"), condition("destination"))


def _net(tree: Net, packets: Any) -> Any:
    def within(end: str) -> Any:
        if tree.prefix is None:
            return (packets[end].cast("int64") & ibis.literal(tree.mask, "int64")) == tree.address
        # As a range: files and row groups without any such address are skipped.
        if tree.prefix == 32:
            return packets[end] == tree.address
        return packets[end].between(tree.address, tree.address | MASK32 & ~tree.mask)

    return _ends(tree.direction, within)


def _port(tree: Port, packets: Any) -> Any:
    def within(end: str) -> Any:
        port = packets[f"{end}_port"]
        found = port == tree.low if tree.low == tree.high else port.between(tree.low, tree.high)
        return found.fill_null(False)

    found = _ends(tree.direction, within)
    return found if tree.protocol is None else found & (packets.protocol == tree.protocol)


def _compare(tree: Compare, packets: Any) -> Any:
    found = _RELATIONS[tree.operator](_value(tree.left, packets), _value(tree.right, packets))
    # tcp[13] asks for a TCP header: the protocol, and no later fragment, whose first octets are data.
    headers = {node.header for node in walk(tree) if isinstance(node, Octets)} - {"ip"}
    for header in sorted(headers):
        found = found & (packets.protocol == fields.PROTOCOL_OF[header]) & _first(packets)
    return found.fill_null(False)


def _first(packets: Any) -> Any:
    """Not a later fragment."""
    return (packets.ip_fragment.cast("int64") & 0x1FFF) == 0


def _value(tree: Value, packets: Any) -> Any:
    if isinstance(tree, Number):
        return ibis.literal(tree.value, "int64")
    if isinstance(tree, Octets):
        return _octets(tree, packets)
    return _arithmetic(tree, packets)


def _arithmetic(tree: Arithmetic, packets: Any) -> Any:
    left, right = _value(tree.left, packets), _value(tree.right, packets)
    mask = ibis.literal(MASK32, "int64")
    if tree.operator == "+":
        return (left + right) & mask
    if tree.operator == "-":
        return (left - right) & mask
    if tree.operator == "*":  # in halves: the product of two 32-bit numbers doesn't fit 63 bits
        return ((left & 0xFFFF) * right + (((left >> 16) * (right & 0xFFFF)) & 0xFFFF) * 65536) & mask
    if tree.operator == "/":  # both engines divide as floats; a multiple of the divisor divides exactly
        return (left - left % right.nullif(0)) // right.nullif(0)
    if tree.operator == "%":
        return left % right.nullif(0)
    if tree.operator == "&":
        return left & right
    if tree.operator == "|":
        return left | right
    if tree.operator == "^":
        return left ^ right
    # Over 31 bits the shifted mask is 0. Masked before shifting left: DuckDB refuses to shift bits out.
    bits = right.clip(upper=32).cast("int32")
    if tree.operator == ">>":
        return left >> bits
    return (left & (mask >> bits)) << bits


def _octets(tree: Octets, packets: Any) -> Any:
    """The octets as one number, the first one most significant; a whole column as it is."""
    parts: list[tuple[str, int, int]] = []  # column, its lowest octet's shift, octets taken of it
    for at in range(tree.offset, tree.offset + tree.size):
        column, shift = fields.HEADERS[tree.header][at]
        if parts and parts[-1][0] == column:
            parts[-1] = (column, shift, parts[-1][2] + 1)
        else:
            parts.append((column, shift, 1))
    value = None
    for column, shift, octets in parts:
        part = _DERIVED[column](packets) if column in _DERIVED else packets[column].cast("int64")
        part = part >> shift if shift else part
        part = part & ibis.literal((1 << 8 * octets) - 1, "int64")
        value = part if value is None else value * (1 << 8 * octets) + part
    return value


def _ip_header(packets: Any) -> Any:
    """Version and length in words, from the lengths; null where they aren't reliable: cut packets and broken ones."""
    tcp = octet_length(packets.tcp_options).cast("int64") + 20
    transport = ibis.cases(
        (~_first(packets), 0), (packets.protocol == 6, tcp), (packets.protocol.isin([1, 17]), 8), else_=0
    )
    length = packets.total_length.cast("int64") - packets.payload_length.cast("int64") - transport
    bits = packets.ip_fragment.cast("int64")
    # A first fragment's UDP header may claim less than is there (teardrop), which would look like IP options.
    clear = (length == 20) | (packets.protocol != 17) | ((bits & 0x3FFF) != 0x2000)
    whole = ~packets.truncated & (((bits & 0x3FFF) != 0) | _verifiable(packets)) & clear
    reliable = whole & length.between(20, 60) & (length % 4 == 0)
    return ibis.cases((reliable, (length // 4) + 0x40), else_=None)


def _tcp_header(packets: Any) -> Any:
    """Data offset in words and NS; the three reserved bits, which aren't stored, as 0."""
    words = (octet_length(packets.tcp_options).cast("int64") + 20) // 4
    return words * 16 + ((packets.tcp_flags.cast("int64") >> 8) & 1)


def _udp_length(packets: Any) -> Any:
    """Payload and header; null where part of the datagram isn't here."""
    return ibis.cases((_verifiable(packets), packets.payload_length.cast("int64") + 8), else_=None)


def _verifiable(packets: Any) -> Any:
    """The transport is whole, so that its lengths are those of the wire."""
    return (packets.checksum.cast("int64") & TRANSPORT_UNVERIFIED) == 0


_DERIVED = {"ip_header": _ip_header, "tcp_header": _tcp_header, "udp_length": _udp_length}


def _has(tree: Has, packets: Any) -> Any:
    if tree.what == "payload":
        return packets.payload_length > 0
    if tree.what == "new":
        return packets.new_payload
    if tree.what == "verified":
        return packets.verified.fill_null(False)
    return (packets.ip_fragment.cast("int64") & 0x3FFF) != 0


def _signature(tree: Signature, packets: Any) -> Any:
    """Binary values compare octet by octet on both engines, so a prefix is a range."""
    if len(tree.digits) == 32:
        return (packets.signature == ibis.literal(bytes.fromhex(tree.digits), "binary")).fill_null(False)
    low, high = (ibis.literal(bytes.fromhex(tree.digits.ljust(32, fill)), "binary") for fill in "0f")
    return ((packets.signature >= low) & (packets.signature <= high)).fill_null(False)


def _contains(tree: Contains, packets: Any, payloads: Any) -> Any:
    if payloads is None:
        raise ValueError("`payload contains` needs the table of payloads")
    # Ibis searches only in strings, and payloads aren't any: in hex digits, a match must begin at an even place.
    digits = hex_digits(payloads.payload)
    holding = payloads.filter(digits.re_search(f"^(..)*{tree.octets.hex().upper()}"))
    return packets.signature.isin(holding.signature).fill_null(False)
