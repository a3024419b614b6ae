"""The daemon's door, with real mutual TLS: who is let in, what is taken, and how a question ends."""

from __future__ import annotations

import json
import logging
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest
import structlog

from ims.link.contract import HELLO, LONGEST_MESSAGE, NEWEST, Ask, Hello, Tail, read_hello, written
from ims.link.envelope import gathered
from ims.pki.authority import Authority, create_authority
from ims.pki.credentials import Credentials
from ims.pki.revocations import Revocations
from ims.portal.federation.fault import Fault, fault_of
from ims.portal.federation.merge import MergeEngines
from ims.query.language.filter import parse
from ims.query.moment import CALENDAR_US
from ims.query.question import Question
from ims.query.request import make_request
from ims.queryd.execution import Answerer
from ims.queryd.service import Service, quiet, unread
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import ThreadQueue

from ..effort import examples
from .waiting import DEADLINE, crowd, soon, until

COUNT = Question(plan="count", request=make_request("count", None))


class Held:
    """Answers nothing until it is interrupted or told to: what asks a long question sees."""

    def __init__(self) -> None:
        self.begun, self.interrupted, self.may_end = threading.Event(), threading.Event(), threading.Event()
        self.over = threading.Event()

    def interrupt(self) -> None:
        self.interrupted.set()
        self.may_end.set()

    def answer(self, ask: Ask, watched: Callable[[Any], None]) -> Iterator[pa.Buffer]:
        try:
            watched(self)
            self.begun.set()
            soon(self.may_end)
            if self.interrupted.is_set():
                raise InterruptedError("the question was given up")
            yield from ()
        finally:
            self.over.set()


class Door:
    """A running service, and clients of it."""

    def __init__(
        self, folder: Path, store: Path, answerer: Any = None, turns: ThreadQueue | None = None, **words: Any
    ) -> None:
        quiet()
        self.authority = create_authority(folder / "PKI", "Test", 3650)
        self.sensor, self._place = self.authority.issue("a", "sensor", folder / "a")
        own = self.credentials("a", self._place)
        revocations = Revocations(folder / "PKI" / "revoked.pem", own.ca)
        self.turns = turns or ThreadQueue(2, each=16, waiting=64)
        self.tailing = TailService(store, listeners=2)
        self.service = Service(
            "grpc+tls://127.0.0.1:0", answerer or Answerer(store, 2, 256 << 20, 1), self.turns,
            hello=lambda: Hello(oldest=1, newest=NEWEST, program="test", now=time.time()),
            refusal=revocations.refusal, tailing=self.tailing, tls=[(own.certificate, own.key)], ca=own.ca, **words,
        )  # fmt: skip
        self.folder = folder
        self._clients: list[Any] = []

    @staticmethod
    def credentials(name: str, place: Path) -> Credentials:
        return Credentials.read(place / f"{name}.pem", place / f"{name}.key", place / "ca.pem")

    def issue(self, name: str, role: str, authority: Authority | None = None) -> tuple[Credentials, str]:
        issued, place = (authority or self.authority).issue(name, role, self.folder / f"{role}-{name}")
        return self.credentials(name, place), issued.identity.serial

    def client(self, own: Credentials | None = None, hostname: str | None = None) -> Any:
        words: dict[str, Any] = {} if own is None else {"cert_chain": own.certificate, "private_key": own.key}
        made = fl.connect(
            f"grpc+tls://127.0.0.1:{self.service.port}", tls_root_certs=self.authority.pem,
            override_hostname=hostname or self.sensor.identity.hostname, **words,
        )  # fmt: skip
        self._clients.append(made)
        return made

    @cached_property
    def anybody(self) -> Credentials:
        """A portal's, for tests that don't mind whose."""
        return self.issue("anybody", "portal")[0]

    def portal(self, name: str = "portal") -> Any:
        return self.client(self.issue(name, "portal")[0])

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.service.shutdown()
        self.service.close()


@contextmanager
def door(folder: Path, store: Path, **words: Any) -> Iterator[Door]:
    made = Door(folder, store, **words)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, one_store: Path) -> Iterator[Door]:
    with door(tmp_path_factory.mktemp("door"), one_store) as made:
        yield made


def within(seconds: float = DEADLINE) -> Any:
    return fl.FlightCallOptions(timeout=seconds)


def hello(client: Any) -> Hello:
    [found] = client.do_action(fl.Action(HELLO, b""), within())
    return read_hello(found.body.to_pybytes())


