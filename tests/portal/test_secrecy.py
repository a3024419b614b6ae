"""The gate played against: whatever a viewer or analyst may ask, monitored addresses can't be told apart by it."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

import ims
from ims.link.contract import MOST_HIDDEN, Ask, written
from ims.portal.narrowed import Narrowed
from ims.portal.secrecy import Forbidden, Secrecy, SecrecySettings
from ims.query import tree as t
from ims.query.answer import Answer, AnswerRecord
from ims.query.question import Question
from ims.query.request import GROUPS, METRICS, Request
from tests.portal import permuted
from tests.portal.permuted import HOSTS, MIDNIGHT, PLAIN, SOURCES, C, D, dark_payloads, known_payloads, store

from ..effort import examples

PREFIXES = [ipaddress.IPv4Network(block.split("=")[1]) for block in permuted.BLOCKS]
START = MIDNIGHT // 1000
HOUR = 3_600_000_000
LATER = (START + 48 * HOUR) / 1e6
EXACT = SecrecySettings(viewer_threshold=0, viewer_noise=0, viewer_bin=60, viewer_span="2d")
"""For viewers, the hardest to keep secrets with: every value is shown."""
WIDER = EXACT.model_copy(update={"viewer_bin": 1800.0})


def gate(settings: SecrecySettings = EXACT) -> Secrecy:
    return Secrecy(settings, lambda: PREFIXES, clock=lambda: LATER, secret=bytes(32))


class Copy(NamedTuple):
    telescope: ims.telescope.Telescope
    payloads: dict[bytes, bytes]

    def lookup(self, asked: list[bytes]) -> dict[bytes, bytes]:
        return {signature: self.payloads[signature] for signature in asked if signature in self.payloads}


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Copy]]:
    folder = tmp_path_factory.mktemp("permuted")
    yield [Copy(ims.open(store(folder, seed)), known_payloads(seed)) for seed in (0, 1, 2)]


def through(secrecy: Secrecy, role: Any, request: Request, copy: Copy) -> Answer | str:
    """What the caller gets: an answer, or a refusal."""
    try:
        checked = secrecy.check(role, request, copy.lookup)
        return secrecy.answer(role, checked, copy.telescope.ask, copy.lookup)
    except Forbidden as error:
        return f"forbidden: {error}"


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
VERBS = ("count", "series", "top", "packets", "payloads", "sources", "cache", "coverage")


@st.composite
def requests(draw: Any, filters: Any, verbs: tuple[str, ...] = VERBS) -> Request:
    verb = draw(st.sampled_from(verbs))
    since = draw(st.none() | st.integers(0, 300).map(lambda minutes: START + minutes * 60_000_000))
    until = draw(st.none() | st.integers(301, 600).map(lambda minutes: START + minutes * 60_000_000))
    group = draw(groups) if verb == "top" else draw(st.none() | groups) if verb == "series" else None
    return Request(
        verb=verb,
        filter=None if verb == "coverage" else draw(st.none() | filters),
        since=since,
        until=until,
        bin=draw(st.sampled_from([60, 600, 3600])) * 1_000_000,
        group=group,
        metric=draw(st.sampled_from(METRICS)),
        limit=draw(st.sampled_from([0, 1, 2, 5, 40, 5000])),
        per_24=draw(st.booleans()),
    )


def by_one_thing(request: Request) -> Request:
    """A question that viewers may ask, of most that they may not: figures are by one thing at a time."""
    changes: dict[str, Any] = {}
    if request.group is not None:
        changes = {"filter": None, "metric": "packets"}
    elif request.filter:
        changes = {"filter": None if request.verb == "cache" else request.filter, "metric": "packets"}
    return request.model_copy(update=changes)


def told(answer: Answer) -> tuple[Any, ...]:
    """What the record says of rows that aren't shown, and of what was watched."""
    record = answer.record
    return record.limit, record.matching, record.at_least, record.bins_left_out, record.darknet_24s, record.withheld


def assert_alike(secrecy: Secrecy, role: Any, request: Request, copies: list[Copy]) -> bool:
    """Whether there was an answer; it is the same for every copy, and holds no monitored address."""
    first, *others = [through(secrecy, role, request, copy) for copy in copies]
    for other in others:
        assert type(other) is type(first)
        if isinstance(first, str):
            assert other == first
        else:
            assert isinstance(other, Answer)
            assert other.table.schema == first.table.schema
            assert other.table.to_pylist() == first.table.to_pylist()
            assert told(other) == told(first)
    text = first if isinstance(first, str) else str(first.table.to_pylist())
    assert "198.51.100" not in text
    assert "203.0.113" not in text
    return not isinstance(first, str)


BISECTING = settings(max_examples=examples(120, 24), suppress_health_check=[HealthCheck.too_slow])


@BISECTING
@given(request=requests(trees | leaves))
def test_no_question_of_an_analyst_tells_addresses_apart(copies: list[Copy], request: Request) -> None:
    assert_alike(gate(), "analyst", request, copies[:2])


