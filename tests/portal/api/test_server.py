"""How uvicorn is told to serve: whom it believes, what it doesn't speak, and that nobody fills its log."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from ims.portal.api.connection import HEAD_SECONDS, Patient
from ims.portal.api.server import Loop, serve_settings

from .served import world


@pytest.mark.parametrize(
    ("proxies", "client"), [((), "127.0.0.1"), (("127.0.0.2",), "127.0.0.1"), (("127.0.0.1",), "192.0.2.7")]
)
def test_an_address_is_believed_of_named_proxies_alone(
    tmp_path: Path, one_store: Path, proxies: tuple[str, ...], client: str
) -> None:
    with world(tmp_path, one_store, settings=serve_settings(proxies=proxies)) as served:
        found = served.as_("operator").get(
            "/me", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
        )
        assert found.status_code == 200
        assert ("strict-transport-security" in found.headers) == (client == "192.0.2.7")
        [line] = [line for line in served.world.audited() if line["path"].endswith("/me")]
        assert line["client"] == client


def test_a_list_of_addresses_is_believed_as_far_as_proxies_are_named(tmp_path: Path, one_store: Path) -> None:
    """The last that isn't a proxy's: what stands before it anybody may have written."""
    with world(tmp_path, one_store, settings=serve_settings(proxies=("127.0.0.1", "192.0.2.1"))) as served:
        served.as_("operator").get("/me", headers={"X-Forwarded-For": "203.0.113.9, 192.0.2.7, 192.0.2.1"})
        [line] = [line for line in served.world.audited() if line["path"].endswith("/me")]
        assert line["client"] == "192.0.2.7"


def test_no_other_protocol_is_agreed_upon(tmp_path: Path, one_store: Path) -> None:
    upgrade = (
        b"Connection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    with world(tmp_path, one_store) as served:
        for protocol in (b"websocket", b"h2c"):
            found = served.raw(
                b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nUpgrade: " + protocol + b"\r\n" + upgrade + b"\r\n"
            )
            assert found.startswith(b"HTTP/1.1 401 "), found


def test_nothing_that_anybody_sends_is_a_line_of_the_log(
    tmp_path: Path, one_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with world(tmp_path, one_store) as served:
        for octets in (
            b"\x16\x03\x01\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\n\r\n",
            b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ):
            assert served.raw(octets).startswith(b"HTTP/1.1 4")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_places_are_those_that_were_given() -> None:
    config = uvicorn.Config("x:y", **serve_settings(connections=7, connections_each=3, proxies=("127.0.0.9",)))
    config.load_app = lambda: None  # type: ignore[assignment]
    made: Any = config.http
    assert (made.func, made.keywords) == (Patient, {"places": 7, "each": 3, "proxies": ("127.0.0.9",)})
    factory = config.get_loop_factory()
    assert factory is not None
    loop = factory()
    assert isinstance(loop, Loop)
    loop.close()


def test_tls_has_as_long_as_a_head_and_what_is_not_tls_is_served_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []

    async def create_server(_loop: Any, _factory: Any, *_words: Any, **named: Any) -> None:
        given.append(named)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "create_server", create_server)
    loop = Loop()
    try:
        for context in (ssl.create_default_context(), None):
            loop.run_until_complete(loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context))
    finally:
        loop.close()
    assert given[0]["ssl_handshake_timeout"] == given[0]["ssl_shutdown_timeout"] == HEAD_SECONDS
    assert "ssl_handshake_timeout" not in given[1]
