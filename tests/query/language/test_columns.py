"""What a filter asks: the columns that it reads, and whether it could tell monitored addresses apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from ibis.expr.operations import Field

from ims.query.language.columns import hides, mentions_destination, uses
from ims.query.language.filter import parse
from ims.query.language.syntax_tree import HIDING, And, Contains, Expression, HiddenSource, Not, Or, Port, walk
from ims.query.plans.predicate import predicate
from ims.query.plans.tables import described_as, empty
from ims.records import PACKETS

from ...effort import examples
from .trees import trees

TABLE = described_as("packets", empty("packets").schema)
GUARDS = {"protocol", "ip_fragment"}
"""What is looked at to know whether there is such a header; it tells nobody apart."""


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("ip", set()),
        ("ip6", set()),
        ("tcp", {"protocol"}),
        ("src net 10", {"source"}),
        ("host 10.0.0.1", {"source", "destination"}),
        ("src and dst host 10.0.0.1", {"source", "destination"}),
        ("dst port 80", {"destination_port"}),
        ("portrange 1-9", {"source_port", "destination_port"}),
        ("payload", {"payload_length"}),
        ("new", {"new_payload"}),
        ("fragment", {"ip_fragment"}),
        ("verified", {"verified"}),
        ("category scan and not sensor a or block b", {"category", "sensor", "block"}),
        ("signature abcdef", {"signature"}),
        ("payload contains 'x'", {"payload"}),
        ("ip[8] + ip[12:4] > tcp[4:4]", {"ttl", "source", "tcp_sequence"}),
    ],
)
def test_a_filter_asks_the_columns_that_it_names(text: str, columns: set[str]) -> None:
    assert uses(parse(text)) == columns


@given(trees)
@settings(max_examples=examples(200, 40))
def test_all_columns_that_the_database_reads_are_told(tree: Expression) -> None:
    """The condition in Ibis is asked itself which columns stand in it."""
    if any(isinstance(node, Contains) for node in walk(tree)):
        return  # it looks in another table
    read = {field.name for field in predicate(tree, TABLE).op().find(Field)}
    derived = GUARDS | ({"source_port"} if any(isinstance(node, Port) for node in walk(tree)) else set())
    assert uses(tree) <= {column.name for column in PACKETS} | {"sensor"}
    assert read - GUARDS <= uses(tree) | derived


@pytest.mark.parametrize(
    "text",
    ["dst host 198.51.100.1", "not dst net 198.51.100.0/25", "net 10", "ip[16:4] = 1", "ip[14:4] = 1", "ip[19] & 1 = 0",
     "ip multicast", "tcp or (udp and payload contains 'Host')"],
)  # fmt: skip
def test_what_could_tell_monitored_addresses_apart_is_seen(text: str) -> None:
    assert mentions_destination(parse(text))


@pytest.mark.parametrize(
    "text", ["src net 10", "dst port 80", "ip[12:4] = 1", "signature abcdef", "payload", "block a"]
)
def test_what_could_not_is_let_by(text: str) -> None:
    assert not mentions_destination(parse(text))


def test_a_filter_hides_wherever_in_it_that_stands() -> None:
    tcp, udp = parse("tcp"), parse("udp")
    for tree in (HIDING, HiddenSource(), And((tcp, HIDING)), Or((udp, Not(And((tcp, HIDING)))))):
        assert hides(tree)
        assert "source" in uses(tree)
    assert not hides(None)
    assert not hides(parse("tcp or not src net 10"))