def ask(client: Any, ticket: bytes | None = None, seconds: float = DEADLINE, **words: Any) -> list[Any]:
    said = written(Ask(version=2, questions=(COUNT,), **words)) if ticket is None else ticket
    return [chunk.app_metadata for chunk in client.do_get(fl.Ticket(said), within(seconds))]


def refused(work: Callable[[], Any]) -> Fault:
    with pytest.raises((pa.ArrowException, OSError)) as caught:  # `get_schema` raises the latter
        work()
    return fault_of(caught.value)


def test_a_portal_and_an_operator_are_answered(opened: Door, one_store: Path) -> None:
    for client in (opened.portal("first"), opened.client(opened.issue("alice", "operator")[0])):
        found = hello(client)
        assert (found.program, found.newest) == ("test", NEWEST)
        rows = ask(client)
        wanted = {f"0/{name}": schema for name, schema in MergeEngines(1, 64 << 20, 1).schemas(COUNT).items()}
        parts, end = gathered(rows, wanted, 100_000, 1 << 20)
        assert parts["0/totals"].to_pylist()[0]["packets"] == 3000
        assert end.sensors == ("a",)
        assert [action.type for action in client.list_actions()] == [HELLO]


def everything(client: Any) -> list[Callable[[], Any]]:
    """All that a Flight client may ask of a server."""
    descriptor = fl.FlightDescriptor.for_path("x")
    return [
        lambda: hello(client), lambda: ask(client), lambda: list(client.list_actions(within())),
        lambda: ask(client, written(Tail(version=2))), lambda: list(client.list_flights(options=within())),
        lambda: client.get_flight_info(descriptor, within()), lambda: client.get_schema(descriptor, within()),
        lambda: put_something(client), lambda: exchange_something(client),
    ]  # fmt: skip


def put_something(client: Any) -> None:
    writer, _ = client.do_put(fl.FlightDescriptor.for_path("x"), pa.schema([]), within())
    writer.close()


def exchange_something(client: Any) -> None:
    _, reader = client.do_exchange(fl.FlightDescriptor.for_path("x"), within())
    reader.read_chunk()


def test_without_a_certificate_nobody_is_let_in(opened: Door) -> None:
    for work in everything(opened.client()):
        assert refused(work).kind in ("unreachable", "garbage")


def test_in_plain_text_nobody_is_let_in(opened: Door) -> None:
    client = fl.connect(f"grpc://127.0.0.1:{opened.service.port}")
    opened._clients.append(client)
    with pytest.raises(pa.ArrowException):
        hello(client)


def test_a_foreign_authority_s_certificate_is_not_let_in(opened: Door, tmp_path: Path) -> None:
    foreign = create_authority(tmp_path / "PKI", "Test", 3650)
    _, place = foreign.issue("portal", "portal", tmp_path / "portal")
    for work in everything(opened.client(opened.credentials("portal", place)))[:2]:
        assert refused(work).kind in ("unreachable", "certificate")


def test_another_sensor_asks_nothing_here(opened: Door) -> None:
    """Its certificate is for serving only, so that it doesn't even get through the handshake."""
    client = opened.client(opened.issue("b", "sensor")[0])
    for work in everything(client):
        assert refused(work).kind in ("unreachable", "garbage")


def test_one_who_wants_another_sensor_does_not_reach_this_one(opened: Door) -> None:
    _, serial = opened.issue("c", "sensor")
    client = opened.client(opened.issue("seeking", "portal")[0], hostname=f"{serial}.sensor.ims")
    assert refused(lambda: hello(client)).kind in ("certificate", "unreachable")


def test_without_a_list_of_revoked_certificates_all_are_refused_and_none_is_called_revoked(
    tmp_path: Path, one_store: Path
) -> None:
    with door(tmp_path, one_store) as opened:
        own, _ = opened.issue("portal", "portal")
        good = (tmp_path / "PKI" / "revoked.pem").rename(tmp_path / "elsewhere.pem")
        fault = refused(lambda: hello(opened.client(own)))
        assert (fault.kind, fault.detail) == ("list", "the list of revoked certificates is missing")
        good.rename(tmp_path / "PKI" / "revoked.pem")
        assert hello(opened.client(own)).program == "test"


