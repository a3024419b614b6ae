"""Requests that are too large, too slow, too many or too clever: refused early, and nobody else notices."""

from __future__ import annotations

import contextlib
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from ims.portal.services import Limits

from .served import Served, refused, world

HUGE = 100 << 20
HEAD = "{method} /api/v1/{path} HTTP/1.1\r\nHost: portal.example\r\nAuthorization: Bearer {token}\r\n"


def head(served: Served, method: str = "POST", path: str = "query/count", role: str = "operator") -> bytes:
    return HEAD.format(method=method, path=path, token=served.world.tokens[role]).encode()


def pushed(served: Served, begin: bytes, piece: bytes, pieces: int) -> tuple[bytes, int]:
    """What comes back to a body of many pieces, and how many were taken before the connection closed."""
    found, taken = b"", 0
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(begin)
            for _ in range(pieces):
                connection.sendall(piece)
                taken += 1
        with contextlib.suppress(ConnectionError):
            while more := connection.recv(65_536):
                found += more
    return found, taken


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
def test_a_body_of_100_mb_is_refused_by_its_length(served: Served, method: str) -> None:
    begin = head(served, method) + f"Content-Type: application/json\r\nContent-Length: {HUGE}\r\n\r\n".encode()
    found = served.raw(begin)  # before an octet of the body
    assert found.startswith(b"HTTP/1.1 413 ")
    assert b'{"error": "the body is too large; at most 65,536 bytes are taken"}' in found
    assert b"connection: close" in found.lower()


@pytest.mark.parametrize("path", ["query/count", "login", "export/pcap", "no/such/path"])
def test_a_chunked_body_of_100_mb_is_refused_without_reading_it(served: Served, path: str) -> None:
    begin = head(served, "POST", path) + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (1 << 16, b" " * (1 << 16))
    tracemalloc.start()
    _, taken = pushed(served, begin, chunk, HUGE >> 16)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < HUGE >> 16
    assert most < 8 << 20


def test_a_body_as_large_as_may_be_is_read(served: Served) -> None:
    asker, json = served.as_("operator"), {"Content-Type": "application/json"}
    body = b'{"filter": "udp"}'.ljust(64 << 10)
    assert asker.post("/query/count", content=body, headers=json).status_code == 200
    refused(in_the_end(lambda: asker.post("/query/count", content=body + b" ", headers=json)), 413)
    refused(in_the_end(lambda: asker.post("/query/count", content=iter([body, b" "]), headers=json)), 413)


def in_the_end(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer, of the first time that it is heard: a body that is refused isn't read, so that its sender may hear of
    a connection that was reset before it hears why (RFC 9112, 9.6)."""
    while True:
        with contextlib.suppress(httpx.ReadError, httpx.WriteError):
            return ask()


def test_a_head_that_is_too_large_is_refused(served: Served) -> None:
    found = served.raw(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n" + b"X-A: " + b"a" * (33 << 10) + b"\r\n\r\n")
    assert found.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
    found = served.raw(b"GET /api/v1/health?" + b"a" * (33 << 10) + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert found.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
    many = b"".join(b"X-%d: a\r\n" % number for number in range(5000))
    assert served.raw(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n")[9:12] in (b"431", b"400")


SMUGGLED = [
    b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\nX-Forged: 1\r\n\r\n",
    b"GET /api/v1/me\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/v1/me HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


@pytest.mark.parametrize("octets", SMUGGLED)
def test_what_is_no_http_is_refused(served: Served, octets: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        with contextlib.suppress(ConnectionError):
            while more := connection.recv(65_536):
                found += more
    assert not found or int(found.split(b" ", 2)[1]) in (400, 401, 404, 501), found
    assert b"X-Forged" not in found


INJECTED = "a\r\nSet-Cookie: x=1\r\n\r\n<script>"


@pytest.mark.parametrize("path", ["/query/{}", "/payloads/{}", "/tokens/{}", "/export/{}", "/{}"])
def test_no_header_is_made_of_what_was_asked(served: Served, path: str) -> None:
    from urllib.parse import quote

    for method in ("GET", "POST", "DELETE"):
        found = served.as_("operator").request(method, path.format(quote(INJECTED, safe="")))
        assert found.status_code in (400, 404, 405, 403)
        assert "set-cookie" not in found.headers
    found = served.as_("operator").get("/query/count", params={"filter": INJECTED, "since": INJECTED})
    assert "set-cookie" not in found.headers
    refused(found, 400)


def test_every_answer_has_the_security_headers(served: Served) -> None:
    for path in ("/health", "/me", "/query/count", "/nowhere", "/openapi.json"):
        headers = served.as_("viewer").get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 16
        assert "server" not in headers and "access-control-allow-origin" not in headers
        assert "strict-transport-security" not in headers  # not over TLS here
    assert "default-src 'self'" in served.as_(None).get(f"{served.url}/").headers["content-security-policy"]


def test_who_sends_no_body_in_time_is_told(tmp_path: Path, one_store: Path) -> None:
    with world(tmp_path, one_store, limits=Limits(body_seconds=0.05)) as served:
        found = served.raw(head(served) + b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
        assert found.startswith(b"HTTP/1.1 408 ")


def test_who_takes_no_answer_in_time_is_cut_off(tmp_path: Path, one_store: Path) -> None:
    with world(tmp_path, one_store, limits=Limits(stalled_seconds=0.05)) as served:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", served.port))
            for _ in range(3):
                connection.sendall(
                    head(served, "POST", "export/json")
                    + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
                )
            assert served.as_("operator").get("/health").status_code == 200
        assert served.as_("viewer").get("/health").status_code == 200
