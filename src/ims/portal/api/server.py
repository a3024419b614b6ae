"""How uvicorn serves the API: limits on request heads, connections and times, against slow and idle callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from ims.portal.api.connection import EACH, HEAD_BYTES, HEAD_SECONDS, PLACES, Patient
from ims.portal.api.descriptors import Listening

IDLE_SECONDS = 20


class Loop(asyncio.SelectorEventLoop):
    """asyncio's. A TLS handshake has as long as a request head; a `Listening` socket hears when it is done."""

    async def create_server(self, *words: Any, **named: Any) -> asyncio.Server:
        """As asyncio's."""
        factory, *others = words
        if isinstance(named.get("sock"), Listening):
            factory = partial(_accepted, named["sock"], factory)
        if named.get("ssl") is not None:
            named["ssl_handshake_timeout"] = HEAD_SECONDS
            named["ssl_shutdown_timeout"] = HEAD_SECONDS
        return await super().create_server(factory, *others, **named)


def _accepted(listening: Listening, factory: Callable[[], Any]) -> Any:
    """The protocol of a connection that this socket accepts."""
    protocol = factory()
    if isinstance(protocol, Patient):
        protocol.listening = listening
    return protocol


def serve_settings(
    *, connections: int = PLACES, connections_each: int = EACH, proxies: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Settings for `uvicorn.Config`. `connections`: open at a time, each a file descriptor; `connections_each`: of one
    address; `proxies`: addresses whose X-Forwarded-For is believed."""
    return {
        "http": partial(Patient, places=connections, each=connections_each, proxies=proxies),
        "loop": f"{__name__}:Loop",
        "ws": "none",
        "h11_max_incomplete_event_size": HEAD_BYTES,
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": 5,
        "backlog": 1024,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "log_level": "error",  # with a line for each malformed head, anybody could fill the log
        "proxy_headers": bool(proxies),
        "forwarded_allow_ips": list(proxies),
    }
