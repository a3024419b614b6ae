"""What can go wrong with a sensor, with real processes: the answer is right for those that answer, comes in time, and
says who is missing and why."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow.flight as fl
import pytest

import ims
from ims.link.contract import NEWEST, OLDEST, Hello
from ims.pki.authority import create_authority
from ims.portal.services import Limits
from ims.query.answer import Answer
from ims.queryd.execution import Answerer
from ims.queryd.service import Service
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import ThreadQueue

from ...effort import exhaustive
from ..deployment import Deployment, deployed

NAMES = ("a", "b", "007")
DEADLINE = 4.0


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, three_stores: list[Path]) -> dict[str, Path]:
    """Of sensors a, b, 007: readable by whoever a daemon becomes."""
    return {name: next(store for store in three_stores if store.name == name) for name in NAMES}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, stores: dict[str, Path]) -> Iterator[Deployment]:
    """One deployment for all tests here; each leaves it whole."""
    folder = tmp_path_factory.mktemp("deployment")
    with deployed(folder, stores, deadline=DEADLINE) as deployment:
        answers(deployment, NAMES)
        yield deployment


def answers(deployment: Deployment, names: tuple[str, ...]) -> None:
    """Wait until exactly these sensors answer, by what the portal says of them."""
    for _ in range(200):
        found = sensors(deployment)
        if {name for name, sensor in found.items() if sensor["state"] == "answers"} == set(names):
            return
        threading.Event().wait(0.2)
    raise AssertionError(f"{names} were expected: {found}")


def sensors(deployment: Deployment) -> dict[str, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {deployment.tokens['operator']}"}
    found = httpx.get(f"{deployment.url}/api/v1/sensors", headers=headers, timeout=30).json()["sensors"]
    return {sensor["name"]: sensor for sensor in found}


def assert_right(answer: Answer, stores: dict[str, Path], missing: dict[str, str]) -> None:
    """The counts are those of the stores of whoever isn't missing, and each one missing is named with its reason."""
    left = [store for name, store in stores.items() if name not in missing]
    with ims.open(*left) as telescope:
        [expected] = telescope.count().rows()
    assert answer.rows() == [expected]
    assert set(answer.record.silent) == set(missing)
    for name, why in missing.items():
        assert why in answer.record.silent[name], answer.record.silent


def count(deployment: Deployment, since: str | None = None) -> Answer:
    with deployment.telescope() as telescope:
        return telescope.count(since=since)


def test_all_answer(running: Deployment, stores: dict[str, Path]) -> None:
    assert_right(count(running), stores, {})


def test_a_killed_sensor_is_missing_and_used_again_when_it_is_back(
    running: Deployment, stores: dict[str, Path]
) -> None:
    running.sensors["b"].kill()
    try:
        assert_right(count(running), stores, {"b": "can't be reached"})
    finally:
        running.start_sensor("b").until("listening")
    answers(running, NAMES)
    assert_right(count(running), stores, {})


def test_a_hanging_sensor_is_missing_at_the_deadline(running: Deployment, stores: dict[str, Path]) -> None:
    running.sensors["007"].signal(signal.SIGSTOP)
    try:
        assert_right(count(running), stores, {"007": "didn't answer"})
        assert_right(count(running), stores, {"007": "didn't answer"})
    finally:
        running.sensors["007"].signal(signal.SIGCONT)
    answers(running, NAMES)
    assert_right(count(running), stores, {})


def test_a_stopped_sensor_costs_a_deadline_once_for_everyone(running: Deployment, stores: dict[str, Path]) -> None:
    """It takes connections and answers nothing. Those who ask one after the other, while nobody knows, all have their
    answer when the first one has his; those who come later wait a fraction of it."""
    apart, askers = DEADLINE / 8, 6
    begun = time.monotonic()
    running.sensors["007"].signal(signal.SIGSTOP)

    def ask(number: int) -> tuple[Answer, float, float]:
        threading.Event().wait(number * apart)
        began = time.monotonic() - begun
        answer = count(running, since=f"2026-03-04T00:00:{number:02}")  # each its own, so that none joins another
        return answer, began, time.monotonic() - begun

    try:
        with ThreadPoolExecutor(askers) as pool:
            found = list(pool.map(ask, range(askers)))
        for answer, _, _ in found:
            assert "didn't answer" in answer.record.silent["007"]
        begins, ends = [began for _, began, _ in found], [ended for _, _, ended in found]
        assert max(ends) - min(ends) < (max(begins) - min(begins)) / 2, (begins, ends)
        _, began, ended = ask(0)
        assert ended - began < (ends[0] - begins[0]) / 2
    finally:
        running.sensors["007"].signal(signal.SIGCONT)
    answers(running, NAMES)


