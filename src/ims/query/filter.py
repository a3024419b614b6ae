"""Filters: text to syntax tree. The language is tcpdump's (pcap-filter(7)) over stored columns, plus our own words.

An error is one line that names the column of the text, what stands there and what could; `point` draws the caret.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lark

from ims.query import fields
from ims.query.grammar import parser
from ims.query.tree import (
    And,
    Arithmetic,
    Compare,
    Contains,
    Direction,
    Expression,
    Net,
    Not,
    Number,
    Octets,
    Or,
    Port,
    Protocol,
    Value,
    Word,
    depth,
    walk,
)
from ims.records import CATEGORIES

LONGEST, DEEPEST, MOST_TERMS = 4096, 64, 500
MASK32 = 0xFFFFFFFF

_WORDS = [
    *("ip", "tcp", "udp", "icmp", "proto", "src", "dst", "host", "net", "mask", "port", "portrange", "and", "or"),
    *("not", "multicast", "category", "signature", "payload", "contains", "new", "verified", "block", "sensor", "ttl"),
    "fragment",
]


class FilterError(ValueError):
    """A filter that can't be read. `column`: where in `text`, from 1."""

    def __init__(self, message: str, text: str, column: int) -> None:
        self.text, self.column = text, max(1, column)
        super().__init__(f"filter, column {self.column}: {message}\n{point(text, self.column)}")


def point(text: str, column: int) -> str:
    """The filter, and under it a caret at `column` (from 1)."""
    line = "".join(c if c.isprintable() else " " for c in text)
    begin = max(0, column - 61)
    return f"  {line[begin : begin + 100]}\n  {' ' * (column - 1 - begin)}^"


@dataclass(frozen=True)
class _Qualifiers:
    """What stands before an id: `tcp dst port`. A bare id takes those of the predicate before it."""

    protocol: str | None
    direction: Direction
    kind: str


def parse(text: str) -> Expression:
    """The tree of a filter. Raises FilterError."""
    if len(text.encode()) > LONGEST:
        raise FilterError(f"it has {len(text.encode()):,} bytes; at most {LONGEST:,} are taken", text[:80], 1)
    try:
        found = parser().parse(text)
    except lark.exceptions.UnexpectedInput as error:
        raise _explained(error, text) from None
    if _nesting(found) > DEEPEST:
        raise FilterError(
            f"nested more than {DEEPEST} deep (`and` and `or` in turns nest too; parentheses help)", text, 1
        )
    tree = _Reader(text).logic(found)
    terms = sum(not isinstance(node, And | Or | Not | Number | Octets | Arithmetic) for node in walk(tree))
    if terms > MOST_TERMS:
        raise FilterError(f"it has {terms:,} terms; at most {MOST_TERMS} are taken", text, 1)
    if depth(tree) > 2 * DEEPEST:
        raise FilterError(f"nested more than {DEEPEST} deep", text, 1)
    return tree


def _explained(error: Any, text: str) -> FilterError:
    column = getattr(error, "column", -1)
    if isinstance(error, lark.exceptions.UnexpectedEOF) or column < 1 or getattr(error, "token", None) == "":
        return FilterError("it ends where more was wanted", text, len(text) + 1)
    token = getattr(error, "token", None)
    if token is not None and token.type == "$END":
        return FilterError("it ends where more was wanted", text, len(text) + 1)
    before = (getattr(error, "token_history", None) or [None])[-1]
    if before is not None and before.type == "NAME":  # what follows a misspelt word is not to blame
        near = difflib.get_close_matches(str(before), _WORDS, 1)
        hint = f"; meant {near[0]}?" if near else ""
        return FilterError(f"{str(before)!r} is no word of the language{hint}", text, before.column or 1)
    stands = re.match(r"[A-Za-z0-9_.-]+|.", text[column - 1 :], re.DOTALL)
    found = stands[0] if stands else ""
    near = difflib.get_close_matches(found, _WORDS, 1)
    hint = f"; meant {near[0]}?" if near and near[0] != found else ""
    return FilterError(f"{found!r} can't stand here{hint}", text, column)


def _nesting(tree: Any) -> int:
    """How deep the parse is nested; a chain of one operator is not."""
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        deepest = max(deepest, level)
        if deepest > DEEPEST * 4:
            return deepest
        for child in node.children:
            if isinstance(child, lark.Tree):
                chained = node.data in ("conjunction", "disjunction") and child.data == node.data
                shallow = child.data in (
                    "number",
                    "constant",
                    "bare",
                    "id",
                    "head",
                    "kind",
                    "direction",
                    "protocol",
                    "header",
                )
                waiting.append((child, level if chained or shallow else level + 1))
    return deepest