def test_a_revoked_caller_is_refused_at_the_next_request_of_an_open_connection(opened: Door) -> None:
    own, serial = opened.issue("left", "portal")
    client, other = opened.client(own), opened.portal("stays")
    hello(client)
    listened, batches = threading.Event(), []

    def listen() -> None:
        for chunk in client.do_get(fl.Ticket(written(Tail(version=2, every=0.1))), within()):
            batches.append(chunk.app_metadata)
            listened.set()

    with crowd(1) as threads:
        listening = threads.go(listen)
        soon(listened)
        opened.authority.revoke(serial)
        for work in (lambda: hello(client), lambda: ask(client), lambda: ask(client, written(Tail(version=2)))):
            fault = refused(work)
            assert fault.kind == "refused"
            assert f"the certificate {serial} is revoked" in fault.detail
        listening.result(DEADLINE)  # the live tail ends, too
    hello(other)


def test_only_hello_and_questions_are_known(opened: Door) -> None:
    client = opened.portal("curious")
    assert refused(lambda: list(client.do_action(fl.Action("shutdown", b""), within()))).kind == "request"
    assert (
        refused(lambda: list(client.do_action(fl.Action(HELLO, b"x" * (LONGEST_MESSAGE + 1)), within()))).kind
        == "request"
    )
    for work in everything(client)[4:]:
        assert refused(work).detail == "only questions are taken, and the action hello"
    hello(client)


@pytest.mark.parametrize("octets", [b"", b"SELECT * FROM packets", b"\xff" * 100, b'{"kind":"ask"}', b"[" * 100_000])
def test_a_ticket_that_is_none_is_refused_in_one_line(opened: Door, octets: bytes) -> None:
    fault = refused(lambda: ask(opened.client(opened.anybody), octets))
    assert fault.kind == "request"
    assert fault.text == "it refused the question"
    assert fault.detail.startswith("ticket: ")
    assert len(fault.detail.splitlines()) == 1


NUMBERS = [
    0,
    1,
    -1,
    1 << 31,
    -(1 << 31),
    1 << 40,
    1 << 53,
    1 << 62,
    (1 << 63) - 1,
    -(1 << 63),
    1 << 63,
    1 << 64,
    10**30,
    10**300,
]
NUMBERS += [*CALENDAR_US, CALENDAR_US[0] - 1, CALENDAR_US[1] - 1]
PLANS = [
    {"plan": "count", "request": {"verb": "count"}}, {"plan": "coverage", "request": {"verb": "coverage"}},
    {"plan": "series", "request": {"verb": "series", "origin": 0}}, {"plan": "cache", "request": {"verb": "cache"}},
    {"plan": "top", "request": {"verb": "top", "group": "source/8"}}, {"plan": "rows", "request": {"verb": "packets"}},
    {"plan": "frames", "request": {"verb": "packets"}}, {"plan": "whole_rows", "request": {"verb": "packets"}},
    {"plan": "counted", "request": {"verb": "sources"}, "key": "source", "other": "destination", "sources": [1]},
    {"plan": "ranked", "request": {"verb": "payloads"}, "key": "signature"},
    {"plan": "chain", "request": {"verb": "chain", "chain": {"steps": [{"is": "protocol", "number": 17}] * 2, "within": 9}}},
]  # fmt: skip


@pytest.mark.parametrize("asked", PLANS, ids=lambda asked: asked["plan"])
def test_a_number_beyond_what_it_may_be_is_a_fault_of_the_request_and_never_of_the_store(
    opened: Door, asked: dict[str, Any]
) -> None:
    """Times beyond 64 bits were."""
    client, dice = opened.client(opened.anybody), random.Random(asked["plan"])
    named = ["since", "until", "bin", "origin", "limit", "seconds", "rows", "octets", "version", "sources", "within"]
    for number in sampled_numbers(dice):
        for name in dice.sample(named, examples(len(named), 3)):
            question = json.loads(json.dumps(asked))
            ticket: dict[str, Any] = {"kind": "ask", "version": 2, "questions": [question]}
            if name == "sources" and "sources" in question:
                question["sources"] = [number]
            elif name in ("seconds", "rows", "octets", "version"):
                ticket[name] = number
            elif name == "within" and "chain" in question["request"]:
                question["request"]["chain"][name] = number
            else:
                question["request"][name] = number
            try:
                ask(client, json.dumps(ticket).encode())
            except (fl.FlightError, pa.ArrowException) as error:
                fault = fault_of(error)
                assert fault.kind in ("request", "late"), (name, number, fault.text)


def sampled_numbers(dice: random.Random) -> list[int]:
    return dice.sample(NUMBERS, examples(len(NUMBERS), 6))


