"""What a filter asks: the columns it reads, and whether it could distinguish monitored addresses."""

from __future__ import annotations

from ims.query.language.header_fields import columns_of
from ims.query.language.syntax_tree import (
    Contains,
    Expression,
    Has,
    HiddenSource,
    Named,
    Net,
    Octets,
    Port,
    Protocol,
    Signature,
    walk,
)


def uses(tree: Expression) -> set[str]:
    """The columns of `packets` that the filter asks, and `payload` for the payloads' octets."""
    found: set[str] = set()
    for node in walk(tree):
        if isinstance(node, Net | Port):
            ends = ("source", "destination") if node.direction in ("either", "both") else (node.direction,)
            found.update(end + ("_port" if isinstance(node, Port) else "") for end in ends)
        elif isinstance(node, Octets):
            found |= columns_of(node.header, node.offset, node.size)
        elif isinstance(node, Has):
            columns = {"payload": "payload_length", "new": "new_payload", "fragment": "ip_fragment"}
            found.add(columns.get(node.what, node.what))
        elif isinstance(node, Named):
            found.add(node.column)
        elif isinstance(node, HiddenSource):
            found.add("source")
        elif isinstance(node, Signature):
            found.add("signature")
        elif isinstance(node, Contains):
            found.add("payload")
        elif isinstance(node, Protocol) and node.number is not None:
            found.add("protocol")
    return found


def mentions_destination(tree: Expression) -> bool:
    """Whether the answer could distinguish monitored addresses: it asks destinations, or octets of payloads, in which
    they can stand (ICMP quotes, `Host:`). Signatures name known payloads, which is another question."""
    return bool(uses(tree) & {"destination", "payload"})


def hides(tree: Expression | None) -> bool:
    """Whether a filter hides sources (hidden_sources.py), so that their ranges must be known."""
    return tree is not None and any(isinstance(node, HiddenSource) for node in walk(tree))
