"""What those who may not see monitored addresses may ask: no question that could distinguish two of them.

Questions are refused for what they ask, never for what is stored or watched: a refusal tells nothing.

A question that passes is narrowed, and sensors are asked for more rows than will be shown: which rows come first at a
limit, and the order of rows that tie, may depend on what isn't shown. So they are sorted by what is shown, then cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import PrivateAttr

from ims.portal.privacy.address_scan import AddressScan
from ims.query.language.columns import uses
from ims.query.language.syntax_tree import Expression, Net, Octets, Signature, walk
from ims.query.request import Request


class Forbidden(Exception):  # noqa: N818  (what the caller is told, not what went wrong)
    """One line: what isn't shown to this role, and what may be asked instead. It never holds an address."""


class Withheld(Forbidden):
    """Something isn't shown or isn't there; neither the line nor its time tells which."""


PayloadLookup = Callable[[list[bytes]], dict[bytes, bytes]]  # signatures to the octets of those that are stored

TELLING: Mapping[str, str] = {
    "destination": "destinations aren't shown; ask for a block, as in `block NAME`, or for sources, as in `src net`",
    "payload": "the payloads' octets can't be searched: monitored addresses stand in them; ask for a signature",
    "tcp_sequence": "sequence numbers aren't shown: some scanners put the destination there; ask for ports and flags",
    "tcp_acknowledgment": "acknowledgment numbers aren't shown: they answer sequence numbers; ask for ports and flags",
    "icmp_rest": "the second half of ICMP headers isn't shown: an address fits there; ask for type and code",
}
"""Columns that can hold a monitored address, and the refusal of each."""


def check_filter(tree: Expression) -> None:
    """Raises Forbidden where a filter could distinguish monitored addresses."""
    for node in walk(tree):
        if isinstance(node, Net) and node.direction in ("either", "both"):
            raise Forbidden("host and net without a direction ask for destinations, which aren't shown; say src host")
    asked = uses(tree)
    for column, sentence in TELLING.items():
        if column in asked:
            raise Forbidden(sentence)
    if any(isinstance(node, Octets) and node.header == "ip" and node.offset + node.size > 12 for node in walk(tree)):
        raise Forbidden("octets of addresses can't be asked for; say src host or src net")


def check_group(request: Request) -> None:
    """Raises Forbidden for a group by a column that can hold a monitored address."""
    column = request.prefix.address if request.prefix is not None else request.group
    if column is not None and column in TELLING:
        raise Forbidden(TELLING[column].replace("ask for a signature", "group by block"))


def check_signatures(tree: Expression, words: AddressScan, payloads: PayloadLookup | None) -> None:
    """A signature may be asked for if its payload is known and holds no address: a caller may compute the MD5 of
    payloads with each address in turn. Raises Withheld, alike for payloads that hold one and for absent ones."""
    digits = {node.digits for node in walk(tree) if isinstance(node, Signature)}
    if not digits:
        return
    if any(len(each) < 32 for each in digits):
        raise Forbidden("a part of a signature can't be asked for: it fits payloads that aren't shown; give 32 digits")
    asked = [bytes.fromhex(each) for each in sorted(digits)]
    known = payloads(asked) if payloads is not None else {}
    dark = words.which([known.get(signature, b"") for signature in asked])
    if len(known) < len(asked) or dark.any():
        raise Withheld("no payload that may be shown has this signature; ask for one that is listed")


class NarrowedRequest(Request):
    """A request that passed the policy. It is for the sensors only: it names what is monitored (`hidden`), so it is
    never sent back, logged for others than operators, or part of an error."""

    _wanted: int = PrivateAttr(default=0)
    _asked: Request | None = PrivateAttr(default=None)


def narrowed(request: Request, **changes: Any) -> NarrowedRequest:
    """A request with some changes, which keeps the caller's request and number of rows."""
    found = NarrowedRequest.model_validate(dict(request) | changes)
    found._wanted = wanted_of(request)
    found._asked = request._asked if isinstance(request, NarrowedRequest) else request
    found._hidden = request.hidden
    return found


def asked_of(request: Request) -> Request:
    """The request as the caller made it."""
    return request._asked or request if isinstance(request, NarrowedRequest) else request


def wanted_of(request: Request) -> int:
    """How many rows to show."""
    return request._wanted if isinstance(request, NarrowedRequest) else request.rows
