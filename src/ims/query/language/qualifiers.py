"""What qualifiers and an id mean together, such as `tcp port` and `http` (gencode.c in libpcap). DNS isn't used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ims.query.language.arithmetic import MASK32
from ims.query.language.errors import FilterError, nearest, shown
from ims.query.language.names import KEYWORDS, NEVER, PROTOCOLS, SERVICES
from ims.query.language.syntax_tree import Direction, Expression, Net, Nothing, Port, Protocol, dotted

_Port = tuple[int, int | None]
"""A port, and the only protocol that its name is for."""


@dataclass(frozen=True)
class Qualifiers:
    """The words before an id, such as `tcp dst port`. A bare id takes those of the predicate before it."""

    protocol: str | None
    direction: Direction
    kind: str


def number_of(token: Any, text: str) -> int:
    """A number as in C: decimal, 0x hexadecimal, 0 octal; at most 32 bits."""
    digits = str(token)
    octal = len(digits) > 1 and digits[0] == "0" and digits[1] not in "xX"
    try:
        number = int(digits, 8 if octal else 0)
    except ValueError:
        raise FilterError(f"{shown(digits)} is no number: a leading 0 means octal", text, token.start_pos + 1) from None
    if number > MASK32:
        raise FilterError(f"{shown(digits)} is more than 32 bits", text, token.start_pos + 1)
    return number


def identify(qualifiers: Qualifiers, tree: Any, text: str) -> Expression:
    """The predicate that `qualifiers` and an id (a parse tree) make. Raises FilterError."""
    token = tree.children[0]
    if qualifiers.kind in ("port", "portrange"):
        return _port(qualifiers, tree.data, token, text)
    found = _protocol(tree.data, token, text) if qualifiers.kind == "proto" else _net(qualifiers, tree, text)
    return Nothing() if qualifiers.protocol in NEVER else found


def _net(qualifiers: Qualifiers, tree: Any, text: str) -> Net:
    token = tree.children[0]
    if tree.data == "name":
        message = f"{shown(token)} is no address, and names aren't looked up; expected one such as 198.51.100.7"
        raise FilterError(message, text, token.start_pos + 1)
    if tree.data == "number":
        number, mask = number_of(token, text), MASK32
        while qualifiers.kind == "net" and 0 < number < 1 << 24:  # `net 10` is 10.0.0.0/8, `net 2561` 10.1.0.0/16
            number, mask = number << 8, mask << 8 & MASK32
        return Net(qualifiers.direction, number, mask)
    number, mask = _address(token, text)
    if tree.data == "address":
        return Net(qualifiers.direction, number, mask)
    if qualifiers.kind != "net":
        raise FilterError(f"a mask goes with net, not {qualifiers.kind}; meant net?", text, token.start_pos + 1)
    if tree.data == "masked":
        mask, _ = _address(tree.children[2], text)
    else:
        length = number_of(tree.children[1], text)
        if length > 32:
            raise FilterError(f"a prefix has at most 32 bits; found {length}", text, tree.children[1].start_pos + 1)
        mask = MASK32 & ~(MASK32 >> length)
    if number & ~mask:
        meant = Net("either", number & mask, mask)
        raise FilterError(f"non-network bits set in {dotted(number)}; meant {meant}?", text, token.start_pos + 1)
    return Net(qualifiers.direction, number, mask)


def _address(token: Any, text: str) -> tuple[int, int]:
    """(address, mask of the parts that were written)."""
    parts = [int(part) if len(part) < 10 else 256 for part in str(token).split(".")]
    if max(parts) > 255:
        raise FilterError(f"{shown(token)} is no IPv4 address: a part is over 255", text, token.start_pos + 1)
    shift = 32 - 8 * len(parts)
    return int.from_bytes(bytes(parts)) << shift, MASK32 << shift & MASK32


def _port(qualifiers: Qualifiers, form: str, token: Any, text: str) -> Port:
    if form not in ("number", "name"):
        raise FilterError(f"{shown(token)} is not a port; for an address put host before it", text, token.start_pos + 1)
    word = str(token).removeprefix("\\")
    low, dash, high = word.partition("-")
    first: _Port
    last: _Port
    if form == "number":
        first = last = (_checked(number_of(token, text), token, text), None)
    elif qualifiers.kind == "portrange":
        first, last = _split(word, token, text)
    elif word in SERVICES:
        first = last = SERVICES[word]
    elif low.isdecimal() and dash and high.isdecimal():
        raise FilterError(f"{shown(word)} is a range of ports; meant portrange?", text, token.start_pos + 1)
    else:
        hint = nearest(word, SERVICES) or "; expected a number"
        raise FilterError(f"no service {shown(word)} is known{hint}", text, token.start_pos + 1)
    protocol = first[1] if first[1] == last[1] else None
    required = KEYWORDS.get(qualifiers.protocol or "")
    if required is not None and protocol not in (None, required):
        message = f"port {shown(word)} is {'tcp' if protocol == 6 else 'udp'}, not {qualifiers.protocol}"
        raise FilterError(message, text, token.start_pos + 1)
    return Port(qualifiers.direction, min(first[0], last[0]), max(first[0], last[0]), required or protocol)


def _split(word: str, token: Any, text: str) -> tuple[_Port, _Port]:
    """Both ends of a range; names may contain dashes themselves."""
    parts = word.split("-")
    for at in range(1, len(parts)):
        ends: list[_Port] = []
        for end in ("-".join(parts[:at]), "-".join(parts[at:])):
            if end.isascii() and end.isdecimal() and len(end) < 10:
                ends.append((_checked(int(end), token, text), None))
            elif end in SERVICES:
                ends.append(SERVICES[end])
        if len(ends) == 2:
            return ends[0], ends[1]
    raise FilterError(f"{shown(word)} is no range of ports; expected one such as 1-1024", text, token.start_pos + 1)


def _checked(port: int, token: Any, text: str) -> int:
    if port > 0xFFFF:
        raise FilterError(f"{port} is not a port; expected 0 to 65535", text, token.start_pos + 1)
    return port


def _protocol(form: str, token: Any, text: str) -> Protocol:
    word = str(token).removeprefix("\\")
    number = number_of(token, text) if form == "number" else PROTOCOLS.get(word, -1)
    if 0 <= number <= 255:
        return Protocol(number)
    hint = nearest(word, PROTOCOLS) or f"; expected 0 to 255, or one of {', '.join(PROTOCOLS)}"
    raise FilterError(f"no IP protocol {shown(word)} is known{hint}", text, token.start_pos + 1)