@BISECTING
@given(request=requests(conjunctions, ("count", "series", "top", "cache", "coverage")).map(by_one_thing))
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


@pytest.mark.parametrize("group", ["signature", "source", "source/8", "source/24", "ip_id", "total_length", "block"])
@pytest.mark.parametrize("limit", [1, 60, 1000])
@pytest.mark.parametrize("verb", ["top", "series"])
def test_analysts_groups_and_limits_tell_nothing(copies: list[Copy], verb: str, group: str, limit: int) -> None:
    request = Request(verb=verb, group=group, limit=limit)  # type: ignore[arg-type]
    is_answered = assert_alike(gate(), "analyst", request, copies)
    assert is_answered != ((verb, group, limit) == ("series", "signature", 1))  # no bin has so few


@pytest.mark.parametrize("limit", [1, 60, 350, 5000])
@pytest.mark.parametrize("filter", ["", "udp", "tcp dst port 139"])
@pytest.mark.parametrize("verb", ["packets", "payloads", "sources"])
def test_analysts_rows_tell_nothing_at_any_limit(copies: list[Copy], verb: str, filter: str, limit: int) -> None:
    assert assert_alike(gate(), "analyst", Request(verb=verb, filter=filter, limit=limit), copies)  # type: ignore[arg-type]


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


FORBIDDEN = [
    "host 198.51.100.7", "net 198.51.100.0/24", "dst host 198.51.100.7", "dst net 0.0.0.0/1", "src or dst net 8.0.0.0/8",
    "src and dst net 8.0.0.0/8", "not dst net 0.0.0.0/1", "tcp or (udp and dst host 1.2.3.4)", "ip[16:4] > 1",
    "ip[16] = 198", "ip[17] & 1 = 0", "ip[18:2] < 3", "ip[14:4] = 5", "ip[19] = ip[15]", "ip[12:4] = ip[16:4]",
    "ip[12:4] > 0x80000000", "ip multicast", "tcp[4:4] = 0xc6336407", "tcp[4] = 198", "tcp[6:2] > 9", "tcp[8:4] > 3",
    "ip[4:2] = tcp[2:2] ^ tcp[6:2]", "icmp[4:4] = 3", "icmp[6:2] = 1", 'payload contains "198.51.100"',
    "payload contains 0xc633", "signature abcdef", "host 198.51.100.7 and tcp",
]  # fmt: skip


@pytest.mark.parametrize("filter", FORBIDDEN)
@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_what_bisects_is_forbidden_without_naming_an_address(role: Any, filter: str) -> None:
    with pytest.raises(Forbidden) as refused:
        gate().check(role, Request(verb="count", filter=filter), lambda _: {})
    assert "\n" not in str(refused.value)
    assert "198.51" not in str(refused.value)
    request = Request(verb="count", filter=filter)
    assert gate().check("operator", request) is request


@pytest.mark.parametrize(
    "group", ["destination", "destination/24", "destination/1", "tcp_sequence", "tcp_acknowledgment", "icmp_rest"]
)
@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_grouping_by_what_holds_an_address_is_forbidden(role: Any, group: str) -> None:
    for verb in ("top", "series"):
        with pytest.raises(Forbidden):
            gate().check(role, Request(verb=verb, group=group))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "filter",
    [
        "tcp dst port 445 and tcp[tcpflags] & tcp-syn != 0", "src net 8.8.0.0/16 or src host 1.2.3.4", "ttl < 10",
        'block "C/24" and not category scan', "ip[4:2] = 54321 and ip[2:2] > 40", "icmp[icmptype] = icmp-echo",
        "payload and new and portrange 1-1024", "udp[4:2] > 100", "tcp[14:2] = 1024",
    ],
)  # fmt: skip
def test_what_analysts_need_is_allowed_as_it_is(filter: str) -> None:
    request = Request(verb="count", filter=filter)
    assert gate().check("analyst", request).filter == request.filter


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


def test_signatures_that_are_dark_and_those_not_stored_are_refused_alike(copies: list[Copy]) -> None:
    said = set()
    for octets in (dark_payloads(HOSTS[0])[0], b"never seen", b"GET http://198.51.100.7/"):
        request = Request(verb="count", filter=f"signature {hashlib.md5(octets).hexdigest()}")
        said.add(through(gate(), "analyst", request, copies[0]))
    assert len(said) == 1
    clear = Request(verb="count", filter=f"signature {hashlib.md5(b'hello').hexdigest()}")
    answer = through(gate(), "analyst", clear, copies[0])
    assert isinstance(answer, Answer)
    assert answer.table.column("packets").to_pylist()[0] > 0


