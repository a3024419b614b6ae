"""Connections that never get as far as a head: each address has its share of descriptors, and nobody takes them all."""

from __future__ import annotations

import contextlib
import socket
import ssl
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
from ims.portal.api import connection, server
from ims.portal.api.descriptors import Listening
from ims.portal.api.server import serve_settings

from ...queryd.waiting import until


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Listening]:
    """Over TLS."""
    _, place = create_authority(folder / "PKI", "Test", 3650).issue("a", "sensor", folder / "a")
    with Listening(socket.create_server(("127.0.0.1", 0), backlog=1024), 32, 8, ("127.0.0.99",)) as made:
        tls = {"ssl_certfile": place / "a.pem", "ssl_keyfile": place / "a.key"}
        server = uvicorn.Server(uvicorn.Config(hello, lifespan="off", **tls, **serve_settings()))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [made]})
        thread.start()
        try:
            yield made
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    with serving(tmp_path) as made:
        yield made


def taken(listening: Listening, number: int, source: str, stack: contextlib.ExitStack) -> list[socket.socket]:
    """Connections that TCP has, and on which nobody begins TLS."""
    made = [socket.create_connection(listening.getsockname(), 60, (source, 0)) for _ in range(number)]
    return [stack.enter_context(each) for each in made]


def asked(listening: Listening) -> int:
    with httpx.Client(verify=False, trust_env=False, timeout=60) as client:  # whose it is isn't asked
        return client.get(f"https://127.0.0.1:{listening.getsockname()[1]}/").status_code


def agreed(begun: socket.socket) -> ssl.SSLSocket:
    """TLS on a connection."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(begun)


def answered(connection: socket.socket) -> bool:
    """Whether a question on a connection that stays open is answered."""
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    found = b""
    while not found.endswith(b"0\r\n\r\n") and (piece := connection.recv(65_536)):
        found += piece
    return found.startswith(b"HTTP/1.1 200 ") and b"hello" in found


def closed(connection: socket.socket) -> bool:
    """Whether its other side ends it, before a minute is over."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_who_never_begins_tls_has_his_share_of_descriptors_and_no_more(listening: Listening) -> None:
    with contextlib.ExitStack() as stack:
        begun = taken(listening, 200, "127.0.0.2", stack)
        assert all(map(closed, begun[:-8]))  # those of one address make room for one another
        assert listening.accepted["127.0.0.2"] == 8
        assert asked(listening) == 200
    until(lambda: not listening.accepted)


def test_an_address_that_others_share_with_who_never_begins_tls_gets_in(listening: Listening) -> None:
    with contextlib.ExitStack() as stack:
        taken(listening, 8, "127.0.0.2", stack)
        until(lambda: listening.accepted["127.0.0.2"] == 8)
        [mine] = taken(listening, 1, "127.0.0.2", stack)
        assert answered(stack.enter_context(agreed(mine)))


def test_half_open_tls_of_many_addresses_makes_room_at_once(listening: Listening) -> None:
    """Whoever comes is answered while all places are taken; so is who came before and hasn't agreed yet, for his address
    has fewer of those, and who has agreed keeps his connection."""
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(agreed(taken(listening, 1, "127.0.0.98", stack)[0]))
        assert answered(kept)
        [slow] = taken(listening, 1, "127.0.0.97", stack)
        taken(listening, 8, "127.0.0.99", stack)  # of a proxy each is somebody else's
        flood = [each for host in range(2, 12) for each in taken(listening, 8, f"127.0.0.{host}", stack)]
        until(lambda: listening.accepted.total() == 32)
        for _ in range(3):
            assert asked(listening) == 200
        assert answered(stack.enter_context(agreed(slow)))
        assert answered(kept)
        assert listening.accepted["127.0.0.99"] == 8
        assert closed(flood[0])
    until(lambda: not listening.accepted)
    assert asked(listening) == 200


HELLO = bytes.fromhex("160301020001")
"""How a ClientHello begins that is 508 octets long (RFC 8446, 4.1.2)."""


@pytest.mark.parametrize("begun", [b"", HELLO], ids=["nothing", "part of a ClientHello"])
def test_who_does_not_finish_tls_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    """uvicorn's own patience is asyncio's, a minute; ours is that for a head."""
    assert server.HEAD_SECONDS == connection.HEAD_SECONDS == 10
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
    with serving(tmp_path) as listening, contextlib.ExitStack() as stack:
        [made] = taken(listening, 1, "127.0.0.2", stack)
        made.settimeout(50)
        made.sendall(begun)
        assert closed(made)
        until(lambda: not listening.accepted)


@pytest.mark.parametrize(("hard", "limit"), [(1536, 1536), (900, 900), (4000, 1536)])
def test_the_limit_of_descriptors_is_raised_as_far_as_it_may_be(hard: int, limit: int) -> None:
    script = (
        "import resource; from ims.portal.api.descriptors import needed, raise_limit; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard})); "
        "print(raise_limit(needed(512)), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [str(limit), str(limit), str(hard)]
