"""Sources that an asker may not see: in no net and no group, a thousand ranges as well as one, by the same text."""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ims
from ims.link.contract import MOST_HIDDEN
from ims.query.engines import sql_cache, sql_compiler
from ims.query.language import json_codec
from ims.query.language.columns import hides
from ims.query.language.filter import parse
from ims.query.language.syntax_tree import DEEPEST, HIDING, MOST_TERMS, And, HiddenSource, Net, walk
from ims.query.plans import hidden_sources
from ims.query.plans.hidden_sources import _prefixes, ranges_of
from ims.query.request import Ranges, make_request
from ims.telescope import Telescope

from ...effort import examples
from ...hiding import Hiding, filter_of
from ...stores import exported
from ..language.trees import trees

networks = st.builds(
    lambda address, bits: ipaddress.IPv4Network((address, bits), strict=False),
    st.integers(0, 2**32 - 1) | st.sampled_from([0, 2**31, 2**32 - 1]), st.integers(3, 32),
)  # fmt: skip


@settings(max_examples=examples(200, 40))
@given(st.lists(networks, max_size=8))
def test_ranges_and_their_prefixes_are_the_addresses_of_the_networks(found: list[ipaddress.IPv4Network]) -> None:
    ranges = ranges_of(found)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(ranges))
    pieces = [
        ipaddress.IPv4Network((first, length)) for length, firsts in _prefixes(ranges).items() for first in firsts
    ]
    assert len(pieces) <= 2 * sum(len(list(summarized(*each))) for each in ranges) + hidden_sources._SPARE
    assert sum(piece.num_addresses for piece in pieces) == sum(last - first + 1 for first, last in ranges)
    assert list(ipaddress.collapse_addresses(pieces)) == list(ipaddress.collapse_addresses(found))


def summarized(first: int, last: int) -> Iterator[ipaddress.IPv4Network]:
    return ipaddress.summarize_address_range(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last))


@pytest.mark.parametrize("bits", [(25,), (23, 25, 31), (9, 17, 24, 32), tuple(range(8, 33))])
def test_prefixes_of_any_lengths_cost_what_their_number_does(bits: tuple[int, ...]) -> None:
    """A thousand of 128 addresses took 20 s and 1.1 GB to compile, for each was told as 128 of one."""
    ranges = ranges_of(ipaddress.IPv4Network(((n << 9) + (9 << 24), max(bits[n % len(bits)], 23))) for n in range(1000))
    wide = ranges_of(ipaddress.IPv4Network(((n << 24), bits[n % len(bits)])) for n in range(60, 90))
    for some in (ranges, wide, (*ranges, *wide)):
        prefixes = hidden_sources._prefixes(some)
        assert len(prefixes) <= len(bits) + 1
        assert sum(map(len, prefixes.values())) <= 2 * sum(len(list(summarized(*each))) for each in some) + 4096
    assert len(sql_cache.marking(ranges)) < 100_000


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> list[dict[str, Any]]:
    return exported(tmp_path_factory.mktemp("rows"), one_store)


@pytest.fixture(scope="module")
def thousand(rows: list[dict[str, Any]]) -> Ranges:
    """A thousand separate ranges and more, of every length, which hold about half of the sources."""
    rng = random.Random(5)
    sources = sorted({row["source"] for row in rows})
    some = [ipaddress.IPv4Network((source, rng.choice((32, 32, 31, 27, 24))), strict=False) for source in sources[::3]]
    wide = [ipaddress.IPv4Network((source, 13), strict=False) for source in sources[5::97]]
    others = [ipaddress.IPv4Network((rng.getrandbits(32) & ~255, 24)) for _ in range(1000)]
    ranges = ranges_of([*some, *wide, *others])
    assert len(ranges) > 1000
    return ranges


@pytest.fixture(scope="module")
def telescope(one_store: Path) -> Iterator[Telescope]:
    with ims.open(one_store) as opened:
        yield opened


def is_in(source: int, ranges: Ranges) -> bool:
    return any(first <= source <= last for first, last in ranges)


@pytest.mark.parametrize(
    ("filter", "takes"),
    [
        ("src net 0.0.0.0/0", lambda source, seen: seen),
        ("not src net 128.0.0.0/1", lambda source, seen: not (seen and source >> 31)),
        ("src net 0.0.0.0/1 or tcp", None),
        ("src host 8.8.8.8 or src net 0.0.0.0 mask 0.0.0.1", lambda source, seen: seen and source & 1 == 0),
    ],
)
def test_hidden_sources_are_in_no_net(
    telescope: Telescope, rows: list[dict[str, Any]], thousand: Ranges, filter: str, takes: Any
) -> None:
    seen = {source: not is_in(source, thousand) for source in {row["source"] for row in rows}}
    assert 0.2 < sum(seen.values()) / len(seen) < 0.8
    takes = takes or (lambda source, seen: seen and not source >> 31)
    expected = [
        row for row in rows
        if takes(row["source"], seen[row["source"]]) or ("or tcp" in filter and row["protocol"] == 6)
    ]  # fmt: skip
    [found] = Hiding(telescope, thousand).count(filter).rows()
    assert (found["packets"], found["sources"]) == (len(expected), len({row["source"] for row in expected}))


def test_the_earlier_way_to_hide_still_works_for_one_release(telescope: Telescope, thousand: Ranges) -> None:
    with pytest.warns(DeprecationWarning, match=r"^Telescope\.hiding: ask request\.hiding\(ranges\)$"):
        earlier = telescope.hiding(thousand)
    assert earlier.top("source").table.equals(Hiding(telescope, thousand).top("source").table)
    with pytest.warns(DeprecationWarning):
        none = telescope.hiding(())  # what a request hides itself stays hidden
    request = make_request("top", None, group="source").hiding(thousand)
    assert none.ask(request).table.equals(earlier.top("source").table)