class _Reader:
    """Parse tree to syntax tree; remembers the last qualifiers for bare ids."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._last: _Qualifiers | None = None

    def _error(self, message: str, where: Any) -> FilterError:
        column = getattr(where, "column", None) or getattr(getattr(where, "meta", None), "column", 1)
        return FilterError(message, self._text, int(column or 1))

    def logic(self, tree: Any) -> Expression:
        """A tree that stands where a condition does."""
        if tree.data in ("conjunction", "disjunction"):
            return self._chain(tree)
        if tree.data == "negation":
            return Not(self.logic(tree.children[0]))
        if tree.data == "group":
            return self.logic(tree.children[0])
        if tree.data == "comparison":
            left, operator, right = tree.children
            self._last = None
            sides = (self.value(left), self.value(right))
            if not any(isinstance(node, Octets) for side in sides for node in walk(side)):
                raise self._error("compares numbers with numbers; wanted something of the packet, such as ip[8]", tree)
            return Compare("=" if operator == "==" else str(operator), *sides)
        if tree.data in ("number", "bare", "negative", "arithmetic", "octets", "constant", "ttl", "length"):
            return self._bare(tree)
        handler: Callable[[Any], Expression] = getattr(self, f"_{tree.data}")
        return handler(tree)

    def _chain(self, tree: Any) -> Expression:
        spine = [tree]
        while isinstance(spine[-1].children[0], lark.Tree) and spine[-1].children[0].data in (
            "conjunction",
            "disjunction",
        ):
            spine.append(spine[-1].children[0])
        result = self.logic(spine[-1].children[0])
        for node in reversed(spine):
            kind: type[And] | type[Or] = And if node.data == "conjunction" else Or
            term = self.logic(node.children[1])
            # A chain of one operator is one node; a parenthesised one stays as it was written.
            grown = isinstance(result, kind) and node is not spine[-1]
            result = kind((*result.terms, term)) if grown else kind((result, term))  # type: ignore[union-attr]
        return result

    # Numbers

    def value(self, tree: Any) -> Value:
        """A tree that stands where a number does."""
        if tree.data == "number":
            return Number(self._number(tree.children[0]))
        if tree.data == "constant":
            name = str(tree.children[0])
            if name not in fields.CONSTANTS:
                raise self._error(f"no name {name!r}; wanted one of: {', '.join(fields.CONSTANTS)}", tree.children[0])
            return Number(fields.CONSTANTS[name])
        if tree.data == "group":
            return self.value(tree.children[0])
        if tree.data == "ttl":
            return Octets("ip", 8, 1)
        if tree.data == "negative":
            sign, inner = tree.children
            found = self.value(inner)
            return self._calculated("-", Number(0), found, tree) if sign == "-" else found
        if tree.data == "arithmetic":
            left, operator, right = tree.children
            return self._calculated(str(operator), self.value(left), self.value(right), tree)
        if tree.data == "octets":
            return self._octets(tree)
        if tree.data == "length":
            raise self._length(tree)
        raise self._error("wanted a number here, such as 80, tcp-syn or ip[8]", tree)

    def _length(self, tree: Any) -> FilterError:
        return self._error("the frame's length isn't stored; ask for the IP packet's, as in ip[2:2] > 100", tree)

    def _number(self, token: Any) -> int:
        text = str(token)
        octal = len(text) > 1 and text[0] == "0" and text[1] not in "xX"
        try:
            number = int(text, 8 if octal else 0)
        except ValueError:
            raise self._error(f"{text} is no number", token) from None
        if number > MASK32:
            raise self._error(f"{text} is more than 32 bits", token)
        return number

    def _calculated(self, operator: str, left: Value, right: Value, tree: Any) -> Value:
        if isinstance(right, Number):
            if operator in ("/", "%") and right.value == 0:
                raise self._error("division by zero", tree)
            if operator in ("<<", ">>") and right.value > 31:
                raise self._error("shift by more than 31 bits", tree)
            if isinstance(left, Number):
                return Number(calculate(operator, left.value, right.value))
        elif operator in ("<<", ">>"):
            raise self._error("wanted a plain number of bits to shift by", tree)
        return Arithmetic(operator, left, right)

    def _octets(self, tree: Any) -> Octets:
        header, index, *size = tree.children
        name = str(header.children[0])
        offset = self.value(index)
        octets = self._number(size[0]) if size else 1
        if octets not in (1, 2, 4):
            raise self._error("data size must be 1, 2 or 4", size[0])
        known = fields.HEADERS.get(name)
        fits = isinstance(offset, Number) and known is not None
        if not fits or any(at not in known for at in range(offset.value, offset.value + octets)):  # type: ignore[union-attr, operator]
            raise self._error(f"these octets aren't stored as columns; those that are: {fields.supported()}", tree)
        return Octets(name, offset.value, octets)  # type: ignore[arg-type, union-attr]

    # Predicates with qualifiers

    def _only_protocol(self, tree: Any) -> Expression:
        self._last = None
        name = str(tree.children[0].children[0])
        if name in ("ip6", "icmp6", "arp", "rarp"):
            return Word("never")
        if name == "ether":
            raise self._error("link headers aren't stored", tree)
        return Protocol(None if name == "ip" else fields.PROTOCOLS[name])

    def _qualified(self, tree: Any) -> Expression:
        head, ids = tree.children
        self._last = self._qualifiers(head)
        if ids.data == "id_list":
            found = tuple(self._predicate(self._last, identity) for identity in ids.children)
            return found[0] if len(found) == 1 else Or(found)
        return self._predicate(self._last, ids)

    def _masked(self, tree: Any) -> Expression:
        head, address, _, mask = tree.children
        qualifiers = self._last = self._qualifiers(head)
        if qualifiers.kind != "net":
            raise self._error("a mask goes with net", tree)
        number, bits = self._address(address, partial=True)
        mask_number, _ = self._address(mask, partial=False)
        if bits is not None and bits < 32:
            number <<= 0
        if number & ~mask_number & MASK32:
            raise self._error("the address has bits set outside its mask", address)
        return Net(qualifiers.direction, number, mask_number)

    def _qualifiers(self, head: Any) -> _Qualifiers:
        protocol, direction, kind = None, "either", "host"
        for part in head.children:
            if part.data == "protocol":
                protocol = str(part.children[0])
            elif part.data == "kind":
                kind = str(part.children[0])
            elif part.data in ("either", "both"):
                direction = part.data
            else:
                direction = {"src": "source", "dst": "destination"}[str(part.children[0])]
        ports = kind in ("port", "portrange")
        if protocol in ("ip6", "icmp6", "arp", "rarp", "ether"):
            raise self._error(f"{protocol} addresses and ports aren't stored", head)
        if protocol not in (None, "ip", "tcp", "udp") or (protocol in ("tcp", "udp") and not ports):
            raise self._error(f"{protocol!r} can't be applied to {kind}", head)
        if protocol == "ip" and ports:
            raise self._error("'ip' can't be applied to port", head)
        return _Qualifiers(protocol, direction, kind)  # type: ignore[arg-type]

    def _predicate(self, qualifiers: _Qualifiers, identity: Any) -> Expression:
        if qualifiers.kind in ("port", "portrange"):
            low, high = self._ports(qualifiers, identity)
            return Port(qualifiers.direction, low, high, {"tcp": 6, "udp": 17}.get(qualifiers.protocol or ""))
        if qualifiers.kind == "proto":
            return Protocol(self._protocol_number(identity))
        token = identity.children[0]
        number, bits = self._address(identity, partial=True)
        if qualifiers.kind == "host":
            if token.type == "CIDR":
                raise self._error("a prefix is a net, not a host; meant net?", token)
            if bits is None:  # a plain number is the address itself
                return Net(qualifiers.direction, number, MASK32)
            return Net(qualifiers.direction, number, MASK32 << (32 - bits) & MASK32)
        if bits is None:
            number, bits = number << 24 & MASK32 if number < 256 else number, 8 if number < 256 else 32
        mask = MASK32 << (32 - bits) & MASK32 if bits else 0
        if number & ~mask & MASK32:
            shown = ipaddress.IPv4Network((number & mask, bits))
            raise self._error(f"non-network bits set; meant {shown}?", token)
        return Net(qualifiers.direction, number, mask)

    def _address(self, identity: Any, partial: bool) -> tuple[int, int | None]:
        """(address, bits that were written); bits None for a plain number."""
        token = identity.children[0]
        if token.type == "NUMBER":
            return self._number(token), None
        if token.type not in ("ADDRESS", "DOTTED", "CIDR") or (token.type != "ADDRESS" and not partial):
            raise self._error(
                f"{str(token)!r} is no address (names are not looked up); wanted one such as 198.51.100.7",
                token,
            )
        dotted, _, length = str(token).partition("/")
        parts = [int(part) for part in dotted.split(".")]
        if any(part > 255 for part in parts) or (length and int(length) > 32):
            raise self._error(f"{str(token)!r} is no IPv4 address or prefix", token)
        number = 0
        for part in parts + [0] * (4 - len(parts)):
            number = number << 8 | part
        return number, int(length) if length else 8 * len(parts)

    def _ports(self, qualifiers: _Qualifiers, identity: Any) -> tuple[int, int]:
        token = identity.children[0]
        text = str(token)
        if qualifiers.kind == "portrange":
            low, dash, high = text.partition("-")
            if token.type == "NUMBER":
                low = high = text
            elif token.type != "RANGE" or not dash:
                raise self._error(f"{text!r} is no range of ports; wanted one such as 1-1024", token)
            numbers = sorted((self._port(low, token), self._port(high, token)))
            return numbers[0], numbers[1]
        number = self._port(text, token)
        return number, number

    def _port(self, text: str, token: Any) -> int:
        number = int(text) if text.isdigit() and text.isascii() else fields.SERVICES.get(text, -1)
        if text[:2].lower() == "0x":
            number = self._number(token)
        if number < 0:
            near = difflib.get_close_matches(text, fields.SERVICES, 1)
            hint = f"; meant {near[0]}?" if near else "; wanted a number"
            raise self._error(f"no service {text!r} is known{hint}", token)
        if number > 0xFFFF:
            raise self._error(f"{text} is no port; wanted 0 to 65535", token)
        return number

    def _protocol_number(self, identity: Any) -> int:
        token = identity.children[0]
        text = str(token).removeprefix("\\")
        number = self._number(token) if token.type == "NUMBER" else fields.PROTOCOLS.get(text, -1)
        if not 0 <= number <= 255:
            raise self._error(f"no protocol {text!r}; wanted 0 to 255, or one of: {', '.join(fields.PROTOCOLS)}", token)
        return number

    def _multicast(self, tree: Any) -> Expression:
        self._last = None
        return Compare(">=", Octets("ip", 16, 1), Number(224))

    def _broadcast(self, tree: Any) -> Expression:
        raise self._error(
            "what is a broadcast depends on the network's mask; ask for the address, as in dst host", tree
        )

    def _bare(self, tree: Any) -> Expression:
        """A number, address or name alone: it takes the qualifiers before it."""
        if tree.data == "length":
            raise self._length(tree)
        token = tree.children[0] if tree.data in ("number", "bare") else None
        if token is None:
            raise self._error("this is a number; wanted a comparison, such as ip[8] < 10", tree)
        if self._last is None:
            if token.type == "ADDRESS":
                self._last = _Qualifiers(None, "either", "host")
            else:
                text = str(token)
                near = difflib.get_close_matches(text, _WORDS, 1)
                hint = (
                    f"; meant {near[0]}?"
                    if near and near[0] != text
                    else "; wanted a word such as host, net or port before it"
                )
                raise self._error(f"{text!r} can't stand here{hint}", token)
        return self._predicate(self._last, tree)

    # Our own words

    def _category(self, tree: Any) -> Expression:
        self._last = None
        token = tree.children[1]
        if str(token) not in CATEGORIES:
            raise self._error(f"no category {str(token)!r}; wanted one of: {', '.join(CATEGORIES)}", token)
        return Word("category", str(token))

    def _signature(self, tree: Any) -> Expression:
        self._last = None
        token = tree.children[1]
        digits = str(token).lower().removeprefix("0x")
        if not 6 <= len(digits) <= 32:
            raise self._error(f"a signature has 6 to 32 hex digits here; found {len(digits)}", token)
        return Word("signature", digits)

    def _payload(self, tree: Any) -> Expression:
        self._last = None
        return Word("payload")

    def _plain(self, tree: Any) -> Expression:
        self._last = None
        return Word(str(tree.children[0]))

    def _label(self, tree: Any) -> Expression:
        self._last = None
        kind, token = tree.children
        text = self._text_octets(token).decode("utf-8", "replace") if token.type == "TEXT" else str(token)
        return Word(str(kind), text)

    def _contains(self, tree: Any) -> Expression:
        self._last = None
        token = tree.children[2]
        if token.type == "TEXT":
            octets = self._text_octets(token)
        else:
            digits = str(token)
            if not digits.startswith("0x") or len(digits) % 2:
                raise self._error("wanted quoted text, or 0x and an even number of hex digits", token)
            octets = bytes.fromhex(digits[2:])
        if not octets:
            raise self._error("every payload contains nothing; wanted some text", token)
        return Contains(octets)

    def _text_octets(self, token: Any) -> bytes:
        octets = b""
        for match in re.finditer(r"\\x([0-9A-Fa-f]{2})|\\(.)|([^\\])", str(token)[1:-1], re.DOTALL):
            code, escaped, plain = match.groups()
            if code:
                octets += bytes([int(code, 16)])
            elif escaped:
                octets += {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0"}.get(escaped, escaped.encode())
            else:
                octets += plain.encode()
        return octets


def calculate(operator: str, left: int, right: int) -> int:
    """BPF's arithmetic: unsigned, 32 bits."""
    result = {
        "+": left + right,
        "-": left - right,
        "*": left * right,
        "/": left // right if right else 0,
        "%": left % right if right else 0,
        "&": left & right,
        "|": left | right,
        "^": left ^ right,
        "<<": left << (right & 31),
        ">>": left >> (right & 31),
    }[operator]
    return result & MASK32
