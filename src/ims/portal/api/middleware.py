"""Around every request: limits on its size, an id, security headers, an audit line, and no traceback."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import partial

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ims.portal.api.connection import SLOWEST
from ims.portal.api.errors import FAULT, refusal
from ims.portal.api.threads import Threads
from ims.portal.auth.rate_limit import customer
from ims.portal.services import Services

API = "/api/v1"
QUIET = (f"{API}/health", f"{API}/version", f"{API}/openapi.json")  # asked often: no audit line
PAGES = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "img-src 'self' data:; style-src 'self' 'unsafe-inline'"
)
DATA = "default-src 'none'; frame-ancestors 'none'; sandbox"
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000"
TOO_MANY = (429, "too many requests from your address are being answered; wait for one of them")


class Envelope:
    """The outermost part of the application. What an endpoint puts into `scope["asked"]` goes to the audit line."""

    def __init__(self, app: ASGIApp, gate: Services, threads: Threads) -> None:
        self._app, self._gate, self._threads = app, gate, threads
        self._in_hand: Counter[str] = Counter()
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["asked"] = {}
        address = customer((scope.get("client") or ("", 0))[0])
        self._in_hand[address] += 1
        try:
            await self._serve(scope, receive, send, self._in_hand[address] > self._gate.limits.requests_each)
        finally:
            self._in_hand[address] -= 1
            if not self._in_hand[address]:
                del self._in_hand[address]

    async def _serve(self, scope: Scope, receive: Receive, send: Send, too_many: bool) -> None:
        id, began, started = secrets.token_hex(8), time.perf_counter(), False
        scope["request_id"] = id
        pace = Pace(self._gate.limits.stalled_seconds)
        metrics = self._gate.metrics

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message, scope, id)
                seconds = time.perf_counter() - began
                if metrics is not None:
                    metrics.answered(scope["path"].removeprefix(API), message["status"], seconds)
                await self._note(scope, id, message["status"], seconds)
            elif metrics is not None:
                metrics.sent(len(message.get("body", b"")))
            async with pace.within(len(message.get("body", b""))):
                await send(message)

        try:
            refused, body = (TOO_MANY, None) if too_many else await self._body(scope, receive)
            if refused is not None:
                status, line = refused
                headers = {"Connection": "close"} | ({"Retry-After": "1"} if status == 429 else {})
                await refusal(status, line, headers)(scope, receive, sent)
            elif body is not None:
                await self._app(scope, _again(body, receive), sent)
        except Exception as error:
            # A caller who reads nothing for so long is no fault of ours.
            log = self._log.info if isinstance(error, TimeoutError) and started else self._log.error
            log("request failed", request=id, path=scope["path"][:200], exc_info=error)
            if not started:
                await refusal(500, FAULT)(scope, receive, sent)

    async def _body(self, scope: Scope, receive: Receive) -> tuple[tuple[int, str] | None, bytes | None]:
        """Status and message if the request is refused; else its whole body, None if the caller has gone."""
        limits, headers = self._gate.limits, dict(scope["headers"])
        target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if target + sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > limits.head_bytes:
            return (431, f"the request's head is too large; at most {limits.head_bytes:,} bytes are taken"), None
        too_large = (413, f"the body is too large; at most {limits.body_bytes:,} bytes are taken")
        length = headers.get(b"content-length", b"0")
        if len(length) > 15 or not length.isdigit() or int(length) > limits.body_bytes:
            return too_large, None
        body = bytearray()
        try:
            async with asyncio.timeout(limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None, None
                    body += message.get("body", b"")
                    if len(body) > limits.body_bytes:
                        return too_large, None
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            return (408, f"the body didn't come within {limits.body_seconds:g} s"), None
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if body and scope["method"] == "POST" and kind != b"application/json":
            return (415, "the body's Content-Type isn't taken; expected application/json"), None
        return None, bytes(body)

    async def _note(self, scope: Scope, id: str, status: int, seconds: float) -> None:
        path = scope["path"]
        if path in QUIET or not path.startswith(API):
            return
        client, asked = (scope.get("client") or ("", 0))[0], scope["asked"]
        line = {"request": id, "client": client, "method": scope["method"], "path": path, **asked}
        line |= {"status": status, "seconds": round(seconds, 6)}
        audit = self._gate.audit
        # The role is there if a token or a password was right.
        write = audit.write if "role" in asked else partial(audit.write_unknown, customer(client))
        await self._threads.audit(partial(write, **line))


class Pace:
    """How long sending may wait for the caller: so many seconds each time and in all, one more each `SLOWEST` bytes."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._left = seconds, seconds

    @contextlib.asynccontextmanager
    async def within(self, octets: int) -> AsyncIterator[None]:
        """Raises TimeoutError where sending these takes too long."""
        self._left += octets / SLOWEST
        began = time.monotonic()
        async with asyncio.timeout(min(self._seconds, max(0.0, self._left))):
            yield
        self._left -= time.monotonic() - began


def _add_headers(message: Message, scope: Scope, id: str) -> None:
    policy = DATA if scope["path"].startswith("/api/") else PAGES
    added = {**HEADERS, "content-security-policy": policy, "x-request-id": id}
    if scope.get("scheme") == "https":
        added["strict-transport-security"] = HSTS
    headers = MutableHeaders(scope=message)
    for name, value in added.items():
        headers.setdefault(name, value)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body, once; then what comes from the caller."""
    first: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def received() -> Message:
        return next(first, None) or await receive()

    return received
