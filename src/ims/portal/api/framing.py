"""Where one request ends and the next begins, unambiguously: RFC 9112, sections 2.2, 5.2, 6.1 and 6.3.

A request that a proxy's parser and ours read differently can be smuggled past the proxy. h11 takes such heads where the
RFC allows it; here they are refused with 400, and the connection is closed.
"""

from __future__ import annotations

import re
from typing import Any

import h11

_END = re.compile(rb"\n\r?\n")


class Strict(h11.Connection):
    """A server's side of a connection. `next_event` raises h11.RemoteProtocolError for a head that is ambiguous."""

    def __init__(self, most: int) -> None:
        super().__init__(h11.SERVER, most)
        self._head = bytearray()

    def receive_data(self, data: bytes) -> None:
        """As h11's; a head is kept as it came until it is complete."""
        if self.their_state is h11.IDLE:
            self._head += data
        super().receive_data(data)

    def next_event(self) -> Any:
        """As h11's."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            head, self._head = self._head, bytearray()
            end = _END.search(head)
            complaint = ambiguity(bytes(head[: end.end() if end else len(head)]), event)
            if complaint is not None:
                raise h11.RemoteProtocolError(complaint)
        return event

    def start_next_cycle(self) -> None:
        """As h11's: what is left is the beginning of the next head."""
        super().start_next_cycle()
        self._head = bytearray(self.trailing_data[0])


def ambiguity(head: bytes, request: h11.Request) -> str | None:
    """Why a head, as it came and as h11 read it, is refused; None: it is unambiguous."""
    lines = head.split(b"\n")[:-1]
    if any(not line.endswith(b"\r") for line in lines):
        return "a line of the head ends without a carriage return (RFC 9112, 2.2)"
    if any(line[:1] in (b" ", b"\t") for line in lines):
        return "a line of the head is folded (RFC 9112, 5.2)"
    fields = [(name.lower(), value) for name, _, value in (line.partition(b":") for line in lines[1:])]
    coded = any(name == b"transfer-encoding" for name, _ in fields)
    lengths = [value for name, value in fields if name == b"content-length"]
    if coded and lengths:
        return "both Content-Length and Transfer-Encoding (RFC 9112, 6.3)"
    if len(lengths) > 1 or any(b"," in value for value in lengths):
        return "more than one Content-Length (RFC 9112, 6.3)"
    if coded and request.http_version < b"1.1":
        return "Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1)"
    return None