@pytest.mark.parametrize("number", [(1 << 63) - 1, 1 << 63, 1 << 70, -(1 << 63) - 1, *(2 * end for end in CALENDAR_US)])
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_time_that_no_calendar_has_is_refused_as_a_request(opened: Door, name: str, number: int) -> None:
    said = json.loads(written(Ask(version=2, questions=(COUNT,))))
    said["questions"][0]["request"][name] = number
    fault = refused(lambda: ask(opened.client(opened.anybody), json.dumps(said).encode()))
    assert fault.kind == "request" and name in fault.detail


def test_a_filter_that_is_none_and_another_version_are_refused(opened: Door) -> None:
    client = opened.client(opened.anybody)
    said = json.dumps(
        json.loads(written(Ask(version=2, questions=(COUNT,)))) | {"filter": {"is": "port; DROP TABLE packets"}}
    ).encode()
    assert refused(lambda: ask(client, said)).detail.startswith("filter: expected an object")
    said = written(Ask(version=2, questions=(COUNT,))).replace(b'"version":2', b'"version":99')
    assert "version" in refused(lambda: ask(client, said)).text


def test_a_ticket_of_100_mb_is_refused_before_it_is_read(opened: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: bytes) -> None:
        raise AssertionError("read")

    monkeypatch.setattr("ims.queryd.service.read_ticket", never)
    client = opened.client(opened.anybody)
    fault = refused(lambda: ask(client, b"x" * 100_000_000))
    assert fault.kind in ("request", "garbage", "unreachable")
    assert hello(client).program == "test"


def test_an_answer_over_the_limits_is_refused(opened: Door) -> None:
    client = opened.client(opened.anybody)
    rows = written(Ask(version=2, questions=(Question(plan="rows", request=make_request("packets", None)),), rows=10))
    fault = refused(lambda: ask(client, rows))
    assert (fault.kind, fault.text) == (
        "request", "the answer has more than 10 partial rows; ask for a shorter time, a narrower filter or a coarser group",
    )  # fmt: skip


# How a question ends


@pytest.fixture
def held(tmp_path: Path, one_store: Path) -> Iterator[tuple[Door, Held]]:
    answers = Held()
    with door(tmp_path, one_store, answerer=answers, turns=ThreadQueue(1, each=2, waiting=2)) as made:
        yield made, answers
        answers.may_end.set()


def test_a_caller_that_goes_interrupts_its_question(held: tuple[Door, Held]) -> None:
    opened, answers = held
    reader = opened.portal().do_get(fl.Ticket(written(Ask(version=2, questions=(COUNT,), seconds=600))), within())
    soon(answers.begun)
    reader.cancel()
    soon(answers.interrupted)
    soon(answers.over)
    until(lambda: opened.turns.running == 0)


def test_a_caller_that_vanishes_interrupts_its_question(held: tuple[Door, Held]) -> None:
    opened, answers = held
    client = opened.portal()
    reader = client.do_get(fl.Ticket(written(Ask(version=2, questions=(COUNT,), seconds=600))), within())
    soon(answers.begun)
    del reader
    client.close()
    soon(answers.interrupted)
    until(lambda: opened.turns.running == 0)


def test_a_question_whose_time_is_over_is_interrupted(held: tuple[Door, Held]) -> None:
    opened, answers = held
    fault = refused(
        lambda: ask(opened.portal(), seconds=DEADLINE, ticket=written(Ask(version=2, questions=(COUNT,), seconds=0.2)))
    )
    assert (fault.kind, fault.worked is not None) == ("late", True)
    assert fault.detail == f"the deadline passed, after {fault.worked:.3f} s of work"
    assert answers.interrupted.is_set()
    until(lambda: opened.turns.running == 0)


def test_the_dearest_filters_that_are_taken_end_at_their_deadline_again_and_again(opened: Door) -> None:
    """Compiled and run by a daemon's own engines, each interrupted until it ends: the next deadline holds, too."""
    client = opened.portal("dear")
    for n in range(2):
        text = " or ".join(f"ip[0]+{n * 1000 + m}=tcp[12]" for m in range(80))
        ticket = written(Ask(version=2, questions=(COUNT,), seconds=0.1, filter=parse(text)))
        began = time.monotonic()
        fault = refused(lambda ticket=ticket: ask(client, ticket))  # type: ignore[misc]
        assert fault.kind == "late"
        assert fault.detail.startswith("the deadline passed")
        assert time.monotonic() - began < DEADLINE / 2
        until(lambda: opened.turns.running == 0)
        assert ask(client)


