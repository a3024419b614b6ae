"""A queue of tasks: callers in rotation, bounded, and a question that takes too long keeps its place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from fastapi import HTTPException

from ims.portal.api.task_queue import SHORT, TaskQueue


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What work waits for; opened in the end, so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()


def test_callers_take_turns(gate: threading.Event) -> None:
    order: list[str] = []

    async def main() -> None:
        turns = TaskQueue(places=1, each=10)
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
def test_one_who_floods_has_half_of_the_places(gate: threading.Event, places: int) -> None:
    async def main() -> None:
        turns = TaskQueue(places=places, each=10)
        held = [asyncio.create_task(turns.run("greedy", 60, gate.wait)) for _ in range(places + 2)]
        await asyncio.sleep(0)
        assert (turns.running, turns.waiting) == (places // 2, places // 2 + 2)
        for _ in range(3):
            assert await turns.run("other", 60, int) == 0, "nothing of the greedy one's has ended"
        assert turns.running == places // 2
        gate.set()
        await asyncio.gather(*held)
        assert (turns.running, turns.waiting) == (0, 0)
        turns.close()

    asyncio.run(main())


def test_kept_places_are_for_who_asks_short_questions_one_each(gate: threading.Event) -> None:
    async def main() -> None:
        turns = TaskQueue(places=4, each=10, kept=2)
        for who in ("a", "b"):
            await turns.run(who, 60, int, lambda: 10 * SHORT)
        heavy = [asyncio.create_task(turns.run(who, 60, gate.wait)) for who in ("a", "b", "a", "b")]
        await asyncio.sleep(0)
        assert (turns.running, turns.waiting) == (2, 2), "of four places, for all there is to wait for"
        assert await turns.run("c", 60, int) == 0
        light = [asyncio.create_task(turns.run("c", 60, gate.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        assert (turns.running, turns.waiting) == (3, 3), "one of the kept places each"
        for _ in range(3):
            assert await turns.run("d", 60, int) == 0
        gate.set()
        await asyncio.gather(*heavy, *light)
        assert (turns.running, turns.waiting) == (0, 0)
        turns.close()

    asyncio.run(main())


def test_no_number_of_short_questions_takes_the_places_of_long_ones(gate: threading.Event) -> None:
    """Twenty who ask short ones without end; in its turn the long one is answered."""

    async def main() -> None:
        turns = TaskQueue(places=4, each=10, kept=2)
        await turns.run("long", 60, int, lambda: 10 * SHORT)
        ended = asyncio.Event()

        async def ask_on(who: str) -> None:
            while not ended.is_set():
                await turns.run(who, 60, int)

        asking = [asyncio.create_task(ask_on(f"short {number}")) for number in range(20)]
        await asyncio.sleep(0)
        assert await turns.run("long", 60, int) == 0
        ended.set()
        await asyncio.gather(*asking)
        assert (turns.running, turns.waiting) == (0, 0)
        turns.close()

    asyncio.run(main())


def test_a_kept_place_goes_to_whoever_asks_the_shortest(gate: threading.Event) -> None:
    order: list[str] = []

    async def main() -> None:
        turns = TaskQueue(places=2, each=10, kept=1)
        for who, seconds in (("long", 10 * SHORT), ("short", SHORT / 2), ("shorter", SHORT / 4), ("other", SHORT / 8)):
            await turns.run(who, 60, int, lambda seconds=seconds: seconds)
        held = [asyncio.create_task(turns.run("long", 60, gate.wait))]
        await asyncio.sleep(0)
        until_now = threading.Event()
        first = asyncio.create_task(turns.run("other", 60, until_now.wait))
        await asyncio.sleep(0)
        asked = []
        for who in ("long", "short", "shorter", "short"):
            asked.append(asyncio.create_task(turns.run(who, 60, lambda who=who: order.append(who))))
            await asyncio.sleep(0)
        until_now.set()
        await asyncio.gather(first, *asked[1:])
        assert not asked[0].done()
        gate.set()
        await asyncio.gather(*held, *asked)
        turns.close()

    asyncio.run(main())
    assert order == ["shorter", "short", "short", "long"]


def test_nobody_has_more_than_his_share(gate: threading.Event) -> None:
    async def main() -> None:
        turns = TaskQueue(places=1, each=2, waiting=2)
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
        turns = TaskQueue(places=1, each=5)
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
        turns = TaskQueue(places=1, each=5)
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
        turns = TaskQueue(places=1, each=1)
        for _ in range(3):
            with pytest.raises(ValueError, match="invalid literal"):
                await turns.run("a", 60, lambda: int("x"))
        turns.close()

    asyncio.run(main())
