"""Parse tree to syntax tree, with the qualifiers that go from one predicate to the next.

As in libpcap's grammar.y, an id alone takes the qualifiers of the predicate left of it, and what parentheses hold
doesn't reach behind them: in `port 80 or (host 10.0.0.1 and tcp) or 443`, 443 is a port.
"""

from __future__ import annotations

import re
from string import hexdigits
from typing import Any

from ims.query.language import header_fields
from ims.query.language.arithmetic import calculate, check_operand
from ims.query.language.errors import FilterError, nearest, shown, unknown
from ims.query.language.names import CONSTANTS, KEYWORDS, NEVER, NOT_STORED
from ims.query.language.qualifiers import Qualifiers, identify, number_of
from ims.query.language.syntax_tree import (
    LONGEST_SEARCH,
    And,
    Arithmetic,
    Compare,
    Contains,
    Expression,
    Has,
    Named,
    Not,
    Nothing,
    Number,
    Octets,
    Or,
    Protocol,
    Signature,
    Value,
)

_CHAINS: dict[str, type[And] | type[Or]] = {"conjunction": And, "disjunction": Or}
_NUMBERS = ("arithmetic", "negative", "octets", "ttl")
_IDS = ("number", "name", "address", "prefix", "masked")
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0"}


def read(tree: Any, text: str) -> Expression:
    """The syntax tree of a parsed filter. Raises FilterError. The caller has bounded its depth."""
    return _Reader(text).logic(tree, None)[0]


