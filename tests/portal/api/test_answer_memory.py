"""Room for answers: large ones wait for one another, small ones for none, and nobody has it all."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.api.answer_memory import EACH, ROW, SMALL, AnswerMemory, Share, room_for
from ims.portal.services import Limits

from .served import world

LARGE = SMALL + 1


def test_large_ones_wait_small_ones_do_not() -> None:
    async def asked() -> None:
        holding = AnswerMemory(4 * LARGE)
        whole = await holding.take("operator", 1 << 40, 60)  # what could never fit has all there is
        waiting = asyncio.create_task(holding.take("analyst", LARGE, 60))
        small = await holding.take("viewer", SMALL, 60)
        assert not waiting.done()
        whole.release()
        (await waiting).release()
        small.release()
        assert holding.held.total() == 0

    asyncio.run(asked())


def test_one_caller_has_half_and_those_behind_him_have_the_rest() -> None:
    async def asked() -> None:
        holding = AnswerMemory(4 * LARGE)
        mine = [await holding.take("a", LARGE, 60) for _ in range(2)]
        third = asyncio.create_task(holding.take("a", LARGE, 60))
        await asyncio.sleep(0)
        others = [await holding.take(who, LARGE, 60) for who in "bc"]
        assert not third.done()
        mine[0].release()
        mine.append(await third)
        with pytest.raises(HTTPException) as late:
            await holding.take("d", LARGE, 0.01)
        assert (late.value.status_code, late.value.headers) == (503, {"Retry-After": "10"})
        waiting = [asyncio.create_task(holding.take("a", LARGE, 60)) for _ in range(EACH)]
        await asyncio.sleep(0)
        with pytest.raises(HTTPException) as many:
            await holding.take("a", LARGE, 60)
        assert many.value.status_code == 429
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for share in (*mine[1:], *others):
            share.release()
        assert holding.held.total() == 0

    asyncio.run(asked())


def test_what_a_thread_goes_on_with_is_held_until_it_ends() -> None:
    async def asked() -> None:
        holding, go_on = AnswerMemory(4 * LARGE), threading.Event()
        share = await holding.take("a", LARGE, 60)

        def work() -> None:
            with share.working():
                go_on.wait()

        done = asyncio.get_running_loop().run_in_executor(None, work)
        while not share._works:
            await asyncio.sleep(0)
        share.release()
        assert holding.held.total() == LARGE
        go_on.set()
        await done
        while holding.held.total():
            await asyncio.sleep(0)

    asyncio.run(asked())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5 * SMALL), st.booleans()), max_size=40))
def test_no_more_is_held_than_there_is(steps: list[tuple[str, int, bool]]) -> None:
    async def asked() -> None:
        holding, held, waiting = AnswerMemory(8 * SMALL), list[Share](), list[asyncio.Task[Share]]()
        for who, octets, release in steps:
            waiting.append(asyncio.create_task(holding.take(who, octets, 60)))
            await asyncio.sleep(0)
            held += [task.result() for task in waiting if task.done() and task.exception() is None]
            waiting = [task for task in waiting if not task.done()]
            assert holding.held[False] <= 8 * SMALL and holding.held[True] <= 2 * SMALL
            if release and held:
                held.pop(0).release()
        while held or waiting:
            for share in held:
                share.release()
            await asyncio.sleep(0)
            held = [task.result() for task in waiting if task.done() and task.exception() is None]
            waiting = [task for task in waiting if not task.done()]
            assert held or not waiting  # whoever waits comes in
        assert holding.held.total() == 0

    asyncio.run(asked())


def test_whoever_reads_nothing_of_a_large_answer_keeps_large_ones_waiting_and_no_others(
    tmp_path: Path, one_store: Path
) -> None:
    limits = Limits(answer_bytes=room_for("packets", 10_000))
    with world(tmp_path, one_store, limits=limits) as served, ThreadPoolExecutor(1) as pool:
        asker, holding = served.as_("operator"), served.world.app.state.holding
        taken: list[Share] = []

        async def full() -> None:
            taken.append(await holding.take("somebody", 10_000 * ROW, 60))

        loop = asyncio.new_event_loop()
        loop.run_until_complete(full())
        large = pool.submit(served.as_("analyst").get, "/query/packets?limit=10000")
        assert asker.get("/query/count").status_code == 200
        assert not large.done()
        taken[0].release()
        assert asker.get("/me").status_code == 200
        loop.close()
        for form in ("application/json", "text/csv", "application/vnd.apache.arrow.stream"):
            assert asker.get("/query/packets?limit=10000", headers={"Accept": form}).status_code == 200
        assert large.result().status_code == 200
        assert asker.get("/query/packets?limit=10000&since=9999").status_code == 400
        assert holding.held.total() == 0
