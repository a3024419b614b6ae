"""Parse tree to syntax tree, with the qualifiers that one predicate takes over from another.

As in libpcap's grammar.y, an id alone takes the qualifiers of the predicate left of it, and those inside parentheses
end there: in `port 80 or (host 10.0.0.1 and tcp) or 443`, 443 is a port.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from ims.query.language import header_fields
from ims.query.language import syntax_tree as nodes
from ims.query.language.arithmetic import calculate, check_operand
from ims.query.language.errors import FilterError, nearest, shown, unknown
from ims.query.language.names import CONSTANTS, KEYWORDS, NEVER, NOT_STORED
from ims.query.language.qualifiers import Qualifiers, identify, number_of
from ims.query.language.syntax_tree import LONGEST_SEARCH, Expression, Number, Octets, Value

_CHAINS: dict[str, type[nodes.And] | type[nodes.Or]] = {"conjunction": nodes.And, "disjunction": nodes.Or}
_NUMBERS = ("arithmetic", "negative", "octets", "ttl")
_IDS = ("number", "name", "address", "prefix", "masked")
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0"}
_TEXT = re.compile(r"\\x([0-9A-Fa-f]{2})|\\(.)|([^\\]+)", re.DOTALL)


def read(tree: Any, text: str) -> Expression:
    """The syntax tree of a parsed filter. Raises FilterError. The caller has bounded its depth."""
    return _Reader(text).logic(tree)


def nesting(tree: Any) -> int:
    """How deep conditions and arithmetic are nested; a chain of one operator counts once, parentheses don't count."""
    deepest, waiting = 0, [(tree, 0, "")]
    while waiting:
        node, level, above = waiting.pop()
        if node.data != "group" and not (node.data in _CHAINS and node.data == above):
            level += 1
        deepest = max(deepest, level)
        waiting += [(child, level, node.data) for child in node.children if hasattr(child, "data")]
    return deepest


def _without_parentheses(tree: Any) -> Any:
    while tree.data == "group":
        tree = tree.children[0]
    return tree


