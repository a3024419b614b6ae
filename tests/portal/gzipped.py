"""A server that speaks as little gRPC as it takes to answer every call with one message that gRPC's gzip has folded."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
ACK, END_STREAM, END_HEADERS = 1, 1, 4
MOST = 16_384
"""Octets of a frame (RFC 9113, 4.2)."""


def _frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def _literal(name: bytes, value: bytes) -> bytes:
    """A header that isn't indexed (RFC 7541, 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _read(connection: socket.socket, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        more = connection.recv(count - len(octets))
        if not more:
            raise ConnectionError
        octets += more
    return octets


def _answer(connection: socket.socket, message: bytes) -> None:
    """Until the caller goes."""
    _read(connection, len(PREFACE))
    connection.sendall(_frame(SETTINGS, 0, 0))
    head = b"\x88" + _literal(b"content-type", b"application/grpc") + _literal(b"grpc-encoding", b"gzip")
    while True:
        length, kind, flags, stream = _split(_read(connection, 9))
        body = _read(connection, length)
        if kind in (SETTINGS, PING) and not flags & ACK:
            connection.sendall(_frame(kind, ACK, 0, body if kind == PING else b""))
        if kind == HEADERS:
            connection.sendall(_frame(HEADERS, END_HEADERS, stream, head))
            for at in range(0, len(message), MOST):
                connection.sendall(_frame(DATA, 0, stream, message[at : at + MOST]))
            connection.sendall(_frame(HEADERS, END_HEADERS | END_STREAM, stream, _literal(b"grpc-status", b"0")))


def _split(head: bytes) -> tuple[int, int, int, int]:
    return int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")


@contextlib.contextmanager
def gzipping(octets: int) -> Iterator[int]:
    """Its port; each message unfolds to so many zeros. It has to fit into a stream's first window of 64 KiB."""
    folded = gzip.compress(bytes(octets))
    message = b"\x01" + len(folded).to_bytes(4, "big") + folded
    assert len(message) < 65_535
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, contextlib.suppress(OSError):
                        _answer(connection, message)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(60)