@exhaustive
def test_a_stopped_sensor_is_named_to_each_role_within_its_limit(tmp_path: Path, stores: dict[str, Path]) -> None:
    """With the deadline that there is without settings: longer than a viewer's limit."""
    with deployed(tmp_path, stores) as deployment:
        answers(deployment, NAMES)
        took = {}
        for role in ("viewer", "analyst", "operator"):
            deployment.sensors["b"].signal(signal.SIGSTOP)
            began = time.monotonic()
            with deployment.telescope(role) as telescope:
                assert set(telescope.count().record.silent) == {"b"}
                took[role] = time.monotonic() - began, time.monotonic()
                assert set(telescope.count(since="2026-03-04").record.silent) == {"b"}
            took[role] = took[role][0], time.monotonic() - took[role][1]
            deployment.sensors["b"].signal(signal.SIGCONT)
            answers(deployment, NAMES)
        print("seconds of the first question and of the second", took)
        assert all(first < Limits().seconds[role] for role, (first, _) in took.items())
        assert all(second < first / 2 for first, second in took.values()), took


def test_a_sensor_killed_in_the_middle_of_an_answer_is_missing(running: Deployment, stores: dict[str, Path]) -> None:
    """It is stopped before the question is asked, so that it holds the question, and killed once the others are done."""
    running.sensors["a"].signal(signal.SIGSTOP)
    found: list[Answer] = []
    asking = threading.Thread(target=lambda: found.append(count(running, since="2026-03-04")))
    others = [(name, len(running.sensors[name].said)) for name in ("b", "007")]
    asking.start()
    for name, before in others:
        while not any(said["event"] == "question" for said in running.sensors[name].said[before:]):
            threading.Event().wait(0.02)
    running.sensors["a"].kill()
    asking.join(timeout=60)
    try:
        [answer] = found
        assert_right(answer, stores, {"a": ""})
    finally:
        running.start_sensor("a").until("listening")
    answers(running, NAMES)


class Relay:
    """A link on the way to a sensor; what comes from there passes at so many octets a second, once `rate` is set.
    `delay`: seconds that every piece takes, both ways."""

    def __init__(self, port: int, delay: float = 0.0) -> None:
        self._to, self.rate, self.delay, self._ended = port, 0.0, delay, threading.Event()
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._sockets[0].getsockname()[1])

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                near = self._sockets[0].accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            self._sockets += [near, far]
            for ends in ((near, far, False), (far, near, True)):
                self._threads.append(threading.Thread(target=self._pass, args=ends))
                self._threads[-1].start()

    def _pass(self, source: socket.socket, sink: socket.socket, slowly: bool) -> None:
        try:
            while octets := source.recv(1 << 16):
                if self.delay and self._ended.wait(self.delay):
                    return
                while octets:
                    some = octets[:64] if slowly and self.rate else octets
                    if slowly and self.rate and self._ended.wait(len(some) / self.rate):
                        return
                    sink.sendall(some)
                    octets = octets[len(some) :]
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for end in list(self._sockets):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(timeout=60)
        for thread in self._threads:
            thread.join(timeout=60)
        for end in self._sockets:
            end.close()


def test_a_slow_link_is_waited_for_until_the_deadline(running: Deployment, stores: dict[str, Path]) -> None:
    with Relay(running.ports["007"]) as relay:
        running.register(**{"007": f"127.0.0.1:{relay.port}"})
        try:
            answers(running, NAMES)
            relay.rate = 100_000
            assert_right(count(running), stores, {})
            relay.rate = 500
            assert_right(count(running), stores, {"007": "didn't answer"})
            relay.rate = 0
            answers(running, NAMES)
            assert_right(count(running), stores, {})
        finally:
            running.register()
    answers(running, NAMES)


def test_a_sensor_that_is_far_away_is_reached(running: Deployment, stores: dict[str, Path]) -> None:
    with Relay(running.ports["007"], delay=0.15) as relay:
        running.register(**{"007": f"127.0.0.1:{relay.port}"})
        try:
            answers(running, NAMES)
            assert_right(count(running), stores, {})
        finally:
            running.register()
    answers(running, NAMES)


class Garbage(fl.FlightServerBase):
    """Answers everything with what is no answer; `ims` certificates are real."""

    def do_action(self, context: Any, action: Any) -> Any:
        yield b'{"oldest": 2, "newest": 2, "program": "\x1b[31m", "now": 1e300}'

    def do_get(self, context: Any, ticket: Any) -> Any:
        import pyarrow as pa

        return fl.RecordBatchStream(pa.table({"part": ["0/totals"], "body": [b"\xff" * 100]}))