def _chain(tree: Any, read_term: Callable[[Any], Expression]) -> Expression:
    """`a and b or c`, left to right and without recursion: a filter of 500 terms is 500 deep here."""
    steps = []
    while tree.data in _CHAINS:
        steps.append(tree)
        tree = tree.children[0]
    terms, kind = [read_term(tree)], _CHAINS[steps[-1].data]
    for step in reversed(steps):
        if _CHAINS[step.data] is not kind:
            terms, kind = [kind(tuple(terms))], _CHAINS[step.data]
        terms.append(read_term(step.children[1]))
    return kind(tuple(terms))


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._before: Qualifiers | None = None  # of the predicate left of what is read, if it has any

    def _error(self, message: str, where: Any) -> FilterError:
        position = where.meta.start_pos if hasattr(where, "meta") else where.start_pos
        return FilterError(message, self._text, position + 1)

    def logic(self, tree: Any) -> Expression:
        if tree.data == "group":
            before = self._before
            found = self.logic(_without_parentheses(tree))
            self._before = before
            return found
        if tree.data in _CHAINS:
            return _chain(tree, self.logic)
        if tree.data == "negation":
            return nodes.Not(self.logic(tree.children[0]))
        if tree.data == "qualified":
            head, ids = tree.children
            self._before = self._qualifiers(head)
            return self._ids(self._before, ids)
        if tree.data in _IDS:
            return self._bare(tree)
        if tree.data in _NUMBERS:
            raise self._error("this is a number; expected a comparison, such as ip[8] < 10", tree)
        self._before = None
        condition: Expression = getattr(self, f"_{tree.data}")(tree)
        return condition

    # Qualifiers and ids

    def _qualifiers(self, head: Any) -> Qualifiers:
        protocol, direction, kind = None, "either", "host"
        for part in head.children:
            if hasattr(part, "data"):
                words = {"src": "source", "dst": "destination"}
                direction = words[str(part.children[0])] if part.data == "direction" else str(part.data)
            elif part.type == "PROTOCOL":
                protocol = str(part)
            else:
                kind = str(part)
        if kind == "proto" and any(hasattr(part, "data") for part in head.children):
            raise self._error("a direction goes with host, net or port, not proto", head)
        addresses, ports = ("ip", "arp", "rarp"), ("tcp", "udp", "sctp")
        fits = {"host": addresses, "net": addresses, "proto": ("ip", "ip6")}.get(kind, ports)
        if protocol not in (None, *fits):
            raise self._error(f"{shown(protocol)} doesn't go with {kind}", head)
        return Qualifiers(protocol, direction, kind)  # type: ignore[arg-type]

    def _ids(self, qualifiers: Qualifiers, tree: Any) -> Expression:
        """One id, or several in parentheses: `port (80 or 443)`."""
        tree = _without_parentheses(tree)
        if tree.data == "negation":
            return nodes.Not(self._ids(qualifiers, tree.children[0]))
        if tree.data in _CHAINS:
            return _chain(tree, partial(self._ids, qualifiers))
        return identify(qualifiers, tree, self._text)

    def _bare(self, tree: Any) -> Expression:
        token, before = tree.children[0], self._before
        if tree.data == "address" and (before is None or before.kind == "proto"):
            before = self._before = Qualifiers(None, "either", "host")
        if tree.data == "name" and (before is None or str(token) in NOT_STORED):
            raise self._error(unknown(token), token)
        if before is None:
            raise self._error(f"{shown(token)} can't stand alone; expected host, net or port before it", token)
        return identify(before, tree, self._text)

    # Conditions

    def _comparison(self, tree: Any) -> Expression:
        left, operator, right = tree.children
        return nodes.Compare("=" if operator == "==" else str(operator), self.value(left), self.value(right))

    def _protocol(self, tree: Any) -> Expression:
        name = str(tree.children[0])
        return nodes.Nothing() if name in NEVER else nodes.Protocol(None if name == "ip" else KEYWORDS[name])

    def _multicast(self, tree: Any) -> Expression:
        protocol = str(tree.children[0]) if len(tree.children) > 1 else None
        if protocol == "ip6":
            return nodes.Nothing()
        if protocol != "ip":
            raise self._error(unknown("multicast"), tree)
        return nodes.Compare(">=", Octets("ip", 16, 1), Number(224))

    def _category(self, tree: Any) -> Expression:
        from ims.records import CATEGORIES  # brings NumPy

        token = tree.children[1]
        if str(token) not in CATEGORIES:
            hint = nearest(token, CATEGORIES) or f"; expected one of {', '.join(CATEGORIES)}"
            raise self._error(f"no category {shown(token)}{hint}", token)
        return nodes.Named("category", str(token))

    def _signature(self, tree: Any) -> Expression:
        token = tree.children[1]
        digits = str(token).lower().removeprefix("0x")
        if not 6 <= len(digits) <= 32:
            raise self._error(f"expected 6 to 32 hex digits of a signature; found {len(digits)}", token)
        return nodes.Signature(digits)

    def _has(self, tree: Any) -> Expression:
        return nodes.Has(str(tree.children[0]))  # type: ignore[arg-type]

    def _contains(self, tree: Any) -> Expression:
        token = tree.children[2]
        if token.type != "TEXT" and (not token.startswith("0x") or len(token) % 2):
            raise self._error("expected quoted text, or 0x and an even number of hex digits", token)
        octets = self._octets_of(token) if token.type == "TEXT" else bytes.fromhex(token[2:])
        if not octets:
            raise self._error("expected at least one octet between the quotes", token)
        if len(octets) > LONGEST_SEARCH:
            raise self._error(f"these are {len(octets):,} octets; at most {LONGEST_SEARCH} are looked for", token)
        return nodes.Contains(octets)

    def _named(self, tree: Any) -> Expression:
        column, token = tree.children
        name = str(token)
        try:
            if token.type == "TEXT":
                name = self._octets_of(token).decode()
            return nodes.Named(str(column), name)  # type: ignore[arg-type]
        except ValueError:
            message = f"{shown(name)} is no {column}'s name: expected 1 to 64 printable characters"
            raise self._error(message, token) from None

    def _octets_of(self, token: Any) -> bytes:
        r"""A quoted text in UTF-8. \xHH, \n, \r, \t and \0 are octets, any other escaped character itself."""
        inside, octets = token[1:-1], bytearray()
        if alone := re.search("[\ud800-\udc7f\udd00-\udfff]", inside):
            raise FilterError(f"{shown(alone[0])} is half a character", self._text, token.start_pos + alone.start() + 2)
        for digits, escaped, plain in _TEXT.findall(inside):
            if escaped == "x":
                raise self._error(r"expected two hex digits after \x", token)
            character = (escaped or plain).encode("utf-8", "surrogateescape")
            octets += bytes.fromhex(digits) or _ESCAPES.get(escaped, character)
        return bytes(octets)

    # Numbers

    def value(self, tree: Any) -> Value:
        """A number's tree, constants calculated."""
        tree = _without_parentheses(tree)
        if tree.data == "number":
            return Number(number_of(tree.children[0], self._text))
        if tree.data == "ttl":
            return Octets("ip", 8, 1)
        if tree.data == "octets":
            return self._octets(tree)
        if tree.data == "negative":
            return self._calculated("-", Number(0), self.value(tree.children[0]), tree)
        if tree.data == "arithmetic":
            left, operator, right = tree.children
            return self._calculated(str(operator), self.value(left), self.value(right), tree)
        if tree.data != "name":
            raise self._error("expected a number here, such as 80, tcp-syn or ip[8]", tree)
        token = tree.children[0]
        name = str(token)
        if name in CONSTANTS:
            return Number(CONSTANTS[name])
        if name in NOT_STORED:
            raise self._error(unknown(name), token)
        dashed = "; put spaces around '-'" if "-" in name and name[0].isdigit() else ""
        hint = dashed or nearest(name, CONSTANTS) or "; expected one such as 80, 0x1f or tcp-syn"
        raise self._error(f"no number {shown(name)} is known{hint}", token)

    def _calculated(self, operator: str, left: Value, right: Value, tree: Any) -> Value:
        try:
            if isinstance(right, Number):
                check_operand(operator, right.value)
                if isinstance(left, Number):
                    return Number(calculate(operator, left.value, right.value))
        except ValueError as error:
            raise self._error(str(error), tree.children[1]) from None
        return nodes.Arithmetic(operator, left, right)

    def _octets(self, tree: Any) -> Octets:
        header, index, *size = tree.children
        offset = self.value(index)
        octets = number_of(size[0], self._text) if size else 1
        if octets not in (1, 2, 4):
            raise self._error("data size must be 1, 2 or 4", size[0])
        if not isinstance(offset, Number) or not header_fields.known(str(header), offset.value, octets):
            stored = header_fields.supported()
            raise self._error(f"these octets aren't stored as columns; those that are: {stored}", tree)
        return Octets(str(header), offset.value, octets)
