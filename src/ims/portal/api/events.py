"""`/events`: the live view as server-sent events (HTML Living Standard, 9.2)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from ims.portal.api.callers import Anyone, Bearer, gate_of, note, threads_of
from ims.portal.api.errors import documented, later, without_places
from ims.portal.api.streams import Held
from ims.portal.api.threads import Threads
from ims.portal.auth.roles import Caller
from ims.portal.services import Event, Services
from ims.text import quantity

router = APIRouter(tags=["live"])
HEARTBEAT = b": still here\n\n"
_KIND = re.compile(r"[a-z_]{1,40}")
_EXAMPLE = 'event: packets\ndata: {"time": "2026-03-04T05:00:01Z", "block": "C/24", "packets": 37}\n\n'
_EVENT = {"type": "object", "properties": {"event": {"type": "string"}, "data": {"type": "string"}}}
_CONTENT = {"text/event-stream": {"schema": _EVENT, "example": _EXAMPLE}}
_RESPONSES = documented("Events; a comment when there is none for a while", _CONTENT, 401, 413, 415, 429, 503)


class Listeners:
    """How many event streams each caller has, and all together."""

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self._of: Counter[str] = Counter()

    def come(self, who: str) -> None:
        """Count one more. Refuses with 429 or 503 where there are too many."""
        if self._of[who] >= self._each:
            raise later(10, f"you have {quantity(self._each, 'event stream')} already; close one")
        if self._of.total() >= self._most:
            raise later(60, "too many event streams are open", 503)
        self._of[who] += 1

    def go(self, who: str) -> None:
        """Count one less."""
        self._of -= Counter([who])  # without those who have none

    def __len__(self) -> int:
        return self._of.total()


@router.get("/events", summary="The live view; later for viewers", response_class=Response, responses=_RESPONSES)
async def events(request: Request, caller: Anyone, token: Bearer) -> Response:
    """What is happening, as server-sent events. Ends when the token does."""
    gate, listeners = gate_of(request), request.app.state.listeners
    note(request, verb="events")
    assert token is not None
    listeners.come(caller.name)
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    stream = _stream(gate, threads_of(request), caller, token.credentials)
    return Held(StreamingResponse(stream, headers=headers), partial(listeners.go, caller.name))


async def _stream(gate: Services, threads: Threads, caller: Caller, secret: str) -> AsyncGenerator[bytes]:
    news = gate.events(caller.role)
    coming: asyncio.Future[Event] | None = None
    checked = asyncio.get_running_loop().time()
    try:
        yield HEARTBEAT
        while True:
            coming = coming or asyncio.ensure_future(anext(news))
            done, _ = await asyncio.wait([coming], timeout=gate.limits.heartbeat_seconds)
            now = asyncio.get_running_loop().time()
            if now - checked >= gate.limits.heartbeat_seconds:
                checked = now
                if await threads.accounts(partial(gate.accounts.check_token, secret)) != caller:
                    return
            if not done:
                yield HEARTBEAT
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            finally:
                coming = None
            yield written(event if caller.role == "operator" else _without_addresses(event))
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait([coming])
            if not coming.cancelled():
                coming.exception()
        if isinstance(news, AsyncGenerator):
            with contextlib.suppress(Exception):
                await news.aclose()


def _without_addresses(event: Event) -> Event:
    """News for others than operators: the reason why a sensor is silent may contain its address."""
    why = event.data.get("why")
    return Event(event.kind, {**event.data, "why": without_places(why)}) if why else event


def written(event: Event) -> bytes:
    """An event as octets. JSON in ASCII has no line breaks, so no event can be forged."""
    if _KIND.fullmatch(event.kind) is None:
        raise ValueError(f"event kind {event.kind!r}: expected small letters and _")
    return f"event: {event.kind}\ndata: {json.dumps(event.data, ensure_ascii=True, default=str)}\n\n".encode("ascii")
