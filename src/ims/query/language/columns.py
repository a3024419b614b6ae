"""What a filter reads: its columns, and whether it could distinguish monitored addresses."""

from __future__ import annotations

from ims.query.language import syntax_tree as nodes
from ims.query.language.header_fields import columns_of
from ims.query.language.syntax_tree import Expression, walk

_COLUMNS = {nodes.HiddenSource: "source", nodes.Signature: "signature", nodes.Contains: "payload"}
_COLUMNS_OF_FLAGS = {"payload": "payload_length", "new": "new_payload", "fragment": "ip_fragment"}


def uses(tree: Expression) -> set[str]:
    """The columns of `packets` that the filter reads, and `payload` for the payloads' octets."""
    found: set[str] = set()
    for node in walk(tree):
        match node:
            case nodes.Net() | nodes.Port():
                ends = ("source", "destination") if node.direction in ("either", "both") else (node.direction,)
                found.update(end + ("_port" if isinstance(node, nodes.Port) else "") for end in ends)
            case nodes.Octets():
                found |= columns_of(node.header, node.offset, node.size)
            case nodes.Has():
                found.add(_COLUMNS_OF_FLAGS.get(node.what, node.what))
            case nodes.Named():
                found.add(node.column)
            case nodes.HiddenSource() | nodes.Signature() | nodes.Contains():
                found.add(_COLUMNS[type(node)])
            case nodes.Protocol(number) if number is not None:
                found.add("protocol")
    return found


def mentions_destination(tree: Expression) -> bool:
    """Whether the answer could distinguish monitored addresses: it reads destinations, or octets of payloads, which
    can contain them (ICMP quotes, `Host:`). Signatures don't count: they name known payloads."""
    return bool(uses(tree) & {"destination", "payload"})


def hides(tree: Expression | None) -> bool:
    """Whether a filter hides sources (hidden_sources.py), so that their ranges must be known."""
    return tree is not None and any(isinstance(node, nodes.HiddenSource) for node in walk(tree))
