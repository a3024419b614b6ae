"""Syntax tree to an Ibis condition: never null, so that it may be negated, and the same for DuckDB and Spark.

A condition on a header that the packet doesn't have is false; one on octets of it that weren't captured is neither true
nor false, and such packets aren't taken (short_circuit.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any

import ibis

from ims.packet.field_values import IS_FRAGMENT
from ims.query.language import header_fields
from ims.query.language import syntax_tree as nodes
from ims.query.language.arithmetic import MASK32
from ims.query.language.columns import hides
from ims.query.language.syntax_tree import PORTED, Expression, walk
from ims.query.plans.header_octets import checked_header, is_first, number
from ims.query.plans.hidden_sources import COLUMN, marked
from ims.query.plans.short_circuit import ANY_PROTOCOL, Decided, holds, joined
from ims.query.request import Ranges

_RELATIONS: dict[str, Callable[[Any, Any], Any]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "!=": ne}
_NO_CAPTURE = 1 << 20
"""More octets of a header than any capture has: nothing decides a division by zero."""


@ibis.udf.scalar.builtin(name="hex")  # type: ignore[untyped-decorator]
def hex_digits(value: bytes) -> str:  # type: ignore[empty-body]
    """A binary value in upper-case hex digits: the function's name in DuckDB and Spark."""


def predicate(tree: Expression, packets: Any, payloads: Any = None) -> Any:
    """The condition on rows of `packets` (columns of records.PACKETS and `sensor`), never null. `payloads`: the table
    of that name, which `payload contains` needs: raises ValueError without it."""
    return holds(tree, lambda leaf: _decided(leaf, packets, payloads))


def taken(tree: Expression, packets: Any, payloads: Any, hidden: Ranges | None = None) -> Any:
    """The packets that a filter takes. Raises ValueError where it hides sources and `hidden`, their ranges, is None."""
    if not hides(tree):
        return packets.filter(predicate(tree, packets, payloads))
    if hidden is None:
        raise ValueError("a filter that hides sources needs to know which")
    known = marked(packets, hidden)
    return known.filter(predicate(tree, known, payloads)).drop(COLUMN)


def _decided(tree: Expression, packets: Any, payloads: Any) -> Decided:
    if isinstance(tree, nodes.Compare):
        return _compare(tree, packets)
    if isinstance(tree, nodes.Port):
        return _port(tree, packets)
    if isinstance(tree, nodes.Net):
        return Decided(_net(tree, packets), None)
    if isinstance(tree, nodes.HiddenSource):
        return Decided(packets[COLUMN], None)
    if isinstance(tree, nodes.Protocol):
        if tree.number is None:
            return Decided(ibis.literal(True), None)
        return Decided(packets.protocol == tree.number, None, proves={tree.number: 0})
    if isinstance(tree, nodes.Has):
        return Decided(_has(tree, packets), None)
    if isinstance(tree, nodes.Named):
        return Decided(packets[tree.column] == tree.name, None)
    if isinstance(tree, nodes.Signature):
        return Decided(_signature(tree, packets), None)
    if isinstance(tree, nodes.Or):
        return Decided(_signatures([term for term in tree.terms if isinstance(term, nodes.Signature)], packets), None)
    if isinstance(tree, nodes.Contains):
        return Decided(_contains(tree, packets, payloads), None)
    return Decided(ibis.literal(False), None)


def _ends(direction: str, condition: Callable[[str], Any]) -> Any:
    if direction in ("source", "destination"):
        return condition(direction)
    join = and_ if direction == "both" else or_
    return join(condition("source"), condition("destination"))


def _net(tree: nodes.Net, packets: Any) -> Any:
    def within(end: str) -> Any:
        if tree.prefix is None:
            return (packets[end].cast("int64") & ibis.literal(tree.mask, "int64")) == tree.address
        # As a range: files and row groups without any such address are skipped.
        if tree.prefix == 32:
            return packets[end] == tree.address
        return packets[end].between(tree.address, tree.address | MASK32 & ~tree.mask)

    return _ends(tree.direction, within)


