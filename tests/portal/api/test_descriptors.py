"""Connections that never get as far as a head: each address has its share of descriptors, and nobody takes them all."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from ims.pki.authority import create_authority
from ims.portal.api.descriptors import Listening
from ims.portal.api.serve import serve_settings

from ...queryd.waiting import until


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    """Served over TLS."""
    _, place = create_authority(tmp_path / "PKI", "Test", 3650).issue("a", "sensor", tmp_path / "a")
    with Listening(socket.create_server(("127.0.0.1", 0), backlog=1024), 32, 8) as made:
        tls = {"ssl_certfile": place / "a.pem", "ssl_keyfile": place / "a.key"}
        server = uvicorn.Server(uvicorn.Config(hello, lifespan="off", **tls, **serve_settings()))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [made]})
        thread.start()
        yield made
        server.should_exit = True
        thread.join()


def taken(listening: Listening, number: int, source: str, stack: contextlib.ExitStack) -> list[socket.socket]:
    """Connections that TCP has, and on which nobody begins TLS."""
    made = [socket.create_connection(listening.getsockname(), 60, (source, 0)) for _ in range(number)]
    return [stack.enter_context(each) for each in made]


def asked(listening: Listening) -> int:
    with httpx.Client(verify=False, trust_env=False, timeout=60) as client:  # whose it is isn't asked
        return client.get(f"https://127.0.0.1:{listening.getsockname()[1]}/").status_code


def test_who_never_begins_tls_has_his_share_of_descriptors_and_no_more(listening: Listening) -> None:
    with contextlib.ExitStack() as stack:
        for each in taken(listening, 60, "127.0.0.2", stack)[8:]:
            with contextlib.suppress(ConnectionResetError):
                assert each.recv(1) == b""
        assert listening.accepted["127.0.0.2"] == 8
        assert asked(listening) == 200
    until(lambda: not listening.accepted)


def test_many_addresses_leave_the_portal_its_own_descriptors(listening: Listening) -> None:
    with contextlib.ExitStack() as stack:
        for host in range(2, 12):
            taken(listening, 8, f"127.0.0.{host}", stack)
        until(lambda: listening.accepted.total() == 32)
    until(lambda: not listening.accepted)
    assert asked(listening) == 200


@pytest.mark.parametrize(("hard", "limit"), [(1536, 1536), (900, 900), (4000, 1536)])
def test_the_limit_of_descriptors_is_raised_as_far_as_it_may_be(hard: int, limit: int) -> None:
    script = (
        "import resource; from ims.portal.api.descriptors import needed, raise_limit; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard})); "
        "print(raise_limit(needed(512)), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [str(limit), str(limit), str(hard)]
