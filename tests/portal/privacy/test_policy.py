"""The gate played against: whatever a viewer or analyst may ask, monitored addresses can't be distinguished by it."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ims.link.contract import MOST_HIDDEN, Ask, written
from ims.portal.privacy.policy import Forbidden, PrivacyPolicy, SecrecySettings
from ims.portal.privacy.query_policy import NarrowedRequest
from ims.query.answer import Answer, AnswerRecord
from ims.query.chain import PLACES, Chain
from ims.query.language import syntax_tree as t
from ims.query.question import Question
from ims.query.request import GROUPS, METRICS, Request
from tests.portal import permuted
from tests.portal.permuted import HOSTS, PLAIN, SOURCES, C, D, dark_payloads

from ...effort import examples
from .gate import (
    EXACT,
    HOUR,
    LATER,
    PREFIXES,
    START,
    WIDER,
    Copy,
    assert_alike,
    gate,
    through,
    told,
)

# A bisecting asker's language: every node, with values near what is to be found.

near = st.sampled_from([*HOSTS[:6], C, D, C + 128, 0xC6000000, 0x80000000, *SOURCES[:4], 0])
numbers = near | st.integers(0, 0xFFFFFFFF) | st.integers(0, 255)
readable = [
    (header, offset, size)
    for header in ("ip", "tcp", "udp", "icmp")
    for size in (1, 2, 4)
    for offset in range(20)
    if t.known(header, offset, size)
]
octets = st.sampled_from(readable).map(lambda place: t.Octets(*place))
safe_octets = st.sampled_from([p for p in readable if p[0] != "ip" or p[1] + p[2] <= 12]).map(lambda p: t.Octets(*p))
values = octets | safe_octets
arithmetic = st.builds(
    t.Arithmetic, st.sampled_from(["+", "-", "&", "|", "^", "*"]), values, numbers.map(t.Number) | values
)
compares = st.builds(t.Compare, st.sampled_from(t.RELATIONS), values | arithmetic, numbers.map(t.Number) | values)


def net(direction: str, address: int, bits: int) -> t.Net:
    mask = 0xFFFFFFFF << (32 - bits) & 0xFFFFFFFF
    return t.Net(direction, address & mask, mask)  # type: ignore[arg-type]


candidates = [*PLAIN, *(each for host in (*HOSTS[:4], HOSTS[-1]) for each in dark_payloads(host))]
signatures = st.sampled_from([hashlib.md5(each).hexdigest() for each in candidates])
source_nets = st.builds(net, st.just("source"), near, st.integers(0, 32))
ports = st.builds(
    lambda d, low, more, p: t.Port(d, low, min(low + more, 65535), p),
    st.sampled_from(t.DIRECTIONS), st.sampled_from([22, 23, 80, 139, 445, 0]), st.sampled_from([0, 0, 400]),
    st.sampled_from([None, 6, 17]),
)  # fmt: skip
viewer_leaves = (
    st.builds(lambda port: t.Port("destination", port, port, None), st.sampled_from([23, 80, 139, 445]))
    | st.builds(t.Protocol, st.sampled_from([1, 6, 17]))
    | st.builds(net, st.just("source"), near, st.just(8))
    | st.sampled_from([t.Named("category", "scan"), t.Named("block", "C/24"), t.Has("payload"), t.Has("verified")])
    | st.builds(lambda kind: t.Compare("=", t.Octets("icmp", 0, 1), t.Number(kind)), st.sampled_from([3, 8]))
)
leaves = (
    viewer_leaves
    | st.one_of(source_nets, source_nets, ports)
    | st.builds(net, st.sampled_from(t.DIRECTIONS), near, st.integers(0, 32))
    | st.builds(t.Compare, st.sampled_from(t.RELATIONS), safe_octets, numbers.map(t.Number))
    | compares
    | st.builds(t.Has, st.sampled_from(t.FLAGS))
    | signatures.map(t.Signature)
    | signatures.map(lambda digits: t.Signature(digits[:7]))
    | near.map(lambda address: t.Contains(permuted.dotted(address)))
    | st.builds(lambda a, m: t.Net("source", a & m, m), near, numbers)
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: t.And(tuple(terms)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda terms: t.Or(tuple(terms)))
        | inner.map(t.Not)
    ),
    max_leaves=5,
)
conjunctions = st.lists(viewer_leaves, min_size=1, max_size=3).map(lambda s: t.And(tuple(s)) if len(s) > 1 else s[0])
groups = st.sampled_from([*GROUPS, "signature", "signature", "source", "block"]) | st.builds(
    lambda end, bits: f"{end}/{bits}", st.sampled_from(["source", "source", "destination"]), st.integers(1, 32)
)
VERBS = ("count", "series", "top", "packets", "payloads", "sources", "chain", "local", "sightings", "novelty", "cache",
         "storage", "coverage", "darknet")  # fmt: skip


@st.composite
def chains(draw: Any, filters: Any) -> Chain:
    """Steps of which some take much: else hardly any source would do them all."""
    steps = st.lists(
        st.sampled_from([t.Protocol(None), t.Has("payload"), t.Protocol(17)]) | filters, min_size=2, max_size=3
    )
    return Chain(
        steps=tuple(draw(steps)),
        within=draw(st.sampled_from([60, 3600, 86400])) * 1_000_000,
        at=draw(st.sampled_from(PLACES)),
        bin=draw(st.sampled_from([None, 60_000_000, HOUR])),
    )


@st.composite
def requests(draw: Any, filters: Any, verbs: tuple[str, ...] = VERBS) -> Request:
    verb = draw(st.sampled_from(verbs))
    since = draw(st.none() | st.integers(0, 300).map(lambda minutes: START + minutes * 60_000_000))
    until = draw(st.none() | st.integers(301, 600).map(lambda minutes: START + minutes * 60_000_000))
    group = draw(groups) if verb == "top" else draw(st.none() | groups) if verb == "series" else None
    if verb in ("darknet", "sightings", "novelty"):
        group = draw(st.sampled_from([None, "block", "sensor"]))
    is_of_payloads = verb in ("sightings", "novelty")
    return Request(
        verb=verb,
        fresh=draw(st.none() | st.just(START + 3600 * 1_000_000)) if is_of_payloads else None,
        only=draw(st.sampled_from([None, "C/24", "a"])) if verb == "sightings" else None,
        filter=None if verb in ("coverage", "darknet") else draw(st.none() | filters),
        since=since,
        until=until,
        bin=draw(st.sampled_from([60, 600, 3600])) * 1_000_000,
        group=group,
        metric=draw(st.sampled_from(METRICS)),
        limit=draw(st.sampled_from([0, 1, 2, 5, 40, 5000])),
        per_24=draw(st.booleans()),
        chain=draw(chains(filters)) if verb == "chain" else None,
    )


def by_one_thing(request: Request) -> Request:
    """A question that viewers may ask, of most that they may not: figures are by one thing at a time."""
    changes: dict[str, Any] = {}
    if request.group is not None:
        changes = {"filter": None, "metric": "packets"}
    elif request.filter:
        changes = {"filter": None if request.verb == "cache" else request.filter, "metric": "packets"}
    return request.model_copy(update=changes)


BISECTING = settings(max_examples=examples(120, 24), suppress_health_check=[HealthCheck.too_slow])


@BISECTING
@given(request=requests(trees | leaves))
def test_no_question_of_an_analyst_tells_addresses_apart(copies: list[Copy], request: Request) -> None:
    assert_alike(gate(), "analyst", request, copies[:2])


@BISECTING
@given(request=requests(trees | leaves, ("chain",)))
def test_no_chain_of_an_analyst_tells_addresses_apart(copies: list[Copy], request: Request) -> None:
    assert_alike(gate(), "analyst", request, copies[:2])


@BISECTING
@given(request=requests(conjunctions, ("count", "series", "top", "cache", "coverage", "darknet")).map(by_one_thing))
def test_no_question_of_a_viewer_tells_addresses_apart(copies: list[Copy], request: Request) -> None:
    assert_alike(gate(WIDER), "viewer", request, copies[:2])


@settings(max_examples=examples(100, 20))
@given(request=requests(trees))
def test_what_a_viewer_may_ask_an_analyst_may_too(request: Request) -> None:
    try:
        gate().check("viewer", request)
    except Forbidden:
        return
    gate().check("analyst", request)


def test_the_copies_do_differ(copies: list[Copy]) -> None:
    """Operators see it: the tests above would see what leaks."""
    request = Request(verb="packets", limit=5000)
    first, second = (through(gate(), "operator", request, copy) for copy in copies[:2])
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    for name in (
        "destination",
        "source",
        "tcp_sequence",
        "tcp_acknowledgment",
        "icmp_rest",
        "signature",
        "tcp_options",
    ):
        assert sorted(map(str, first.table.column(name).to_pylist())) != sorted(
            map(str, second.table.column(name).to_pylist())
        ) or (name == "destination" and first.table.column(name) != second.table.column(name))


@pytest.mark.parametrize(
    "filter",
    [
        "dst port 80 or dst port 81", "not tcp", "portrange 1-1024", "port 80", "src port 80", "src host 8.8.8.8",
        "src net 8.8.0.0/16", "src net 8.0.0.0/7", "ttl < 10", "ip[4:2] = 54321", "new", "fragment",
        "dst port 80 and dst port 80", "tcp[tcpflags] & tcp-syn != 0", "ip6", "tcp and not dst port 80",
        "signature 00112233445566778899aabbccddeeff", "(dst port 80 or dst port 81) and tcp",
    ],
)  # fmt: skip
def test_what_is_too_fine_for_viewers_is_forbidden(filter: str) -> None:
    with pytest.raises(Forbidden, match="too fine for viewers"):
        gate().check("viewer", Request(verb="count", filter=filter))


@pytest.mark.parametrize("verb", ["packets", "payloads", "sources"])
def test_rows_of_packets_are_not_for_viewers(verb: Any) -> None:
    with pytest.raises(Forbidden, match="count, series, top, cache, coverage"):
        gate().check("viewer", Request(verb=verb))


def test_operators_answers_are_untouched(copies: list[Copy]) -> None:
    request = Request(verb="packets", limit=5)
    answer = copies[0].telescope.ask(request)
    assert gate().check("operator", request) is request
    assert gate().shown("operator", request, answer) is answer


def test_viewers_are_late_and_get_whole_bins_only() -> None:
    secrecy = PrivacyPolicy(SecrecySettings(), lambda: PREFIXES, clock=lambda: 100 * 3600 + 1800.0)
    checked = secrecy.check("viewer", Request(verb="series", since=1, until=200 * HOUR, bin=5_400_000_000))
    assert (checked.since, checked.until, checked.bin) == (2 * HOUR, 98 * HOUR, 2 * HOUR)
    checked = secrecy.check("viewer", Request(verb="count", since=90 * HOUR))
    assert (checked.since, checked.until) == (90 * HOUR, 99 * HOUR)
    with pytest.raises(Forbidden, match="whole bins"):
        secrecy.check("viewer", Request(verb="count", since=99 * HOUR))
    with pytest.raises(ValueError, match="check first"):
        secrecy.shown("viewer", Request(verb="count"), Answer(pa.table({"packets": [1]}), AnswerRecord()))
    with pytest.raises(ValueError, match="check first"):
        secrecy.answer("viewer", Request(verb="count"), lambda _: Answer(pa.table({"packets": [1]}), AnswerRecord()))


@pytest.mark.parametrize(
    ("verb", "group"), [("packets", None), ("top", "source"), ("top", "destination_port"), ("sources", None)]
)
def test_analysts_are_told_that_a_limit_left_rows_out(copies: list[Copy], verb: Any, group: str | None) -> None:
    few, all_of_them = (
        through(gate(), "analyst", Request(verb=verb, group=group, limit=limit), copies[0]) for limit in (1, 10_000)
    )
    assert isinstance(few, Answer)
    assert isinstance(all_of_them, Answer)
    assert (few.record.limit, few.record.at_least, all_of_them.record.limit) == (1, True, 0)
    assert few.record.matching > 1


@pytest.mark.parametrize("limit", [1, 3])
def test_viewers_are_told_that_a_limit_left_rows_out_and_not_how_many(copies: list[Copy], limit: int) -> None:
    words = {"since": START, "until": START + 5 * HOUR, "group": "destination_port"}
    few, all_of_them = (
        through(gate(WIDER), "viewer", Request(verb="top", limit=most, **words), copies[0])  # type: ignore[arg-type]
        for most in (limit, 10_000)
    )
    assert isinstance(few, Answer)
    assert isinstance(all_of_them, Answer)
    assert len(all_of_them) > limit
    assert told(few)[:4] == (limit, limit, True, 0)
    assert told(all_of_them)[:4] == (0, 0, False, 0)


def test_the_record_names_no_folder_and_no_address() -> None:
    record = AnswerRecord(
        stores=("/var/lib/ims",), sensors=("a",), silent={"a": "10.0.0.7:8815: refused", "b": "[2001:db8::1]:1: down"},
        seconds=1.23456, frames_lost=7, took={"a": 0.25},
    )  # fmt: skip
    request = Request(verb="count", since=START, until=START + HOUR)
    table = pa.table({"packets": pa.array([5], pa.int64())})
    watched = pa.table(
        {name: pa.array([], pa.timestamp("us")) for name in ("sensor", "block", "prefix", "since", "until")}
    )
    for role, asked, found in (
        ("viewer", Request(verb="coverage", since=START, until=START + HOUR), watched), ("analyst", request, table),
    ):  # fmt: skip
        shown = gate().shown(role, asked, Answer(found, record)).record  # type: ignore[arg-type]
        text = str(shown)
        for word in ("10.0.0.7", "2001:db8", "/var/lib"):
            assert word not in text
        assert set(shown.silent) == {"a", "b"}
        assert (shown.seconds, shown.took) == (2, {})


def test_monitored_sources_are_in_no_net_for_others_than_operators(copies: list[Copy]) -> None:
    """LAND packets: their source is their destination."""
    for filter in ("src net 198.51.100.0/25", "src net 198.0.0.0/8 and tcp dst port 139", "src host 198.51.100.107"):
        answer = through(gate(), "analyst", Request(verb="count", filter=filter), copies[0])
        assert isinstance(answer, Answer)
        assert answer.table.column("packets").to_pylist() == [0]
    for verb, group in (("top", "source/8"), ("top", "source"), ("sources", None)):
        request = Request(verb=verb, filter="tcp dst port 139", group=group)  # type: ignore[arg-type]
        answer = through(gate(), "analyst", request, copies[0])
        assert isinstance(answer, Answer)
        assert len(answer) == 0


def test_more_ranges_than_a_question_may_name_are_hidden_by_wider_ones() -> None:
    """It gave a 500 with no more said. Neighbours are hidden, too."""
    many = [ipaddress.IPv4Network((n << 9, 25)) for n in range(MOST_HIDDEN + 1)]
    secrecy = PrivacyPolicy(EXACT, lambda: many, clock=lambda: LATER)
    with capture_logs() as said:
        for _ in range(2):
            checked = secrecy.check("analyst", Request(verb="sources"))
    assert isinstance(checked, NarrowedRequest)
    question = Question(plan="coverage", request=Request(verb="coverage"))
    assert written(Ask(version=2, questions=(question,), hidden=checked.hidden))
    assert all(any(first <= n << 9 <= last for first, last in checked.hidden[:20]) for n in range(10))
    assert [line["log_level"] for line in said] == ["warning"]
    assert "wider" in said[0]["meaning"]
    assert not secrecy.may_see_payload("analyst", b"x 0.0.2.1 y")


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_coverage_has_no_prefix(copies: list[Copy], role: Any) -> None:
    answer = through(gate(), role, Request(verb="coverage"), copies[0])
    assert isinstance(answer, Answer)
    assert len(answer) == 2
    assert "prefix" not in answer.table.column_names
