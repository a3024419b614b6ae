"""What may be asked: nothing that could tell two monitored addresses apart."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given, settings

from ims.portal.privacy.address_scan import AddressScan
from ims.portal.privacy.policy import Forbidden
from ims.portal.privacy.query_policy import (
    TELLING,
    NarrowedRequest,
    Withheld,
    asked_of,
    check_filter,
    check_signatures,
    narrowed,
    wanted_of,
)
from ims.query.answer import Answer
from ims.query.condition import parsed
from ims.query.language.columns import uses
from ims.query.language.syntax_tree import Expression
from ims.query.request import Request, make_request
from tests.portal.permuted import HOSTS, dark_payloads

from ...effort import examples
from .gate import PREFIXES, Copy, gate, through
from .test_policy import leaves, trees

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


@pytest.mark.parametrize("filter", FORBIDDEN)
@pytest.mark.parametrize("place", range(3))
def test_what_bisects_is_forbidden_in_each_step(place: int, filter: str) -> None:
    steps: list[str] = ["ip", "udp", "payload"]
    steps[place] = filter
    request = make_request("chain", "tcp", first=steps[0], then=steps[1:])
    with pytest.raises(Forbidden) as of_a_step:
        gate().check("analyst", request, lambda _: {})
    with pytest.raises(Forbidden) as of_a_filter:
        gate().check("analyst", Request(verb="count", filter=filter), lambda _: {})
    assert str(of_a_step.value) == str(of_a_filter.value)
    with pytest.raises(Forbidden):
        gate().check("viewer", request, lambda _: {})
    assert gate().check("operator", request) is request


def test_viewers_are_refused_chains_whatever_their_steps_are() -> None:
    for steps in ({"first": "ip", "then": "ip"}, {"first": "tcp dst port 445", "then": ["payload"], "at": "anywhere"}):
        with pytest.raises(Forbidden, match=r"^viewers aren't shown"):
            gate().check("viewer", make_request("chain", None, **steps), lambda _: {})


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


@pytest.mark.parametrize("place", range(3))
def test_a_step_s_signature_that_is_dark_and_one_that_is_not_stored_are_refused_alike(
    copies: list[Copy], place: int
) -> None:
    """Each as a filter's would be; so are those of a refusal that takes longer, which hides whether it was looked up."""

    def asked(octets: bytes) -> Answer | str:
        steps = ["ip"] * 3
        steps[place] = f"signature {hashlib.md5(octets).hexdigest()}"
        request = make_request("chain", None, first=steps[0], then=steps[1:], within="1d", at="anywhere")
        with pytest.raises(Withheld) if octets != b"hello" else nullcontext():
            gate().check("analyst", request, copies[0].lookup)
        return through(gate(), "analyst", request, copies[0])

    [said] = {asked(each) for each in (dark_payloads(HOSTS[0])[0], b"never seen", b"GET http://198.51.100.7/")}
    dark = hashlib.md5(dark_payloads(HOSTS[0])[0]).hexdigest()
    assert said == through(gate(), "analyst", Request(verb="count", filter=f"signature {dark}"), copies[0])
    answer = asked(b"hello")
    assert isinstance(answer, Answer) and len(answer)


@settings(max_examples=examples(300, 60))
@given(trees | leaves)
def test_what_is_let_through_uses_no_column_that_may_hold_a_monitored_address(tree: Expression) -> None:
    try:
        check_filter(tree)
    except Forbidden as refused:
        assert str(refused).isprintable() and not any(each.isdigit() for each in str(refused))
    else:
        assert not set(uses(tree)) & set(TELLING)


@pytest.mark.parametrize("column", TELLING)
def test_each_column_that_may_hold_an_address_is_refused_with_what_may_be_asked_instead(column: str) -> None:
    filters = {
        "destination": "dst net 8.0.0.0/8", "payload": 'payload contains "x"', "tcp_sequence": "tcp[4:4] = 1",
        "tcp_acknowledgment": "tcp[8:4] = 1", "icmp_rest": "icmp[4:4] = 1",
    }  # fmt: skip
    tree = parsed(filters[column])
    assert tree is not None
    with pytest.raises(Forbidden) as refused:
        check_filter(tree)
    assert str(refused.value) == TELLING[column]


def test_payloads_of_a_signature_are_looked_up_once_and_not_for_a_part_of_one() -> None:
    asked: list[list[bytes]] = []
    known = {hashlib.md5(octets).digest(): octets for octets in (b"hello", b"Host: 198.51.100.7")}
    clear, dark = (signature.hex() for signature in known)

    def lookup(signatures: list[bytes]) -> dict[bytes, bytes]:
        asked.append(signatures)
        return {each: known[each] for each in signatures if each in known}

    def check(text: str) -> None:
        tree = parsed(text)
        assert tree is not None
        check_signatures(tree, AddressScan(PREFIXES), lookup)

    check("tcp or udp")
    with pytest.raises(Forbidden, match="give 32 digits"):
        check(f"signature {clear[:31]}")
    assert asked == []
    check(f"signature {clear} or not signature {clear}")
    assert asked == [[bytes.fromhex(clear)]]
    for withheld in (f"signature {dark}", f"signature {clear} or signature {dark}", f"not signature {'0' * 32}"):
        with pytest.raises(Withheld):
            check(withheld)


def test_a_request_that_was_narrowed_twice_remembers_what_was_asked() -> None:
    request = Request(verb="packets", filter="tcp", limit=5).hiding(((1, 2),))
    once = narrowed(request, limit=1005)
    twice = narrowed(once, since=10)
    assert (twice.limit, twice.since, twice.hidden) == (1005, 10, ((1, 2),))
    for found in (once, twice):
        assert isinstance(found, NarrowedRequest)
        assert asked_of(found) == request and wanted_of(found) == 5
    assert asked_of(request) is request and wanted_of(request) == 5


def test_what_is_monitored_is_written_in_no_narrowed_request() -> None:
    found = narrowed(Request(verb="packets").hiding(((0xC6336400, 0xC63364FF),)), limit=9)
    for text in (found.model_dump_json(), repr(found), str(found)):
        assert str(0xC6336400) not in text
