"""How uvicorn serves the API: limits on heads, connections and patience, so that slow and idle callers harm nobody.

uvicorn's own timeout begins with a connection's first answer, and at its limit of connections it turns new ones away.
Here a head has to come in time from the start, and at the limit the connection that has been idle longest makes room.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
IDLE_SECONDS = 20
HEAD_BYTES = 128 << 10
"""More than the API takes, which refuses a large head in its own words."""
CONNECTIONS = 512


class Patient(H11Protocol):
    """A connection with a deadline for each head."""

    _deadline: asyncio.TimerHandle | None = None
    idle_since = 0.0
    head_seconds = HEAD_SECONDS

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller has come: perhaps another has to go."""
        most = self.limit_concurrency
        # One below uvicorn's own limit, which would answer with 503.
        if most is not None and len(self.connections) >= most - 1:
            idle = [known for known in self.connections if isinstance(known, Patient) and known.idle]
            if idle:
                oldest = min(idle, key=lambda known: known.idle_since)
                self.connections.discard(oldest)
                oldest.transport.abort()
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Part of a request: a head that has begun has its time from when it could begin."""
        super().data_received(data)
        if not self.idle:
            self._stop_waiting()
        elif self._deadline is None:
            self._wait_for_head()

    def on_response_complete(self) -> None:
        """uvicorn's timeout for the next request begins; so does ours for its head."""
        super().on_response_complete()
        self.idle_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self.idle_since = self.loop.time()
        self._deadline = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def serve_settings(*, connections: int = CONNECTIONS, proxies: tuple[str, ...] = ()) -> dict[str, Any]:
    """Settings for `uvicorn.Config`. `connections`: open at a time, each a file descriptor; `proxies`: addresses whose
    X-Forwarded-For is believed."""
    return {
        "http": Patient,
        "ws": "none",
        "h11_max_incomplete_event_size": HEAD_BYTES,
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": 5,
        "limit_concurrency": connections,
        "backlog": 1024,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "proxy_headers": bool(proxies),
        "forwarded_allow_ips": list(proxies),
    }
