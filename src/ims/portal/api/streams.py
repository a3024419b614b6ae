"""A response that releases what it holds however it ends: whole, cut off, or never begun."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Held(Response):
    """Another response, whose pieces are closed, and then `let_go` called once, when nothing is sent any more."""

    def __init__(self, inner: Response, let_go: Callable[[], None]) -> None:
        super().__init__(status_code=inner.status_code)
        self._inner, self._let_go = inner, let_go

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await self._inner(scope, receive, send)
        finally:
            pieces = getattr(self._inner, "body_iterator", None)
            try:
                with anyio.CancelScope(shield=True):
                    if isinstance(pieces, AsyncGenerator):
                        await pieces.aclose()
            finally:
                self._let_go()
