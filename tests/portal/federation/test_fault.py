"""A sensor's faults, in words that anybody may see: distinguished, in one line, without addresses."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from ims.link.contract import Ask, End, Hello, written
from ims.portal.federation.fault import SAID, Fault, fault_of
from ims.portal.federation.monitored_space import UNKNOWN
from ims.portal.federation.registry import Registry
from ims.portal.federation.sensors import Sensors
from ims.query.question import Question
from ims.query.request import make_request
from ims.queryd.service import unread
from ims.store.damage import DamageError
from ims.text import first_line

from ...queryd.waiting import until

OCTETS = 8 << 20
CASES = [
    (fl.FlightUnavailableError("ims:busy: too many questions are waiting"), "busy", "it is busy", "too many questions are waiting"),
    (fl.FlightTimedOutError("ims:late: the deadline passed"), "late", "it didn't answer in time", "the deadline passed"),
    (fl.FlightInternalError("ims:store: its store can't be read"), "store", "its store can't be read", "its store can't be read"),
    (fl.FlightInternalError(f"ims:store: {unread(DamageError('/srv/a', 'cut off'))}. Detail: Failed"), "store", "its store is damaged", "its store is damaged"),
    (fl.FlightServerError("ims:request: ticket: version: too old. Detail: Failed"), "request", "it refused the question", "ticket: version: too old"),
    (fl.FlightUnauthorizedError("ims:refused: a sensor's certificate may not ask here. gRPC client debug context: x"), "refused", "it refused the portal", "a sensor's certificate may not ask here"),
    (fl.FlightTimedOutError("Deadline Exceeded"), "overdue", "it didn't answer in time", "Deadline Exceeded"),
    (fl.FlightCancelledError("Cancelled"), "garbage", "its answer has a piece of more than 8,388,608 octets, or the call was given up", None),
    (fl.FlightUnavailableError("failed to connect to all addresses; last error: UNKNOWN: ipv4:192.0.2.7:9443: Connection refused"), "unreachable", "it can't be reached", None),
    (fl.FlightUnavailableError("... SSL_ERROR_SSL: error:1000007d:CERTIFICATE_VERIFY_FAILED"), "certificate", "its certificate can't be verified", None),
    (fl.FlightUnavailableError("... SSL_ERROR_SSL: error:10000415:SSLV3_ALERT_CERTIFICATE_EXPIRED"), "refused", "it doesn't take the portal's certificate", None),
    (fl.FlightUnauthenticatedError("ims:list: the list of revoked certificates is missing"), "list", "its list of revoked certificates can't be used, so it refuses all", "the list of revoked certificates is missing"),
    (fl.FlightUnauthenticatedError("ims:refused: the certificate 7 is revoked"), "refused", "it refused the portal", "the certificate 7 is revoked"),
    (fl.FlightInternalError("ims:failed: its log says why"), "failed", "it failed at this question", "its log says why"),
    (fl.FlightUnavailableError("Peer name x is not in peer certificate"), "certificate", "its certificate isn't the one that is registered", None),
    (fl.FlightInternalError("whatever\nelse"), "garbage", "it sent an invalid response", "whatever"),
    (pa.ArrowInvalid("no IPC at 192.0.2.7"), "garbage", "it sent an invalid response", None),
    (fl.FlightServerError("ims:nonsense: x"), "garbage", "it sent an invalid response", None),
    (RuntimeError(), "garbage", "it sent an invalid response", ""),
]  # fmt: skip


@pytest.mark.parametrize(("error", "kind", "text", "detail"), CASES)
def test_errors_are_told_apart(error: Exception, kind: str, text: str, detail: str | None) -> None:
    fault = fault_of(error)
    assert (fault.kind, fault.text) == (kind, text)
    assert detail is None or fault.detail == detail
    assert "192.0.2" not in fault.text
    assert fault_of(fault) is fault


@pytest.mark.parametrize(
    ("said", "worked"),
    [
        ("the deadline passed, after 0.310 s of work", 0.31),
        ("its turn didn't come in time, after 0.000 s of work", 0.0),
        ("the deadline passed", None),
        ("after 0.310 s of work it ended", None),
        (f"the deadline passed, after {'9' * 400}.000 s of work", None),
    ],
)
def test_who_is_late_says_how_long_it_worked(said: str, worked: float | None) -> None:
    assert fault_of(fl.FlightTimedOutError(f"ims:late: {said}. Detail: Failed")).worked == worked


@pytest.mark.parametrize("kind", sorted(set(SAID) - {"request"}))
def test_what_a_sensor_says_stays_with_operators(kind: str) -> None:
    fault = fault_of(fl.FlightServerError(f"ims:{kind}: 198.51.100.7 \x1b[2J says so\nand more"))
    assert fault.text == SAID[kind]
    assert fault.detail == r"198.51.100.7 \x1b[2J says so"


def test_a_refusal_is_one_short_line_of_printable_characters() -> None:
    fault = fault_of(fl.FlightServerError("ims:request: \x1b]0;x\x07" + "y" * 10_000 + "\nTraceback"))
    assert len(fault.text) <= 300
    assert fault.text.isprintable()
    assert first_line("") == first_line("\n \n") == ""


def test_a_fault_is_an_exception_that_says_its_text() -> None:
    with pytest.raises(Fault, match="it is busy"):
        raise Fault("busy", "it is busy", "detail")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("busy", "it is busy"), "it is busy"),
        (Fault("unreachable", "it can't be reached", "Connection refused"), "it can't be reached (Connection refused)"),
        (Fault("store", "its store can't be read", "its store can't be read"), "its store can't be read"),
    ],
)
def test_operators_are_told_the_detail_where_it_says_more(fault: Fault, told: str) -> None:
    assert fault.for_operators == told


def test_a_fault_that_is_told_of_many_keeps_nothing_of_any(tmp_path: Path) -> None:
    """Whoever raises it has it raised anew: it would keep each function that it ended, with answers in it."""
    (tmp_path / "registry.toml").touch()
    with contextlib.closing(Sensors(Registry(tmp_path / "registry.toml"), None, lambda serial: None)) as sensors:
        for name in "ab":
            with pytest.raises(Fault) as caught:
                sensors._note_watched(name, End(seconds=0.0, parts={}), needed=True)
            assert (caught.value.kind, caught.value.text) == (UNKNOWN.kind, UNKNOWN.text)
    assert UNKNOWN.__traceback__ is None


class Earlier(fl.FlightServerBase):  # type: ignore[misc]
    """A daemon that speaks the contract's first version alone."""

    def do_action(self, _context: Any, _action: Any) -> Iterator[bytes]:
        yield written(Hello(oldest=1, newest=1, program="earlier", now=time.time()))

    def do_get(self, _context: Any, _ticket: Any) -> Any:
        raise AssertionError("it wouldn't understand it")


def test_one_that_speaks_another_version_is_told_by_it_and_is_not_asked(tmp_path: Path) -> None:
    question = Question(plan="rows", request=make_request("packets", None))
    said = "it speaks versions 1 to 1 of the contract; this is 2 to 2"
    with Earlier("grpc://127.0.0.1:0") as earlier:
        registry = f'[[sensor]]\nname = "a"\naddress = "127.0.0.1:{earlier.port}"\n'
        (tmp_path / "registry.toml").write_text(registry)
        with contextlib.closing(Sensors(Registry(tmp_path / "registry.toml"), None, lambda serial: None)) as sensors:
            sensors.start()
            until(lambda: sensors.health()[0].fault is not None)
            found = sensors.scatter(lambda peer: Ask(version=peer.version, questions=(question,)), {}, 60)
    assert {name: (fault.kind, fault.text) for name, fault in found.faults.items()} == {"a": ("version", said)}