def _port(tree: nodes.Port, packets: Any) -> Decided:
    def within(end: str) -> Any:
        port = packets[f"{end}_port"]
        return port == tree.low if tree.low == tree.high else port.between(tree.low, tree.high)

    protocols = PORTED if tree.protocol is None else (tree.protocol,)
    with_ports = packets.protocol.isin(protocols) if tree.protocol is None else packets.protocol == tree.protocol
    found = _ends(tree.direction, within)
    true, missed = found.fill_null(False), ~found
    if tree.protocol is not None:  # conditions of their own, so that row groups without such packets are skipped
        true, missed = true & with_ports, missed | ~with_ports
    captured = dict.fromkeys(protocols, header_fields.PORT_OCTETS)
    # Ports are null of other protocols and of later fragments, which is decided, and where they weren't captured.
    return Decided(true, missed.fill_null(~(with_ports & is_first(packets))), captured, captured)


def _compare(tree: nodes.Compare, packets: Any) -> Decided:
    sides = [(side, checked_header(side)) for side in (tree.left, tree.right)]
    found = _RELATIONS[tree.operator](*(number(side, packets, checked) for side, checked in sides))
    needed: dict[int, int] = {}
    proved = True
    for side, checked in sides:
        protocol = header_fields.PROTOCOL_OF.get(checked or "", ANY_PROTOCOL)
        if checked is not None:
            needed.setdefault(protocol, 0)
        for node in walk(side):
            if isinstance(node, nodes.Octets) and node.header == checked:
                needed[protocol] = max(needed[protocol], header_fields.captured(checked, node.offset, node.size))
            elif isinstance(node, nodes.Octets):
                proved = proved and node.header == "ip"
            elif isinstance(node, nodes.Arithmetic) and node.operator in ("/", "%"):
                proved = proved and isinstance(node.right, nodes.Number)
    if not needed and proved:
        return Decided(found, None)
    true, false = found.fill_null(False), (~found).fill_null(False)
    if not needed:
        return Decided(true, false, {ANY_PROTOCOL: _NO_CAPTURE})
    # tcp[13] needs a TCP header: the protocol, and no later fragment, whose first octets are data.
    has = reduce(and_, (packets.protocol == protocol for protocol in sorted(needed)), is_first(packets))
    return Decided(true & has, ~has | false, needed if proved else dict.fromkeys(needed, _NO_CAPTURE), needed)


def _has(tree: nodes.Has, packets: Any) -> Any:
    if tree.what == "payload":
        return packets.payload_length > 0
    if tree.what == "new":
        return packets.new_payload
    if tree.what == "verified":
        return packets.verified.fill_null(False)
    return (packets.ip_fragment.cast("int64") & IS_FRAGMENT) != 0


def _signature(tree: nodes.Signature, packets: Any) -> Any:
    """Binary values compare octet by octet on both engines, so a prefix is a range."""
    if len(tree.digits) == 32:
        return (packets.signature == ibis.literal(bytes.fromhex(tree.digits), "binary")).fill_null(False)
    low, high = (ibis.literal(bytes.fromhex(tree.digits.ljust(32, fill)), "binary") for fill in "0f")
    return ((packets.signature >= low) & (packets.signature <= high)).fill_null(False)


def _signatures(terms: Sequence[nodes.Signature], packets: Any) -> Any:
    """Any of them: whole ones as one list, as a hundred comparisons take twice as long."""
    whole = [ibis.literal(bytes.fromhex(term.digits), "binary") for term in terms if len(term.digits) == 32]
    begins = [_signature(term, packets) for term in terms if len(term.digits) < 32]
    return joined([*([packets.signature.isin(whole).fill_null(False)] if whole else []), *begins], or_)


def _contains(tree: nodes.Contains, packets: Any, payloads: Any) -> Any:
    if payloads is None:
        raise ValueError("`payload contains` needs the table of payloads")
    # Ibis searches strings only, so payloads become hex digits, in which a match begins at an even position.
    digits = hex_digits(payloads.payload)
    holding = payloads.filter(digits.re_search(f"^(..)*{tree.octets.hex().upper()}"))
    return packets.signature.isin(holding.signature).fill_null(False)