def test_hidden_sources_are_in_no_group_by_source(
    telescope: Telescope, rows: list[dict[str, Any]], thousand: Ranges
) -> None:
    expected = Counter(row["source"] for row in rows if not is_in(row["source"], thousand))
    hiding = Hiding(telescope, thousand)
    for found in (hiding.top("source", limit=10_000).rows(), hiding.sources(limit=10_000).rows()):
        packets = {int(ipaddress.IPv4Address(r["source"])): r.get("value", r.get("packets")) for r in found}
        assert packets == expected
    eights = Counter(source >> 24 for source in expected.elements())
    for row in hiding.series(bin="365d", group="source/8").rows():
        assert row["value"] <= eights[int(row["source_8"].split(".")[0])]
    assert sum(row["value"] for row in hiding.top("source/8", limit=300).rows()) == expected.total()
    whole = Counter(row["protocol"] for row in rows)  # what isn't grouped by source is counted whole
    assert {r["protocol"]: r["value"] for r in hiding.top("protocol", limit=300).rows()} == whole


def test_the_text_is_the_same_whatever_is_hidden_and_asked(thousand: Ranges) -> None:
    """The SQL of a filter has no range in it, and that of the ranges stands once."""
    request = make_request("count", "src net 8.8.8.0/24 or src host 1.2.3.4")
    tree = filter_of(request.filter, request)
    sql = sql_cache.filtered(tree)
    assert sql.count("hidden_source") == 3  # once to leave it out
    assert "UNNEST" not in sql
    assert 1 <= sql_cache.marking(thousand).count("UNNEST") <= 4
    assert "UNNEST" not in sql_cache.marking(())
    other = filter_of(parse("src net 9.9.9.0/24 or src host 5.6.7.8"), request)
    assert len(sql_cache.filtered(other)) == len(sql)


def test_row_groups_are_skipped_as_without(one_store: Path, thousand: Ranges) -> None:
    """A condition on sources still reaches the files' statistics."""
    con = duckdb.connect()
    file = next(one_store.glob("packets/**/*.parquet"))
    con.execute(f"CREATE VIEW ims_packets AS SELECT *, 'a' AS sensor FROM read_parquet('{file}')")
    con.execute(f"CREATE VIEW ims_marked_packets AS {sql_cache.marking(thousand)}")
    request = make_request("count", "src net 8.8.8.0/24")
    tree = filter_of(request.filter, request)
    plan = con.sql(f"EXPLAIN SELECT count(*) FROM ({sql_cache.filtered(tree)})").fetchall()[0][1]
    scan = plan[plan.rindex("PARQUET_SCAN") if "PARQUET_SCAN" in plan else plan.rindex("READ_PARQUET") :]
    assert "source>=134744064" in scan.replace(" ", ""), plan


@settings(max_examples=examples(300, 60))
@given(trees)
def test_each_net_is_hidden_from_and_nothing_else_changes(tree: Any) -> None:
    changed = filter_of(tree, make_request("count", None))
    nets = [node for node in walk(tree) if isinstance(node, Net)]
    assert sum(isinstance(node, HiddenSource) for node in walk(changed)) == len(nets)
    assert hides(changed) == bool(nets)
    assert json_codec._without_hiding(changed) == tree
    assert json_codec.from_json(json_codec.to_json(changed)) == changed
    grouped = filter_of(tree, make_request("sources", None))
    assert grouped == And((changed, HIDING))
    assert filter_of(None, make_request("top", None, group="source/8")) == HIDING


def test_limits_are_of_the_filter_as_asked() -> None:
    for text in (" or ".join(["src 1.1.1.1"] * MOST_TERMS), "not " * (DEEPEST - 1) + "src 1.1.1.1"):
        tree = parse(text, 1 << 20)
        assert json_codec.from_json(json_codec.to_json(filter_of(tree, make_request("sources", None))))
    padded: Any = parse("tcp")
    for _ in range(70):
        padded = And((padded, HIDING))
    with pytest.raises(ValueError, match="nested"):
        json_codec.from_json(json_codec.to_json(padded))


def test_a_daemon_that_knows_no_such_node_refuses_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    request = make_request("sources", "src net 8.0.0.0/8")
    sent = json_codec.to_json(filter_of(request.filter, request))
    monkeypatch.delitem(json_codec._BY_NAME, "hiddensource")
    with pytest.raises(ValueError, match="expected an object whose 'is' is one of"):
        json_codec.from_json(sent)


def test_however_many_prefixes_are_hidden_no_question_is_too_long_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_compiler, "MOST_OCTETS", 5_000)
    assert len(sql_cache.marking(tuple((n << 8, (n << 8) + 255) for n in range(0, 8_000, 4)))) > 5_000


def test_as_many_ranges_as_a_message_may_name_are_hidden_at_once(
    telescope: Telescope, rows: list[dict[str, Any]]
) -> None:
    ranges = tuple((n << 16, (n << 16) + 0x7FFF) for n in range(MOST_HIDDEN))
    shown = [row for row in rows if row["source"] >> 16 >= MOST_HIDDEN or row["source"] >> 15 & 1]
    assert 0 < len(shown) < len(rows)
    assert Hiding(telescope, ranges).count("src net 0.0.0.0/0").rows()[0]["packets"] == len(shown)
