"""What those who may not see monitored addresses may ask: no question that could tell two of them apart.

Whatever is refused is refused for what it asks, never for what is stored or watched: a refusal tells nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence

from ims.portal.darkwords import DarkWords
from ims.portal.forbidden import Forbidden
from ims.query.filter import parse, uses
from ims.query.request import Request
from ims.query.tree import And, Compare, Expression, Net, Not, Nothing, Octets, Or, Signature, check_size, walk

LONGEST = 4096
PayloadLookup = Callable[[list[bytes]], dict[bytes, bytes]]
"""Signatures to the octets of those that are stored."""

TELLING: Mapping[str, str] = {
    "destination": "destinations aren't shown; ask for a block, as in `block NAME`, or for sources, as in `src net`",
    "payload": "the payloads' octets can't be searched: monitored addresses stand in them; ask for a signature",
    "tcp_sequence": "sequence numbers aren't shown: some scanners put the destination there; ask for ports and flags",
    "tcp_acknowledgment": "acknowledgment numbers aren't shown: they answer sequence numbers; ask for ports and flags",
    "icmp_rest": "the second half of ICMP headers isn't shown: an address fits there; ask for type and code",
}
"""Columns that can hold a monitored address, and what is said of them."""


def tree_of(request: Request) -> Expression | None:
    """The request's filter; None: all. Raises FilterError."""
    return parse(request.filter) if request.filter.strip() else None


def check_filter(tree: Expression) -> None:
    """Raises Forbidden where a filter could tell monitored addresses apart."""
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
    """Raises Forbidden where rows would be grouped by what can hold a monitored address."""
    column = request.prefix.address if request.prefix is not None else request.group
    if column is not None and column in TELLING:
        raise Forbidden(TELLING[column].replace("ask for a signature", "group by block"))


def check_signatures(tree: Expression, words: DarkWords, payloads: PayloadLookup | None) -> None:
    """A signature may be asked for where its payload is known and holds no address: an asker may work out the MD5 of
    payloads with each address in turn. Raises Forbidden, alike for those that hold one and those that aren't stored.
    """
    digits = {node.digits for node in walk(tree) if isinstance(node, Signature)}
    if not digits:
        return
    if any(len(each) < 32 for each in digits):
        raise Forbidden("a part of a signature can't be asked for: it fits payloads that aren't shown; give 32 digits")
    asked = [bytes.fromhex(each) for each in sorted(digits)]
    known = payloads(asked) if payloads is not None else {}
    octets = [known.get(signature) for signature in asked]
    if any(each is None for each in octets) or words.which([each for each in octets if each is not None]).any():
        raise Forbidden("no payload that may be shown has this signature; ask for one that is listed")


def without_dark_sources(
    tree: Expression | None, prefixes: Sequence[ipaddress.IPv4Network], grouped: bool
) -> Expression | None:
    """The filter in which a monitored address as source, which is forged and often the destination itself (a "LAND"
    packet), is in no net; where rows are `grouped` by source, such packets are left out.

    Raises Forbidden where that is too long for a filter.
    """
    dark = [Net("source", int(n.network_address), int(n.netmask)) for n in ipaddress.collapse_addresses(prefixes)]
    changed = None if tree is None else _subtracted(tree, dark)
    if grouped and dark:
        light = Not(_any(dark))
        changed = light if changed is None else And((changed, light))
    if changed is not None and changed != tree:
        try:
            check_size(changed)
            fits = len(str(changed)) <= LONGEST
        except ValueError:
            fits = False
        if not fits:
            raise Forbidden("this asks for too many sources at once; ask for narrower src nets, or group by port")
    return changed


def _any(nets: Sequence[Net]) -> Expression:
    return nets[0] if len(nets) == 1 else Or(tuple(nets))


def _subtracted(tree: Expression, dark: Sequence[Net]) -> Expression:
    """Each condition on sources without monitored addresses."""
    if isinstance(tree, Net):
        common = [net for net in dark if (net.address ^ tree.address) & net.mask & tree.mask == 0]
        if any(net.mask & tree.mask == net.mask for net in common):
            return Nothing()  # all of it is monitored
        return And((tree, Not(_any(common)))) if common else tree
    if isinstance(tree, Not):
        return Not(_subtracted(tree.inner, dark))
    if isinstance(tree, And | Or):
        return type(tree)(tuple(_subtracted(term, dark) for term in tree.terms))
    return tree


def is_compared(tree: Expression, header: str, offset: int) -> bool:
    """Whether this is `header[offset] = NUMBER`."""
    from ims.query.tree import Number

    return (
        isinstance(tree, Compare)
        and tree.operator == "="
        and tree.left == Octets(header, offset, 1)
        and isinstance(tree.right, Number)
    )
