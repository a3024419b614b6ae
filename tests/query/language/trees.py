"""Any tree of a filter, for Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ims.query.language import header_fields
from ims.query.language.arithmetic import MASK32, OPERATORS
from ims.query.language.syntax_tree import (
    FLAGS,
    RELATIONS,
    And,
    Arithmetic,
    Compare,
    Contains,
    Has,
    Named,
    Net,
    Not,
    Nothing,
    Number,
    Octets,
    Or,
    Port,
    Protocol,
    Signature,
)
from ims.records import CATEGORIES

numbers = st.integers(0, MASK32) | st.integers(0, 300)


octets = st.sampled_from(
    [(header, at, size) for header in header_fields.HEADERS for at in range(20) for size in (1, 2, 4) if header_fields.known(header, at, size)]
).map(lambda found: Octets(*found))  # fmt: skip


def arithmetic(left: Any, operator: str, right: Any) -> Any:
    """As Arithmetic, but for constants that it refuses."""
    try:
        return Arithmetic(operator, left, right)
    except ValueError:
        return left


values = st.recursive(
    numbers.map(Number) | octets,
    lambda inner: st.builds(arithmetic, inner, st.sampled_from(OPERATORS), inner),
    max_leaves=6,
)


directions = st.sampled_from(["either", "source", "destination", "both"])


masks = st.integers(0, 32).map(lambda bits: MASK32 & ~(MASK32 >> bits)) | st.integers(0, MASK32)


printable = st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "), min_size=1, max_size=64).filter(
    str.isprintable
)


trees = st.recursive(
    st.one_of(
        st.builds(Compare, st.sampled_from(RELATIONS), values, values),
        st.builds(Protocol, st.none() | st.integers(0, 255)),
        st.builds(lambda way, address, mask: Net(way, address & mask, mask), directions, st.integers(0, MASK32), masks),
        st.builds(
            lambda way, ports, protocol: Port(way, min(ports), max(ports), protocol),
            directions, st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)), st.sampled_from([None, 6, 17]),
        ),
        st.builds(Has, st.sampled_from(FLAGS)),
        st.builds(Named, st.sampled_from(["block", "sensor"]), printable),
        st.builds(Named, st.just("category"), st.sampled_from(CATEGORIES)),
        st.builds(Signature, st.text("0123456789abcdef", min_size=6, max_size=32)),
        st.builds(Contains, st.binary(min_size=1, max_size=40)),
        st.just(Nothing()),
    ),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple))
    ),
    max_leaves=8,
)  # fmt: skip