def nesting(tree: Any) -> int:
    """How deep conditions and arithmetic are nested; a chain of one operator counts once, parentheses don't."""
    deepest, waiting = 0, [(tree, 0, "")]
    while waiting:
        node, level, above = waiting.pop()
        if node.data != "group" and not (node.data in _CHAINS and node.data == above):
            level += 1
        deepest = max(deepest, level)
        waiting += [(child, level, node.data) for child in node.children if hasattr(child, "data")]
    return deepest


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def _error(self, message: str, where: Any) -> FilterError:
        position = where.meta.start_pos if hasattr(where, "meta") else where.start_pos
        return FilterError(message, self._text, position + 1)

    def logic(self, tree: Any, before: Qualifiers | None) -> tuple[Expression, Qualifiers | None]:
        """(a condition, the qualifiers it leaves for ids alone behind it). `before`: those it found."""
        if tree.data == "group":
            while tree.data == "group":
                tree = tree.children[0]
            return self.logic(tree, before)[0], before
        if tree.data in _CHAINS:
            return self._chain(tree, before)
        if tree.data == "negation":
            inner, after = self.logic(tree.children[0], before)
            return Not(inner), after
        if tree.data == "qualified":
            head, ids = tree.children
            after = self._qualifiers(head)
            return self._ids(after, ids), after
        if tree.data in _IDS:
            return self._bare(tree, before)
        if tree.data in _NUMBERS:
            raise self._error("this is a number; expected a comparison, such as ip[8] < 10", tree)
        return getattr(self, f"_{tree.data}")(tree), None

    def _chain(self, tree: Any, before: Qualifiers | None) -> tuple[Expression, Qualifiers | None]:
        """`a and b or c`, left to right and without recursion: a filter of 500 terms is 500 deep here."""
        steps = []
        while tree.data in _CHAINS:
            steps.append(tree)
            tree = tree.children[0]
        found, after = self.logic(tree, before)
        terms, kind = [found], _CHAINS[steps[-1].data]
        for step in reversed(steps):
            if _CHAINS[step.data] is not kind:
                terms, kind = [kind(tuple(terms))], _CHAINS[step.data]
            term, after = self.logic(step.children[1], after)
            terms.append(term)
        return kind(tuple(terms)), after

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
        fits = {
            "host": (None, "ip", "arp", "rarp"),
            "net": (None, "ip", "arp", "rarp"),
            "proto": (None, "ip", "ip6"),
        }.get(kind, (None, "tcp", "udp", "sctp"))
        if protocol not in fits:
            raise self._error(f"{shown(protocol)} doesn't go with {kind}", head)
        return Qualifiers(protocol, direction, kind)  # type: ignore[arg-type]

    def _ids(self, qualifiers: Qualifiers, tree: Any) -> Expression:
        """One id, or several in parentheses: `port (80 or 443)`."""
        while tree.data == "group":
            tree = tree.children[0]
        if tree.data == "negation":
            return Not(self._ids(qualifiers, tree.children[0]))
        if tree.data not in _CHAINS:
            return identify(qualifiers, tree, self._text)
        steps = []
        while tree.data in _CHAINS:
            steps.append(tree)
            tree = tree.children[0]
        terms, kind = [self._ids(qualifiers, tree)], _CHAINS[steps[-1].data]
        for step in reversed(steps):
            if _CHAINS[step.data] is not kind:
                terms, kind = [kind(tuple(terms))], _CHAINS[step.data]
            terms.append(self._ids(qualifiers, step.children[1]))
        return kind(tuple(terms))

    def _bare(self, tree: Any, before: Qualifiers | None) -> tuple[Expression, Qualifiers]:
        token = tree.children[0]
        if tree.data == "address" and (before is None or before.kind == "proto"):
            before = Qualifiers(None, "either", "host")
        if before is None and tree.data == "name":
            raise self._error(unknown(token), token)
        if before is None:
            raise self._error(f"{shown(token)} can't stand alone; expected host, net or port before it", token)
        if tree.data == "name" and str(token) in NOT_STORED:
            raise self._error(unknown(token), token)
        return identify(before, tree, self._text), before

    # Conditions

    def _comparison(self, tree: Any) -> Expression:
        left, operator, right = tree.children
        return Compare("=" if operator == "==" else str(operator), self.value(left), self.value(right))

    def _protocol(self, tree: Any) -> Expression:
        name = str(tree.children[0])
        if name in NEVER:
            return Nothing()
        return Protocol(None if name == "ip" else KEYWORDS[name])

    def _multicast(self, tree: Any) -> Expression:
        protocol = str(tree.children[0]) if len(tree.children) > 1 else None
        if protocol == "ip6":
            return Nothing()
        if protocol != "ip":
            raise self._error(unknown("multicast"), tree)
        return Compare(">=", Octets("ip", 16, 1), Number(224))

    def _category(self, tree: Any) -> Expression:
        from ims.records import CATEGORIES  # brings NumPy

        token = tree.children[1]
        if str(token) not in CATEGORIES:
            hint = nearest(token, CATEGORIES) or f"; expected one of {', '.join(CATEGORIES)}"
            raise self._error(f"no category {shown(token)}{hint}", token)
        return Named("category", str(token))

    def _signature(self, tree: Any) -> Expression:
        token = tree.children[1]
        digits = str(token).lower().removeprefix("0x")
        if not 6 <= len(digits) <= 32:
            raise self._error(f"expected 6 to 32 hex digits of a signature; found {len(digits)}", token)
        return Signature(digits)

    def _has(self, tree: Any) -> Expression:
        return Has(str(tree.children[0]))  # type: ignore[arg-type]

    def _contains(self, tree: Any) -> Expression:
        token = tree.children[2]
        if token.type == "TEXT":
            octets = self._octets_of(token)
        else:
            digits = str(token)
            if not digits.startswith("0x") or len(digits) % 2:
                raise self._error("expected quoted text, or 0x and an even number of hex digits", token)
            octets = bytes.fromhex(digits[2:])
        if not octets:
            raise self._error("expected at least one octet between the quotes", token)
        if len(octets) > LONGEST_SEARCH:
            raise self._error(f"these are {len(octets):,} octets; at most {LONGEST_SEARCH} are looked for", token)
        return Contains(octets)

    def _named(self, tree: Any) -> Expression:
        column, token = tree.children
        name = str(token)
        try:
            if token.type == "TEXT":
                name = self._octets_of(token).decode()
            return Named(str(column), name)  # type: ignore[arg-type]
        except ValueError:
            raise self._error(
                f"{shown(name)} is no {column}'s name: expected 1 to 64 printable characters", token
            ) from None

    def _octets_of(self, token: Any) -> bytes:
        r"""What stands in quotes, in UTF-8. \xHH, \n, \r, \t and \0 are octets, any other escaped character itself."""
        inside, octets, at = str(token)[1:-1], bytearray(), 0
        alone = re.search("[\ud800-\udc7f\udd00-\udfff]", inside)
        if alone:
            raise FilterError(f"{shown(alone[0])} is half a character", self._text, token.start_pos + alone.start() + 2)
        while at < len(inside):
            if inside[at] != "\\":
                octets += inside[at].encode("utf-8", "surrogateescape")
                at += 1
            elif inside[at + 1] == "x":
                digits = inside[at + 2 : at + 4]
                if len(digits) != 2 or set(digits) - set(hexdigits):
                    raise self._error(r"expected two hex digits after \x", token)
                octets += bytes.fromhex(digits)
                at += 4
            else:
                octets += _ESCAPES.get(inside[at + 1], inside[at + 1].encode("utf-8", "surrogateescape"))
                at += 2
        return bytes(octets)

    # Numbers

    def value(self, tree: Any) -> Value:
        """A tree that stands where a number does. Constants are worked out."""
        while tree.data == "group":
            tree = tree.children[0]
        if tree.data == "number":
            return Number(number_of(tree.children[0], self._text))
        if tree.data == "ttl":
            return Octets("ip", 8, 1)
        if tree.data == "octets":
            return self._octets(tree)
        if tree.data == "negative":
            return self._calculated("-", Number(0), self.value(tree.children[1]), tree)
        if tree.data == "arithmetic":
            left, operator, right = tree.children
            return self._calculated(str(operator), self.value(left), self.value(right), tree)
        if tree.data == "name":
            return self._constant(tree.children[0])
        raise self._error("expected a number here, such as 80, tcp-syn or ip[8]", tree)

    def _constant(self, token: Any) -> Number:
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
        return Arithmetic(operator, left, right)

    def _octets(self, tree: Any) -> Octets:
        header, index, *size = tree.children
        offset = self.value(index)
        octets = number_of(size[0], self._text) if size else 1
        if octets not in (1, 2, 4):
            raise self._error("data size must be 1, 2 or 4", size[0])
        if not isinstance(offset, Number) or not header_fields.known(str(header), offset.value, octets):
            raise self._error(
                f"these octets aren't stored as columns; those that are: {header_fields.supported()}", tree
            )
        return Octets(str(header), offset.value, octets)