def test_garbage_is_no_answer(running: Deployment, stores: dict[str, Path]) -> None:
    running.sensors["b"].end()
    place = running.folder / "certificates" / "b"
    pair = ((place / "b.pem").read_bytes(), (place / "b.key").read_bytes())
    ca = (place / "ca.pem").read_bytes()
    with Garbage(
        f"grpc+tls://127.0.0.1:{running.ports['b']}", tls_certificates=[pair], verify_client=True, root_certificates=ca
    ):
        answers_or_garbage = count(running)
        assert_right(answers_or_garbage, stores, {"b": "invalid response"})
    running.start_sensor("b").until("listening")
    answers(running, NAMES)


@pytest.mark.parametrize("wrong", ["expired", "foreign", "another of ours", "not registered"])
def test_a_wrong_certificate_is_named(running: Deployment, stores: dict[str, Path], wrong: str) -> None:
    """The daemon itself refuses to begin with an expired or foreign one, so a bare server shows it."""
    running.sensors["007"].end()
    now = datetime.now(UTC)
    authority = running.authority
    if wrong == "foreign":
        authority = create_authority(running.folder / f"foreign-{now.timestamp()}", "Foreign", 900)
    role = "portal" if wrong == "another of ours" else "sensor"
    out = running.folder / "certificates" / f"wrong-{wrong.replace(' ', '-')}"
    words: dict[str, Any] = {"now": now - timedelta(days=40), "days": 10} if wrong == "expired" else {}
    authority.issue("007", role, out, **words)  # type: ignore[arg-type]
    pair = ((out / "007.pem").read_bytes(), (out / "007.key").read_bytes())
    said = {
        "expired": "expired on", "foreign": "foreign authority", "another of ours": "portal's, not a sensor's",
        "not registered": "isn't the one that is registered",
    }[wrong]  # fmt: skip
    try:
        with fl.FlightServerBase(f"grpc+tls://127.0.0.1:{running.ports['007']}", tls_certificates=[pair]):
            assert_right(count(running), stores, {"007": said})
    finally:
        running.start_sensor("007").until("listening")
    answers(running, NAMES)


def test_a_revoked_sensor_is_not_asked_and_a_revoked_portal_not_answered(
    tmp_path: Path, stores: dict[str, Path]
) -> None:
    with deployed(tmp_path, stores, deadline=DEADLINE) as deployment:
        answers(deployment, NAMES)
        deployment.authority.revoke(deployment.serials["b"])
        answers(deployment, ("a", "007"))
        assert_right(count(deployment), stores, {"b": "revoked"})
        [issued] = deployment.authority.find("portal")
        deployment.authority.revoke(issued.identity.serial)
        answers(deployment, ())
        with deployment.telescope() as telescope, pytest.raises(OSError, match="no sensor answered"):
            telescope.count()


def test_a_clock_that_is_off_is_told_and_answers_all_the_same(running: Deployment, stores: dict[str, Path]) -> None:
    """In the daemon's place stands its service, with its certificate, and with a clock that is an hour ahead."""
    running.sensors["a"].end()
    place = running.folder / "certificates" / "a"
    service = Service(
        f"grpc+tls://127.0.0.1:{running.ports['a']}", Answerer(stores["a"], 1, 256 << 20, 1), ThreadQueue(1, 16, 16),
        hello=lambda: Hello(oldest=OLDEST, newest=NEWEST, program="test", now=time.time() + 3600),
        refusal=lambda serial: None, tailing=TailService(stores["a"]),
        tls=[((place / "a.pem").read_bytes(), (place / "a.key").read_bytes())], ca=(place / "ca.pem").read_bytes(),
    )  # fmt: skip
    try:
        answers(running, NAMES)
        assert_right(count(running), stores, {})
        for _ in range(100):
            if "ahead" in str(sensors(running)["a"]["why"]):
                break
            threading.Event().wait(0.2)
        assert "3,600 s ahead" in str(sensors(running)["a"]["why"])
    finally:
        service.shutdown()
        service.close()
        running.start_sensor("a").until("listening")
    answers(running, NAMES)


def test_a_registry_that_changes_is_read_again(running: Deployment, stores: dict[str, Path]) -> None:
    ports = dict(running.ports)
    del running.ports["007"]
    running.register()
    try:
        for _ in range(200):
            if set(sensors(running)) == {"a", "b"}:
                break
            threading.Event().wait(0.1)
        found = count(running)
        with ims.open(stores["a"], stores["b"]) as telescope:
            assert found.rows() == telescope.count().rows()
        assert not found.record.silent
    finally:
        running.ports = ports
        running.register()
    answers(running, NAMES)
