"""Turns: callers in rotation, bounded, and a question that takes too long keeps its place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from fastapi import HTTPException

from ims.portal.api.turns import Turns


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What work waits for; opened in the end, so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()


def test_callers_take_turns(gate: threading.Event) -> None:
    order: list[str] = []

    async def main() -> None:
        turns = Turns(places=1, each=10)
        first = asyncio.create_task(turns.run("x", 60, gate.wait))
        await asyncio.sleep(0)
        asked = []
        for who in ("greedy", "greedy", "greedy", "a", "b"):
            asked.append(asyncio.create_task(turns.run(who, 60, lambda who=who: order.append(who))))
            await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *asked)
        turns.close()

    asyncio.run(main())
    assert order == ["greedy", "a", "b", "greedy", "greedy"]


@pytest.mark.parametrize("places", [2, 4])
def test_one_who_floods_leaves_a_place_to_others(gate: threading.Event, places: int) -> None:
    async def main() -> None:
        turns = Turns(places=places, each=10)
        held = [asyncio.create_task(turns.run("greedy", 60, gate.wait)) for _ in range(places + 2)]
        await asyncio.sleep(0)
        assert (turns.running, turns.waiting) == (places - 1, 3)
        for _ in range(3):
            assert await turns.run("other", 60, int) == 0, "nothing of the greedy one's has ended"
        assert turns.running == places - 1
        gate.set()
        await asyncio.gather(*held)
        assert (turns.running, turns.waiting) == (0, 0)
        turns.close()

    asyncio.run(main())


def test_nobody_has_more_than_his_share(gate: threading.Event) -> None:
    async def main() -> None:
        turns = Turns(places=1, each=2, waiting=2)
        held = [asyncio.create_task(turns.run("a", 60, gate.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(HTTPException) as found:
            await turns.run("a", 60, int)
        assert found.value.status_code == 429
        held.append(asyncio.create_task(turns.run("b", 60, gate.wait)))
        await asyncio.sleep(0)
        with pytest.raises(HTTPException) as found:
            await turns.run("c", 60, int)
        assert found.value.status_code == 503
        gate.set()
        await asyncio.gather(*held)
        assert await turns.run("a", 60, int) == 0
        turns.close()

    asyncio.run(main())


def test_what_takes_too_long_is_given_up_and_keeps_its_place(gate: threading.Event) -> None:
    async def main() -> None:
        turns = Turns(places=1, each=5)
        for _ in range(2):  # one in its thread, one that waited for it
            with pytest.raises(HTTPException) as found:
                await turns.run("a", 0.01, gate.wait)
            assert (found.value.status_code, found.value.headers) == (503, {"Retry-After": "1"})
        gate.set()
        assert await turns.run("b", 60, int) == 0
        turns.close()

    asyncio.run(main())


def test_who_goes_while_waiting_leaves_no_trace(gate: threading.Event) -> None:
    async def main() -> None:
        turns = Turns(places=1, each=5)
        held = asyncio.create_task(turns.run("a", 60, gate.wait))
        await asyncio.sleep(0)
        gone = asyncio.create_task(turns.run("b", 60, int))
        after = asyncio.create_task(turns.run("c", 60, int))
        await asyncio.sleep(0)
        gone.cancel()
        gate.set()
        assert await after == 0
        await held
        assert await turns.run("b", 60, int) == 0
        turns.close()

    asyncio.run(main())


def test_a_fault_is_the_asker_s_and_frees_the_place() -> None:
    async def main() -> None:
        turns = Turns(places=1, each=1)
        for _ in range(3):
            with pytest.raises(ValueError, match="invalid literal"):
                await turns.run("a", 60, lambda: int("x"))
        turns.close()

    asyncio.run(main())
