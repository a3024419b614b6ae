"""What analysts see of an answer: every row but for what holds a monitored address, in an order of what is shown."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import ims
from ims.portal.privacy.address_scan import AddressScan
from ims.portal.privacy.policy import Forbidden
from ims.portal.privacy.redact_analyst import OF_FILES, SHOWN, check, shown
from ims.portal.services import Limits
from ims.query.answer import Answer
from ims.query.request import Request, make_request
from ims.query.verbs import MOST_DETAILED, VERBS
from tests.portal.permuted import HOSTS, PLAIN, dark_payloads

from ...effort import crossed, exhaustive
from ...stores import MIDNIGHT, ingest, udp, write_pcap
from ..api.served import lookup_in, world
from .gate import PREFIXES, Copy, assert_alike, gate, through

GROUPS = ["signature", "source", "source/8", "source/24", "ip_id", "total_length", "block"]


@pytest.mark.parametrize(("group", "limit"), crossed(GROUPS, [1, 60, 1000]))
@pytest.mark.parametrize("verb", ["top", "series"])
def test_analysts_groups_and_limits_tell_nothing(copies: list[Copy], verb: str, group: str, limit: int) -> None:
    request = Request(verb=verb, group=group, limit=limit)  # type: ignore[arg-type]
    is_answered = assert_alike(gate(), "analyst", request, copies)
    assert is_answered != ((verb, group, limit) == ("series", "signature", 1))  # no bin has so few


@pytest.mark.parametrize(("limit", "filter"), crossed([1, 60, 350, 5000], ["", "udp", "tcp dst port 139"]))
@pytest.mark.parametrize("verb", ["packets", "payloads", "sources"])
def test_analysts_rows_tell_nothing_at_any_limit(copies: list[Copy], verb: str, filter: str, limit: int) -> None:
    assert assert_alike(gate(), "analyst", Request(verb=verb, filter=filter, limit=limit), copies)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "at", "bin"), crossed([1, 2, 30, 60, 5000], ["address", "sensor", "anywhere"], [None, "5m"])
)
def test_analysts_chains_tell_nothing_at_any_limit(copies: list[Copy], at: str, bin: str | None, limit: int) -> None:
    for steps in ({"first": "ip", "then": "ip"}, {"first": "tcp or icmp", "then": ["ip", "payload"]}):
        request = make_request("chain", None, **steps, within="4h", at=at, bin=bin, limit=limit)
        assert assert_alike(gate(), "analyst", request, copies)


@pytest.mark.parametrize(("limit", "group", "filter"), crossed([1, 2, 30, 60, 5000], [None, "sensor"], [None, "udp"]))
def test_analysts_sightings_tell_nothing_at_any_limit(
    copies: list[Copy], group: str | None, filter: str | None, limit: int
) -> None:
    for verb in ("sightings", "novelty"):
        request = make_request(verb, filter, group=group, limit=limit)  # type: ignore[arg-type]
        assert assert_alike(gate(), "analyst", request, copies)


@pytest.mark.parametrize(
    ("group", "only", "limit"),
    [(None, "C/24", 30), ("sensor", "nobody", 30),
     *(pytest.param(*each, marks=exhaustive) for each in
       ((None, "D/25", 1), (None, "D/25", 5000), ("sensor", "a", 30), ("sensor", "a", 5000)))],
)  # fmt: skip
def test_what_one_place_alone_has_tells_analysts_nothing(
    copies: list[Copy], group: str | None, only: str, limit: int
) -> None:
    """Nor does from when on payloads count, to the moment at which one came that holds an address."""
    came = sorted(row["first"].timestamp() for row in copies[0].telescope.sightings(limit=200).rows())
    for fresh in (came[len(came) // 2], came[-1]):
        request = make_request("sightings", None, only=only, group=group, fresh=fresh, limit=limit)
        assert assert_alike(gate(), "analyst", request, copies)
    assert assert_alike(gate(), "analyst", make_request("novelty", None, group=group, fresh=came[-1]), copies)


def test_more_payloads_of_one_moment_than_are_described_tell_nothing(tmp_path: Path) -> None:
    """Which of them are the first 1,000, or come first at a limit, is decided by signatures, which addresses decide."""
    found: list[list[Any]] = []
    for moved in (7, 9):
        packets = [
            (MIDNIGHT, udp(0x0800_0000 + at % 5, 0xC633_6400 + moved, 53, b"%d of 198.51.100.%d" % (at, moved)))
            for at in range(1500)
        ]
        packets += [(MIDNIGHT - 1_000_000, udp(0x0800_0000, 0xC633_6400 + moved, 53, b"plain"))]
        folder = tmp_path / str(moved)
        folder.mkdir()
        copy = Copy(ims.open(ingest(folder / "STORE", write_pcap(folder / "x.pcap", sorted(packets)))), {})
        asked = [make_request("sightings", None, limit=limit) for limit in (5, 1400, 5000)]
        answers = [through(gate(), "analyst", request, copy) for request in asked]
        found.append([each if isinstance(each, str) else each.rows() for each in answers])
    assert found[0] == found[1]
    few, _, whole = found[0]
    assert len(few) == 1, "those that tie are left out"
    assert len(whole) == 1501 and {row["text"] for row in whole} == {None}


def test_analysts_see_sightings_but_of_payloads_that_hold_an_address_neither_signature_nor_text(
    copies: list[Copy],
) -> None:
    request = make_request("sightings", None, limit=5000)
    shown, whole = (through(gate(), role, request, copies[0]) for role in ("analyst", "operator"))
    assert isinstance(shown, Answer) and isinstance(whole, Answer)
    plain = {hashlib.md5(octets).hexdigest() for octets in PLAIN}
    seen, all_of_them = ({row["signature"] for row in each.rows()} for each in (shown, whole))
    assert seen == (all_of_them & plain) | {"withheld"} and len(shown) == len(whole)
    assert all(row["text"] is None for row in shown.rows() if row["signature"] == "withheld")
    assert any(row["text"] for row in shown.rows())
    others = [name for name in shown.table.column_names if name not in ("signature", "text")]
    rows = [sorted(repr([row[name] for name in others]) for row in each.rows()) for each in (shown, whole)]
    assert rows[0] == rows[1]


def test_more_chains_of_one_moment_than_are_asked_for_tell_nothing(tmp_path: Path) -> None:
    """Which of them come first at a limit is decided by signatures, which depend on addresses."""
    found = []
    for moved in (7, 9):
        sources = [0x0800_0000 + at for at in range(1500)]
        packets = [(MIDNIGHT, udp(source, 0xC633_6400 + moved, 53, b"x")) for source in sources]
        packets += [
            (MIDNIGHT + 1_000_000, udp(sources[at % 3], 0xC633_6400 + moved, 53, b"%d of 198.51.100.%d" % (at, moved)))
            for at in range(1500)
        ]
        folder = tmp_path / str(moved)
        folder.mkdir()
        copy = Copy(ims.open(ingest(folder / "STORE", write_pcap(folder / "x.pcap", packets))), {})
        request = make_request("chain", None, first="ip", then="payload", limit=5)
        found.append(through(gate(), "analyst", request, copy))
    first, second = (each if isinstance(each, str) else each.rows() for each in found)
    assert first == second
    assert isinstance(first, str) or first, "rows that are there aren't left out without a word"


def test_analysts_see_variants_but_of_payloads_that_hold_an_address_only_that_they_are_withheld(
    copies: list[Copy],
) -> None:
    request = make_request("chain", None, first="ip", then="ip", within="4h", at="anywhere")
    shown, whole = (through(gate(), role, request, copies[0]) for role in ("analyst", "operator"))
    assert isinstance(shown, Answer) and isinstance(whole, Answer)
    plain = {hashlib.md5(octets).hexdigest() for octets in PLAIN}
    seen, all_of_them = ({row["variant"] for row in each.rows()} for each in (shown, whole))
    assert seen == (all_of_them & plain) | {"withheld", None}
    assert all_of_them - plain - {None}
    monitored = [row for row in whole.rows() if row["source"].startswith(("198.51.100.", "203.0.113."))]
    assert monitored, "monitored addresses are sources too: LAND"
    assert not [row for row in shown.rows() if row["source"].startswith(("198.51.100.", "203.0.113."))]
    for without in ("first", "last", "source"):
        kept = [row for row in whole.rows() if row not in monitored]
        assert sorted({row[without] for row in shown.rows()}) == sorted({row[without] for row in kept})


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


SPACING_NS = 10_000_000


def store_of(folder: Path, many: int, signatures: int) -> Path:
    packets = [
        (
            MIDNIGHT + at * SPACING_NS,
            udp(0x0800_0000 + at, 0xC633_6400 + at % 256, 53, b"payload %d" % (at % signatures)),
        )
        for at in range(many)
    ]
    return ingest(folder / "STORE", write_pcap(folder / "many.pcap", packets))


def test_more_signatures_than_a_question_may_name_are_shown(tmp_path: Path) -> None:
    store = store_of(tmp_path, MOST_DETAILED + 500, MOST_DETAILED + 300)
    with world(tmp_path / "world", store, octets=lookup_in(store)) as served:
        reply = served.as_("analyst").get(f"/query/packets?limit={MOST_DETAILED + 400}")
        rows = reply.json()["rows"]
        assert len(rows) == MOST_DETAILED + 400
        assert len({row["signature"] for row in rows}) == MOST_DETAILED + 300
        assert rows[0]["signature"] == hashlib.md5(b"payload 0").hexdigest()
        found = served.as_("analyst").get(f"/query/top?column=signature&limit={MOST_DETAILED + 300}").json()["rows"]
        assert len(found) == MOST_DETAILED + 300


def test_a_bin_with_more_signatures_than_are_asked_for_is_refused_not_left_out(tmp_path: Path) -> None:
    store = store_of(tmp_path, 250, 250)  # 100 in a second
    with world(tmp_path / "world", store, octets=lookup_in(store)) as served:

        def rows(limit: int) -> Any:
            reply = served.as_("analyst").get(f"/query/series?group=signature&bin=1s&limit={limit}")
            return reply.json() if reply.status_code == 403 else len(reply.json()["rows"])

        assert "more than 90 signatures" in rows(90)["error"]
        assert [rows(limit) for limit in (100, 150, 200, 250, 300)] == [100, 100, 200, 250, 250]


@exhaustive
@pytest.mark.parametrize(
    ("path", "many"),
    [
        ("/query/packets?limit=100000", 100_000),
        ("/query/top?column=source&limit=100000", 100_000),
        ("/query/top?column=signature&limit=100000", 100_000),
        ("/query/series?group=source&bin=1d&limit=100000", 100_000),
        ("/query/series?group=signature&bin=100s&limit=100000", 100_000),
        ("/query/sources?limit=10000", 10_000),
        ("/query/payloads?limit=10000", 10_000),
    ],
)
def test_analysts_get_as_many_rows_as_are_promised(
    hundred_thousand: Path, tmp_path: Path, path: str, many: int
) -> None:
    limits = Limits(seconds={"analyst": 600})  # however busy the machine is: 19 s of one core alone
    with world(tmp_path, hundred_thousand, octets=lookup_in(hundred_thousand), limits=limits) as served:
        reply = served.as_("analyst").get(path)
        assert reply.status_code == 200, reply.text[:300]
        assert len(reply.json()["rows"]) == many


@pytest.fixture(scope="module")
def hundred_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_of(tmp_path_factory.mktemp("many"), 103_000, 103_000)


def test_an_address_that_is_none_is_refused_and_not_taken_for_others() -> None:
    """The rows after it would be hidden by what stands in it."""
    words = AddressScan(PREFIXES)
    request = Request(verb="sources")
    for text in ("2001:db8::1", "198.51.100", "198.51.100.7.1", ""):
        table = pa.table({"source": ["8.8.8.8", text, "198.51.100.7"], "packets": [1, 2, 3]})
        with pytest.raises(ValueError, match="dotted"):
            shown(request, table, words, None)
    table = pa.table(
        {"source": ["8.8.8.8", None, "198.51.100.7", "203.0.113.127", "203.0.113.128"], "packets": [1, 2, 3, 4, 5]}
    )
    assert shown(request, table, words, None).column("packets").to_pylist() == [1, 2, 5]


def test_a_verb_of_which_nothing_says_what_may_be_seen_is_refused() -> None:
    """Such as one that is added: whoever adds it decides what analysts see of it, or they see nothing."""
    assert set(SHOWN) == set(VERBS) - {"local"}, "its shares tell a block's network"
    for verb in SHOWN:
        check(Request.model_construct(verb=verb))
    for other in ("local", "lengths"):
        with pytest.raises(Forbidden, match=f"{other} isn't shown to analysts; they may ask for count, series"):
            check(Request.model_construct(verb=other))  # type: ignore[arg-type]


@pytest.mark.parametrize(("filter", "bin"), crossed([None, "udp", "new"], ["1h", "1d"]))
def test_analysts_are_told_what_packets_hold_not_how_small_files_are(
    copies: list[Copy], filter: str | None, bin: str
) -> None:
    """Files of packets to one block are a little smaller or larger than those of the same packets to another."""
    request = make_request("storage", filter, bin=bin)
    assert assert_alike(gate(), "analyst", request, copies)
    found = through(gate(), "analyst", request, copies[0])
    assert isinstance(found, Answer) and not set(OF_FILES) & set(found.table.column_names)


def test_of_coverage_s_policies_analysts_see_the_first_word() -> None:
    """Which ports answer how, and how much is acknowledged, would tell which sensor an address belongs to."""
    policies = ["ports 1-135=ack 136-199=synack default=reset, echo, limit 20000", "ack, echo", "synack, limit 5",
                "silent", "ports", "passive"]  # fmt: skip
    table = pa.table({"sensor": ["a"] * 6, "prefix": ["198.51.100.0/24"] * 6, "policy": policies})
    found = shown(Request(verb="coverage"), table, AddressScan([]), None)
    assert found.column_names == ["sensor", "policy"]
    assert found.column("policy").to_pylist() == ["ack", "passive", "ports", "ports", "silent", "synack"]
