"""Which blocks and sensors a filter can match, whatever their packets are."""

from __future__ import annotations

from ims.query.language.syntax_tree import And, Expression, Named, Not, Nothing, Or


def matches(tree: Expression | None, sensor: str, block: str) -> bool | None:
    """Whether a filter takes packets of a sensor's block: None where that depends on the packet."""
    if tree is None:
        return True
    if isinstance(tree, Nothing):
        return False
    if isinstance(tree, Named) and tree.column in ("sensor", "block"):
        return tree.name == (sensor if tree.column == "sensor" else block)
    if isinstance(tree, Not):
        inner = matches(tree.inner, sensor, block)
        return None if inner is None else not inner
    if isinstance(tree, And | Or):
        found = [matches(term, sensor, block) for term in tree.terms]
        decisive = isinstance(tree, Or)
        return decisive if decisive in found else None if None in found else not decisive
    return None
