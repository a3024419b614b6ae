"""A caller's connection: request heads must come in time and be unambiguous; idle connections make room for others.

uvicorn's own timeout begins with the first response, at its limit it refuses new connections, and a caller who reads
nothing keeps a connection that it has closed. Here a head must come in time from the start, one address has so many
connections, at the limit of all one that waits for its caller makes room, and closing takes a bounded time.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ims.portal.api.descriptors import Listening
from ims.portal.api.framing import Strict
from ims.portal.auth.rate_limit import customer

HEAD_SECONDS = 10.0
HEAD_BYTES = 128 << 10  # more than the API takes, which refuses a large head with its own message
PLACES, EACH = 512, 64
CLOSING_SECONDS = 10.0
SLOWEST = 8192  # bytes a second that a caller must read on average; also bounds the time to close


class Patient(H11Protocol):
    """A connection. `places`: most of all; `each`: of one address, but for `proxies`, behind which many callers are."""

    _deadline: asyncio.TimerHandle | None = None
    since = 0.0  # when it began to wait for its caller
    served = False  # whether a request of it was answered
    head_seconds = HEAD_SECONDS
    listening: Listening | None = None  # the socket that accepted it

    def __init__(
        self, *words: Any, places: int = PLACES, each: int = EACH, proxies: tuple[str, ...] = (), **named: Any
    ) -> None:
        super().__init__(*words, **named)
        self.conn = Strict(self.config.h11_max_incomplete_event_size or HEAD_BYTES)
        self._places, self._each, self._proxies = places, each, proxies
        self._app, self.app = self.app, self._answered
        self.address: str | None = None

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def waits(self) -> bool:
        """Whether it waits for its caller: for a head, for a body, or to be read."""
        return self.idle or self.cycle.more_body or self.flow.write_paused

    @property
    def unfinished(self) -> bool:
        """Whether it waits in the middle of something, and isn't merely kept alive."""
        return not self.served or not self.idle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is open, and so is TLS if it is used: perhaps another has to make room."""
        if self.listening is not None:
            self.listening.established(transport.get_extra_info("socket").fileno())
        known = [connection for connection in self.connections if isinstance(connection, Patient)]
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        self.address = None if host in self._proxies else customer(host)
        mine = [connection for connection in known if connection.address == self.address]
        full = mine if self.address is not None and len(mine) >= self._each else known
        if (full is mine or len(known) >= self._places) and not _evict_one_of(full):
            self._refuse(429, "too many connections; come again", (b"retry-after", b"10"))
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Part of a request. The time for a head counts from when it could begin."""
        super().data_received(data)
        if not self.idle:
            self._stop_waiting()
        elif self._deadline is None:
            self._wait_for_head()

    def on_response_complete(self) -> None:
        """uvicorn's timeout for the next request begins; so does ours for its head."""
        self.since, self.served = self.loop.time(), True
        super().on_response_complete()
        if self.transport.is_closing():
            self._end_soon()
        elif self.idle and self._deadline is None and self.conn.trailing_data[0]:
            self._wait_for_head()  # one has begun

    def timeout_keep_alive_handler(self) -> None:
        """No other request came."""
        super().timeout_keep_alive_handler()
        self._end_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request."""
        self._refuse(400, "malformed or ambiguous request")

    def evict(self) -> None:
        """Make room."""
        self.connections.discard(self)
        self.transport.abort()

    async def _answered(self, scope: Any, receive: Any, send: Any) -> None:
        """The application. A response that it doesn't finish is aborted."""
        cycle = self.cycle
        self.since = self.loop.time()
        try:
            await self._app(scope, receive, send)
        finally:
            if not cycle.response_complete:
                self.loop.call_soon(self.transport.abort)

    def _refuse(self, status: int, error: str, *more: tuple[bytes, bytes]) -> None:
        """Close, with an error unless a response has begun."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body, reason = json.dumps({"error": error}).encode(), HTTPStatus(status).phrase.encode()
            content = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            headers = [*content, (b"connection", b"close"), *more]
            for event in (h11.Response(status_code=status, headers=headers, reason=reason), h11.Data(data=body)):
                self.transport.write(self.conn.send(event) or b"")
            self.conn.send(h11.EndOfMessage())
        self.transport.close()
        self._end_soon()

    def _end_soon(self) -> None:
        """Closing waits until all is read, but not for ever."""
        seconds = CLOSING_SECONDS + self.transport.get_write_buffer_size() / SLOWEST
        self.loop.call_later(seconds, self.transport.abort)

    def _wait_for_head(self) -> None:
        self.since = self.loop.time()
        self._deadline = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _evict_one_of(connections: Iterable[Patient]) -> bool:
    """Evict one that waits for its caller, if there is one: of the address that has most of those, unfinished ones
    before those kept alive, the oldest first."""
    waiting = [connection for connection in connections if connection.waits]
    if not waiting:
        return False
    many = Counter(connection.address for connection in waiting if connection.address is not None)
    min(waiting, key=lambda it: (-many.get(it.address or "", 1), not it.unfinished, it.since)).evict()
    return True