def test_without_a_look_up_every_signature_is_withheld(copies: list[Copy]) -> None:
    checked = gate().check("analyst", Request(verb="packets", limit=500))
    answer = gate().shown("analyst", checked, copies[0].telescope.ask(checked))
    assert set(answer.table.column("signature").to_pylist()) == {None}
    with pytest.raises(Forbidden):
        gate().check("analyst", Request(verb="count", filter="signature 00112233445566778899aabbccddeeff"))


def test_analysts_see_payloads_that_hold_no_address(copies: list[Copy]) -> None:
    answer = through(gate(), "analyst", Request(verb="payloads", limit=2000), copies[0])
    assert isinstance(answer, Answer)
    shown = {bytes(each) for each in answer.table.column("payload").to_pylist() if each is not None}
    assert shown == set(PLAIN)
    assert answer.table.column("signature").null_count == answer.table.column("hexdump").null_count > 0
    for octets in PLAIN:
        assert gate().may_see_payload("analyst", octets)
        assert not gate().may_see_payload("viewer", octets)
    for octets in dark_payloads(HOSTS[3]):
        assert not gate().may_see_payload("analyst", octets)
        assert gate().may_see_payload("operator", octets)


def test_analysts_packets_have_every_other_column(copies: list[Copy]) -> None:
    answer = through(gate(), "analyst", Request(verb="packets", limit=5), copies[0])
    whole = through(gate(), "operator", Request(verb="packets", limit=5), copies[0])
    assert isinstance(answer, Answer)
    assert isinstance(whole, Answer)
    missing = set(whole.table.column_names) - set(answer.table.column_names)
    assert missing == {"destination", "tcp_sequence", "tcp_acknowledgment", "icmp_rest"}


def test_operators_answers_are_untouched(copies: list[Copy]) -> None:
    request = Request(verb="packets", limit=5)
    answer = copies[0].telescope.ask(request)
    assert gate().check("operator", request) is request
    assert gate().shown("operator", request, answer) is answer


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_coverage_has_no_prefix(copies: list[Copy], role: Any) -> None:
    answer = through(gate(), role, Request(verb="coverage"), copies[0])
    assert isinstance(answer, Answer)
    assert len(answer) == 2
    assert "prefix" not in answer.table.column_names


def test_viewers_are_late_and_get_whole_bins_only() -> None:
    secrecy = Secrecy(SecrecySettings(), lambda: PREFIXES, clock=lambda: 100 * 3600 + 1800.0)
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


def test_a_bin_that_is_not_shown_looks_as_one_in_which_nothing_came(copies: list[Copy]) -> None:
    secrecy = gate(SecrecySettings(viewer_threshold=10**6, viewer_noise=0, viewer_bin=60))
    for limit in (0, 1, 3):
        words = {"since": START, "until": START + 5 * HOUR, "bin": 60_000_000, "limit": limit}
        seen = [
            through(secrecy, "viewer", Request(verb="series", filter=f"dst port {port}", **words), copies[0])  # type: ignore[arg-type]
            for port in (23, 9)
        ]
        assert isinstance(seen[0], Answer)
        assert isinstance(seen[1], Answer)
        assert seen[0].table == seen[1].table
        assert told(seen[0]) == told(seen[1])
        assert len(seen[0]) == (limit or 300)
    words = {"since": START, "until": START + 5 * HOUR, "bin": HOUR}
    grouped = through(secrecy, "viewer", Request(verb="series", group="destination_port", **words), copies[0])  # type: ignore[arg-type]
    assert isinstance(grouped, Answer)
    assert len(grouped) == 0


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


@pytest.mark.parametrize(("text", "seconds"), [("1h", 3600), ("30m", 1800), ("1.5d", 129_600), ("90s", 90), (60, 60)])
def test_durations_are_read(text: Any, seconds: float) -> None:
    assert SecrecySettings(viewer_delay=text).viewer_delay == seconds


@pytest.mark.parametrize("text", ["1 hour", "-1h", "h", "", "1e400h", -1, float("nan")])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"viewer_delay"):
        SecrecySettings(viewer_delay=text)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in SecrecySettings.model_fields.values())


def test_more_ranges_than_a_question_may_name_are_hidden_by_wider_ones() -> None:
    """It gave a 500 with no more said. Neighbours are hidden, too."""
    many = [ipaddress.IPv4Network((n << 9, 25)) for n in range(MOST_HIDDEN + 1)]
    secrecy = Secrecy(EXACT, lambda: many, clock=lambda: LATER)
    with capture_logs() as said:
        for _ in range(2):
            checked = secrecy.check("analyst", Request(verb="sources"))
    assert isinstance(checked, Narrowed)
    question = Question(plan="coverage", request=Request(verb="coverage"))
    assert written(Ask(version=2, questions=(question,), hidden=checked.hidden))
    assert all(any(first <= n << 9 <= last for first, last in checked.hidden[:20]) for n in range(10))
    assert [line["log_level"] for line in said] == ["warning"]
    assert "wider" in said[0]["meaning"]
    assert not secrecy.may_see_payload("analyst", b"x 0.0.2.1 y")
