"""Passwords take turns: who has tried least is next, nobody waits for long, and who goes leaves no trace."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from fastapi import HTTPException
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.portal.api import threads
from ims.portal.api.threads import PasswordQueue, Threads

from ...effort import examples


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What work waits for; opened in the end, so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()


async def asked(queue: PasswordQueue, who: str, order: list[str]) -> asyncio.Task[None]:
    """A password of `who` that waits for its turn, or has it."""
    task = asyncio.create_task(queue.run(who, lambda: order.append(who)))
    await asyncio.sleep(0)
    return task


@settings(max_examples=examples(100, 20))
@given(st.lists(st.sampled_from("abcd"), max_size=12))
def test_who_has_tried_least_is_next_and_of_equals_who_came_first(callers: list[str]) -> None:
    order: list[str] = []
    gate = threading.Event()

    async def main() -> None:
        queue = PasswordQueue("test")
        first = asyncio.create_task(queue.run("first", gate.wait))
        await asyncio.sleep(0)
        waiting = [await asked(queue, who, order) for who in callers]
        assert order == []
        gate.set()
        await asyncio.gather(first, *waiting)
        queue.close()

    asyncio.run(main())
    tries = [callers[:at].count(who) for at, who in enumerate(callers)]
    assert order == [callers[at] for at in sorted(range(len(callers)), key=lambda at: (tries[at], at))]


def test_where_too_many_wait_whoever_tried_most_is_told_to_come_again(gate: threading.Event) -> None:
    order: list[str] = []

    async def main() -> None:
        queue = PasswordQueue("test", waiting=2)
        held = asyncio.create_task(queue.run("flood", gate.wait))
        await asyncio.sleep(0)
        flood = [await asked(queue, "flood", order) for _ in range(2)]
        guest = await asked(queue, "guest", order)
        with pytest.raises(HTTPException) as refused:
            await flood[1]
        assert refused.value.status_code == 503
        assert int((refused.value.headers or {})["Retry-After"]) > 0
        gate.set()
        await asyncio.gather(held, flood[0], guest)
        queue.close()

    asyncio.run(main())
    assert order == ["guest", "flood"]


def test_a_right_password_is_forgotten_as_a_try(gate: threading.Event) -> None:
    order: list[str] = []

    async def main() -> None:
        queue = PasswordQueue("test")
        for _ in range(3):
            await queue.run("clumsy", int)
        await queue.run("wrong", int)
        queue.forget("clumsy")
        queue.forget("who was never here")
        held = asyncio.create_task(queue.run("x", gate.wait))
        await asyncio.sleep(0)
        waiting = [await asked(queue, who, order) for who in ("wrong", "clumsy")]
        gate.set()
        await asyncio.gather(held, *waiting)
        queue.close()

    asyncio.run(main())
    assert order == ["clumsy", "wrong"]


def test_who_goes_before_or_in_his_turn_keeps_nobody_out(gate: threading.Event) -> None:
    order: list[str] = []

    async def main() -> None:
        queue = PasswordQueue("test")
        held = asyncio.create_task(queue.run("gone in his turn", gate.wait))
        await asyncio.sleep(0)
        gone, stays = await asked(queue, "gone while waiting", order), await asked(queue, "stays", order)
        for task in (held, gone):
            task.cancel()
        assert {type(found) for found in await asyncio.gather(held, gone, return_exceptions=True)} == {
            asyncio.CancelledError
        }
        assert order == [], "the thread is busy with what its caller has left"
        gate.set()
        await stays
        await queue.run("later", lambda: order.append("later"))
        queue.close()

    asyncio.run(main())
    assert order == ["stays", "later"]


def test_who_goes_just_as_his_turn_comes_passes_it_on(gate: threading.Event) -> None:
    class Leaving(PasswordQueue):
        """One whose next caller goes between his turn and what he does with it."""

        leaving: asyncio.Task[None] | None = None

        def _next(self) -> None:
            super()._next()
            if self.leaving is not None:
                self.leaving.cancel()
                self.leaving = None

    order: list[str] = []

    async def main() -> None:
        queue = Leaving("test")
        held = asyncio.create_task(queue.run("x", gate.wait))
        await asyncio.sleep(0)
        queue.leaving, stays = await asked(queue, "gone", order), await asked(queue, "stays", order)
        gate.set()
        await held
        await stays
        queue.close()

    asyncio.run(asyncio.wait_for(main(), 60))
    assert order == ["stays"]


def test_a_fault_is_its_caller_s_and_the_next_has_his_turn() -> None:
    async def main() -> None:
        queue = PasswordQueue("test")
        found = await asyncio.gather(queue.run("a", lambda: 1 // 0), queue.run("b", int), return_exceptions=True)
        assert isinstance(found[0], ZeroDivisionError)
        assert found[1] == 0
        queue.close()

    asyncio.run(main())


def test_who_has_waited_too_long_is_told_to_come_again(gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "PATIENCE", 0.0)

    async def main() -> None:
        queue = PasswordQueue("test")
        held = asyncio.create_task(queue.run("x", gate.wait))
        await asyncio.sleep(0)
        with pytest.raises(HTTPException) as refused:
            await queue.run("late", int)
        assert refused.value.status_code == 503
        gate.set()
        assert await held
        assert await queue.run("x", int) == 0
        queue.close()

    asyncio.run(main())


def test_a_held_password_and_the_audit_keep_no_token_waiting_and_what_was_answered_is_written(
    gate: threading.Event,
) -> None:
    written: list[int] = []

    async def main() -> None:
        found = Threads()
        held = asyncio.create_task(found.strangers.run("x", gate.wait))
        slow = asyncio.create_task(found.audit(lambda: (gate.wait(), written.append(1))[1]))
        await asyncio.sleep(0)
        assert await found.accounts(int) == 0
        assert await found.known.run("x", int) == 0
        gate.set()
        found.close()
        assert written == [1]
        await asyncio.gather(held, slow)

    asyncio.run(main())
