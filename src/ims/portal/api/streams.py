"""A response that is streamed, and lets go of what it holds however it ends: whole, cut off, or never begun."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Held(StreamingResponse):
    """A streamed response. `let_go` is called once, when nothing is sent any more."""

    def __init__(
        self, pieces: AsyncGenerator[bytes], headers: Mapping[str, str], let_go: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(pieces, headers=headers)
        self._pieces, self._let_go = pieces, let_go

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._pieces.aclose()
                await self._let_go()