def test_who_waits_too_long_or_among_too_many_is_told_so(held: tuple[Door, Held]) -> None:
    opened, answers = held
    client = opened.portal()
    with crowd(3) as threads:
        first = threads.go(ask, client)
        soon(answers.begun)
        short = written(Ask(version=2, questions=(COUNT,), seconds=0.2))
        fault = refused(lambda: ask(client, short))
        assert (fault.kind, fault.detail.partition(", after ")[0]) == ("late", "its turn didn't come in time")
        waiting = [threads.go(ask, client) for _ in range(2)]
        until(lambda: opened.turns.waiting == 2)
        assert refused(lambda: ask(client)).kind == "busy"
        answers.may_end.set()
        for future in [first, *waiting]:
            future.result(DEADLINE)


def test_shutting_down_interrupts_what_runs(tmp_path: Path, one_store: Path) -> None:
    answers = Held()
    with crowd(1) as threads, door(tmp_path, one_store, answerer=answers) as opened:
        asked = threads.go(ask, opened.portal(), None, DEADLINE)
        soon(answers.begun)
        opened.service.shutdown()
        soon(answers.interrupted)
        assert isinstance(asked.exception(DEADLINE), pa.ArrowException)


def test_too_many_followers_are_told_so_and_places_are_given_back(opened: Door) -> None:
    client = opened.client(opened.anybody)
    follow = fl.Ticket(written(Tail(version=2, every=0.1)))
    readers = [client.do_get(follow, within()) for _ in range(2)]
    for reader in readers:
        reader.read_chunk()
    assert refused(lambda: ask(client, follow.ticket)).kind == "busy"
    for reader in readers:
        reader.cancel()

    def again() -> Any:
        reader = client.do_get(follow, within())
        try:
            return reader.read_chunk()
        except pa.ArrowException:
            return None
        finally:
            reader.cancel()

    until(again)


def test_what_fails_is_logged_and_tells_no_path(
    tmp_path: Path, one_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def answer(self, *_: Any) -> Iterator[Any]:
            raise RuntimeError(f"{one_store} has a secret")
            yield

    with caplog.at_level(logging.CRITICAL), door(tmp_path, one_store, answerer=Broken()) as opened:
        fault = refused(lambda: ask(opened.portal()))
        assert (fault.kind, fault.detail) == ("failed", "its log says why")


def test_a_link_in_its_store_is_the_store_s_fault_and_its_path_stays_here(tmp_path: Path, one_store: Path) -> None:
    store = tmp_path / "S"
    shutil.copytree(one_store, store)
    part = next((store / "packets").rglob("*.parquet"))
    part.parent.rename(tmp_path / "elsewhere")
    part.parent.symlink_to(tmp_path / "elsewhere")
    with door(tmp_path / "D", store) as opened:
        fault = refused(lambda: ask(opened.portal()))
    assert (fault.kind, fault.detail) == (
        "store",
        "its store can't be read: it is a link; a store, or a lake, holds files",
    )


def test_an_address_in_use_is_an_error_in_one_line(opened: Door, one_store: Path) -> None:
    with pytest.raises(
        OSError, match=f"can't listen on grpc://127.0.0.1:{opened.service.port}: Address already in use$"
    ) as caught:
        Service(
            f"grpc://127.0.0.1:{opened.service.port}", Answerer(one_store, 1, 64 << 20, 1), ThreadQueue(1, 1, 1),
            hello=lambda: Hello(oldest=1, newest=1, program="", now=0), refusal=lambda _: None, tailing=TailService(one_store),
        )  # fmt: skip
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError("/s: no such store"), ": it isn't there"),
        (PermissionError(13, "Permission denied", "/s/store.json"), ": permission denied"),
        (OSError(5, "Input/output error", "/s/a.parquet"), ": input/output error"),
        (OSError("the store can't be read: 7 of 9 files"), ""),
    ],
)  # fmt: skip
def test_why_a_store_can_t_be_read_is_said_without_its_path(error: OSError, said: str) -> None:
    assert unread(error) == f"its store can't be read{said}"


def test_who_is_refused_is_logged_with_the_serial_and_the_reason_once_a_minute(tmp_path: Path, one_store: Path) -> None:
    with door(tmp_path, one_store) as opened, structlog.testing.capture_logs() as logged:
        for name, serial, why in (("p", "1", "revoked"), ("p", "1", "revoked"), ("p", "1", "list"), ("q", "2", "list")):
            opened.service._log = structlog.get_logger()
            opened.service._refused("role", name, serial, why)
    said = [(line["caller"], line["serial"], line["why"]) for line in logged if line["event"] == "refused"]
    assert said == [("p", "1", "revoked"), ("p", "1", "list"), ("q", "2", "list")]
