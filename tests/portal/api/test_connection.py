"""Connections whose callers do nothing: each address has its share of them, and they make room for who asks."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.portal.api import connection
from ims.portal.api.connection import Patient
from ims.portal.api.server import serve_settings
from ims.portal.services import Limits

from .served import Served, refused, world

HEAD = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n"
BODY = b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
UNFINISHED = {"nothing": b"", "a head": HEAD, "a body": BODY, "chunks": BODY.replace(
    b"Content-Length: 100", b"Transfer-Encoding: chunked").replace(b"{", b"5\r\n{")}  # fmt: skip


@contextlib.contextmanager
def opened(served: Served, number: int, octets: bytes, source: str) -> Iterator[list[socket.socket]]:
    """So many connections from a loopback address, with these octets sent."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(number):
            made = socket.create_connection(("127.0.0.1", served.port), 60, source_address=(source, 0))
            found.append(stack.enter_context(made))
            with contextlib.suppress(ConnectionError):
                made.sendall(octets)
        yield found


@pytest.mark.parametrize("begun", UNFINISHED)
def test_one_address_takes_no_more_than_its_share(tmp_path: Path, one_store: Path, begun: str) -> None:
    settings = serve_settings(connections=64, connections_each=8)
    with world(tmp_path, one_store, settings=settings) as served, served.as_("viewer") as asker:
        assert asker.get("/me").status_code == 200  # one connection, kept alive
        with opened(served, 200, UNFINISHED[begun], "127.0.0.2") as many:
            for _ in range(3):
                assert asker.get("/me").status_code == 200
            for each in many[:-8]:  # those of one address made room for one another
                with contextlib.suppress(ConnectionResetError):
                    assert each.recv(1000)[9:12] in (b"", b"408")


@pytest.mark.parametrize("begun", UNFINISHED)
def test_unfinished_ones_of_many_addresses_make_room(tmp_path: Path, one_store: Path, begun: str) -> None:
    settings = serve_settings(connections=24, connections_each=8)
    with world(tmp_path, one_store, settings=settings) as served, contextlib.ExitStack() as stack:
        for number in range(2, 12):
            stack.enter_context(opened(served, 8, UNFINISHED[begun], f"127.0.0.{number}"))
        for _ in range(3):
            found = served.raw(HEAD + b"Connection: close\r\n\r\n")
            assert found.startswith(b"HTTP/1.1 200 "), found


def test_whoever_reads_nothing_makes_room_and_is_cut_off(
    tmp_path: Path, one_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLOSING_SECONDS", 0.05)
    monkeypatch.setattr(connection, "SLOWEST", 1 << 30)
    gone, lost = threading.Event(), connection.Patient.connection_lost
    monkeypatch.setattr(connection.Patient, "connection_lost", lambda *words: (lost(*words), gone.set()))
    with world(tmp_path, one_store, limits=Limits(stalled_seconds=0.2)) as served:
        token = served.world.tokens["operator"]
        asked = f"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        with socket.socket() as made:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            made.settimeout(60)
            made.connect(("127.0.0.1", served.port))
            with contextlib.suppress(ConnectionError):
                made.sendall(asked * 100)
            assert gone.wait(60)


def test_requests_in_hand_are_counted_by_the_forwarded_address(tmp_path: Path, one_store: Path) -> None:
    settings = serve_settings(proxies=("127.0.0.1",))
    with world(tmp_path, one_store, settings=settings, limits=Limits(requests_each=4)) as served:
        forwarded = b"X-Forwarded-For: 192.0.2.1\r\n"
        begun = BODY.replace(b"Host: x\r\n", b"Host: x\r\n" + forwarded)
        with opened(served, 4, begun, "127.0.0.1"):
            tried = threading.Event()
            for _ in range(500):
                found = served.raw(HEAD + forwarded + b"Connection: close\r\n\r\n")
                if found.startswith(b"HTTP/1.1 429 "):
                    break
                tried.wait(0.01)
            assert b"too many requests from your address" in found and b"retry-after: 1" in found.lower()
            other = served.as_("viewer").get("/me", headers={"X-Forwarded-For": "192.0.2.2"})
            assert other.status_code == 200
        # Those four have gone: their places are free again.
        for _ in range(500):
            found = served.raw(HEAD + forwarded + b"Connection: close\r\n\r\n")
            if found.startswith(b"HTTP/1.1 200 "):
                break
            tried.wait(0.01)
        assert found.startswith(b"HTTP/1.1 200 ")
        refused(served.as_(None).get("/me"), 401)


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096
    if before[0] != resource.RLIM_INFINITY and before[0] < wanted:
        if before[1] != resource.RLIM_INFINITY and before[1] < wanted:
            pytest.skip(f"1,000 connections need {wanted} files at both ends; {before[1]} may be open")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("begun", [b"", b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n"])
def test_1000_idle_connections_keep_nobody_out(tmp_path: Path, one_store: Path, many_files: None, begun: bytes) -> None:
    with (
        world(tmp_path, one_store, settings=serve_settings(connections=100)) as served,
        contextlib.ExitStack() as stack,
    ):
        idle = []
        for _ in range(1000):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60))
            with contextlib.suppress(ConnectionError):
                connection.sendall(begun)
            idle.append(connection)
        assert served.as_("operator").get("/query/count").status_code == 200
        # Those that came first were the first to go.
        with contextlib.suppress(ConnectionError):
            assert idle[0].recv(1) == b""


def test_who_sends_no_head_in_time_is_cut_off(tmp_path: Path, one_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "head_seconds", 0.05)
    with world(tmp_path, one_store) as served:
        whole = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
        assert served.raw(b"") == b""
        assert served.raw(whole[:20]) == b""
        assert served.raw(whole + whole[:20]).count(b"HTTP/1.1 200 ") == 1
