"""Blocks and sensors that a filter can match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.condition import parsed
from ims.query.language.scope import matches


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("tcp", None),
        ("block A/24", True),
        ("block B/24", False),
        ("sensor a and block A/24", True),
        ("sensor b or udp", None),
        ("block B/24 and tcp", False),
        ("not block A/24", False),
        ("not (block B/24 and tcp)", True),
        ("block A/24 or tcp", True),
        ("tcp and block A/24", None),
        ("ip6", False),
    ],
)
def test_a_filter_matches_a_block_or_not_or_some_of_its_packets(filter: str, expected: bool | None) -> None:
    tree = parsed(filter)
    assert tree is not None and matches(tree, "a", "A/24") is expected


def test_all_packets_are_of_any_block() -> None:
    assert matches(None, "a", "A/24") is True


TERMS = st.sampled_from(["block A/24", "block B/24", "sensor a", "sensor b", "udp"])


@given(st.recursive(TERMS, lambda inner: st.one_of(
    st.builds("not ({})".format, inner), st.builds("({}) and ({})".format, inner, inner),
    st.builds("({}) or ({})".format, inner, inner)), max_leaves=6))  # fmt: skip
def test_it_is_what_each_packet_says(text: str) -> None:
    """Against Python's own logic, of a packet that is UDP and of one that isn't."""
    for sensor, block in (("a", "A/24"), ("a", "B/24"), ("b", "A/24"), ("b", "B/24")):
        python = text
        for word, is_true in (("block A/24", block == "A/24"), ("block B/24", block == "B/24"),
                              ("sensor a", sensor == "a"), ("sensor b", sensor == "b")):  # fmt: skip
            python = python.replace(word, str(is_true))
        said = {eval(python.replace("udp", str(is_udp))) for is_udp in (True, False)}
        found = matches(parsed(text), sensor, block)
        assert found is None or said == {found}
