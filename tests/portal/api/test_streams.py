"""A streamed response lets go of what it holds once, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from ims.portal.api.streams import Held

PIECES = [b"one ", b"", b"two ", b"three"]
SCOPES: list[dict[str, Any]] = [{"type": "http", "asgi": {"spec_version": version}} for version in ("2.0", "2.4")]
"""Of servers that tell of a caller who has gone by a message, and by an error of `send`."""


class Sent:
    """What a response sends, to a caller who goes after so many messages; and what becomes of what it holds."""

    def __init__(self, gone_after: int = 1000) -> None:
        self.messages: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.gone_after = gone_after
        self.held = Held(StreamingResponse(self.pieces(), headers={"x-kind": "test"}), self.let_go)

    async def pieces(self) -> AsyncGenerator[bytes]:
        self.events.append("begun")
        try:
            for piece in PIECES:
                yield piece
        finally:
            await asyncio.sleep(0)  # as one that takes a lock
            self.events.append("ended")

    def let_go(self) -> None:
        self.events.append("let go")

    async def receive(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Any) -> None:
        if len(self.messages) >= self.gone_after:
            raise OSError("the caller has gone")
        self.messages.append(message)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_whole_answer_is_let_go_of_after_its_last_octet(scope: dict[str, Any]) -> None:
    sent = Sent()
    asyncio.run(sent.held(scope, sent.receive, sent.send))
    assert b"".join(message.get("body", b"") for message in sent.messages) == b"".join(PIECES)
    assert (b"x-kind", b"test") in sent.messages[0]["headers"]
    assert not sent.messages[-1]["more_body"]
    assert sent.events == ["begun", "ended", "let go"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("gone_after", [1, 2, 3, 5])
def test_an_answer_that_is_cut_off_is_ended_and_let_go_of(scope: dict[str, Any], gone_after: int) -> None:
    sent = Sent(gone_after)
    with pytest.raises((OSError, ClientDisconnect, ExceptionGroup)):
        asyncio.run(sent.held(scope, sent.receive, sent.send))
    assert sent.events == ["begun", "ended", "let go"]


@pytest.mark.parametrize("scope", SCOPES)
def test_an_answer_that_never_began_is_let_go_of(scope: dict[str, Any]) -> None:
    sent = Sent(0)
    with pytest.raises((OSError, ClientDisconnect, ExceptionGroup)):
        asyncio.run(sent.held(scope, sent.receive, sent.send))
    assert sent.events == ["let go"]


def test_a_caller_who_goes_between_two_pieces_is_noticed_and_all_is_let_go_of() -> None:
    sent, begun = Sent(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await sent.send(message)
        if len(sent.messages) == 3:
            begun.set()
            await asyncio.Event().wait()

    asyncio.run(sent.held(SCOPES[0], receive, send))
    assert len(sent.messages) == 3
    assert sent.events == ["begun", "ended", "let go"]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_request_that_is_cancelled_lets_go_before_it_ends(scope: dict[str, Any]) -> None:
    sent = Sent()

    async def main() -> None:
        stuck = asyncio.Event()

        async def send(message: Any) -> None:
            await sent.send(message)
            if len(sent.messages) == 2:
                stuck.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(sent.held(scope, sent.receive, send))
        await stuck.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert sent.events == ["begun", "ended", "let go"]


def test_whoever_runs_it_may_end_its_scope_and_it_lets_go_all_the_same() -> None:
    """As a middleware's task group does, in which nothing more may be awaited."""
    sent = Sent()

    async def main() -> None:
        with anyio.CancelScope() as scope:

            async def send(message: Any) -> None:
                await sent.send(message)
                if len(sent.messages) == 2:
                    scope.cancel()
                    await asyncio.Event().wait()

            await sent.held(SCOPES[1], sent.receive, send)
        assert scope.cancelled_caught

    asyncio.run(main())
    assert sent.events == ["begun", "ended", "let go"]
