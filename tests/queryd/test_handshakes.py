"""Whom TLS refuses, a query daemon's log tells: from where he came, and what was wrong, a few times a minute."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ims.pki.authority import Authority, create_authority
from ims.queryd.handshakes import Handshakes, LogLimit, Refusal, refusal_of

from .test_daemon import Running, place, running  # noqa: F401  # a fixture
from .waiting import DEADLINE


def shake_hands(port: int, pair: Path | None) -> None:
    """As a portal does, with a certificate and its key in `pair`.pem and .key, or none; until the other side hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if pair is not None:
        context.load_cert_chain(pair.with_suffix(".pem"), pair.with_suffix(".key"))
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), DEADLINE) as plain,
        context.wrap_socket(plain) as secure,
    ):
        assert secure.recv(1) == b""


def refusals(daemon: Running) -> list[dict[str, Any]]:
    return [said for line in daemon.said if (said := json.loads(line))["event"] == "refused"]


def test_whom_tls_refuses_is_logged_once_with_address_and_cause(place: Path) -> None:  # noqa: F811
    foreign = create_authority(place / "foreign", "Foreign", 900)
    foreign.issue("f", "portal", place / "f")
    then = datetime.now(UTC) - timedelta(days=40)
    Authority(place / "PKI").issue("old", "portal", place / "old", days=10, now=then)
    with running(place) as daemon:
        for pair in (place / "f" / "f", None, place / "f" / "f", place / "old" / "old", None):
            shake_hands(daemon.port, pair)
        with socket.create_connection(("127.0.0.1", daemon.port), DEADLINE) as plain:
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
            plain.recv(1)
        assert daemon.ask() >= 2
    assert sorted((said["address"], said["why"]) for said in refusals(daemon)) == [
        ("127.0.0.1", "it doesn't speak TLS"),
        ("127.0.0.1", "it shows no certificate"),
        ("127.0.0.1", "its certificate has expired"),
        ("127.0.0.1", "its certificate is of a foreign authority"),
    ]
    assert all(line.startswith("{") for line in daemon.said), "nothing of gRPC's own is in the log"


def test_who_wants_grpc_s_own_words_has_them(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("GRPC_VERBOSITY", "INFO")
    with running(place) as daemon:
        shake_hands(daemon.port, None)
    assert any("peer did not return a certificate" in line and "ssl_transport_security" in line for line in daemon.said)


def traced(error: str, peer: str) -> bytes:
    return (
        "I0000 00:00:1795937558.751889   28652 handshaker.cc:150] CallNextHandshakerLocked: "
        f"error=UNKNOWN: Ssl handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:{error} shutdown=false "
        f"index=2, args={{endpoint=0x7fd7, args={{grpc.internal.endpoint_peer_address={peer}, grpc.so_reuseport=0}}}}"
    ).encode()


@pytest.mark.parametrize(("error", "peer", "expected"), [
    ("0A000086:SSL routines::certificate verify failed: certificate has expired", "ipv4:192.0.2.1:51944",
     Refusal("192.0.2.1", "its certificate has expired")),
    ("1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: self-signed certificate",
     "ipv6:%5B2001:db8::1%5D:51944", Refusal("2001:db8::1", "its certificate is of a foreign authority")),
    ("0A0000C7:SSL routines::peer did not return a certificate", "ipv6:%5B::ffff:192.0.2.1%5D:9",
     Refusal("192.0.2.1", "it shows no certificate")),
    ("0A000126:SSL routines::no shared cipher", "unix:", Refusal("unix:", "no shared cipher")),
])  # fmt: skip
def test_what_grpc_says(error: str, peer: str, expected: Refusal) -> None:
    assert refusal_of(traced(error, peer)) == expected
    assert refusal_of(traced(error, peer).replace(b"Ssl handshake failed", b"Handshake read failed")) is None


def test_few_lines_are_spent_on_many_refusals() -> None:
    now = [0.0]
    sparing = LogLimit(60, 3, lambda: now[0])
    told = [sparing.worth(Refusal(f"192.0.2.{number % 5}", "x")) for number in range(10)]
    assert told == [(True, 0)] * 3 + [(False, 0)] * 7
    now[0] = 60
    assert sparing.worth(Refusal("192.0.2.9", "x")) == (True, 7)
    assert sparing.worth(Refusal("192.0.2.8", "x")) == (True, 0)


def test_what_is_not_grpc_s_is_passed_on_and_lines_may_come_in_pieces(capfd: pytest.CaptureFixture[str]) -> None:
    found: list[Refusal] = []
    handshakes = Handshakes()
    before = {name: os.environ.get(name) for name in ("GRPC_VERBOSITY", "GRPC_TRACE")}
    own = handshakes.divert()
    try:
        line = traced("0A0000C7:SSL routines::peer did not return a certificate", "ipv4:192.0.2.1:9") + b"\n"
        os.write(2, b"a library's word\n" + line[:50])
        handshakes.start(found.append)
        os.write(2, line[50:] + b"I0000 00:00:1.5 7 server.cc:1] nothing\nE not gRPC's\nno end")
        os.write(own, b"our own\n")
    finally:
        handshakes.end()
        handshakes.end()
        os.close(own)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    os.write(2, b"later\n")
    assert found == [Refusal("192.0.2.1", "it shows no certificate")]
    assert sorted(capfd.readouterr().err.splitlines()) == [
        "E not gRPC's",
        "a library's word",
        "later",
        "no end",
        "our own",
    ]
    assert not any(thread.name == "handshakes" for thread in threading.enumerate())
