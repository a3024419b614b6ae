"""Threads of the API, separated by what they wait for, so that nothing short waits behind something long.

Accounts and the audit log have threads of their own. Passwords are checked one at a time (argon2 takes 64 MiB and all
processors), from a short queue: one queue for known devices, one for all others.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from cachetools import TTLCache
from fastapi import HTTPException

from ims.portal.api.errors import later

T = TypeVar("T")
WAITING = 16
"""Passwords that may wait in each queue: at 0.1 s each, whoever waits has his turn within two seconds."""
PATIENCE = 5.0
REMEMBERED, FORGOTTEN = 16_384, 900.0
"""How many callers' tries are counted, and seconds until they are forgotten."""


class _Waiting(NamedTuple):
    tries: int
    number: int
    turn: asyncio.Future[None]


class PasswordQueue:
    """Checks one password at a time, first for the caller who has tried least. Where too many wait, the one who has
    tried most is refused with 503. For one event loop."""

    def __init__(self, name: str, waiting: int = WAITING) -> None:
        self._thread, self._most = ThreadPoolExecutor(1, name), waiting
        self._busy, self._numbers = False, itertools.count()
        self._waiting: list[_Waiting] = []
        self._tried: TTLCache[str, int] = TTLCache(REMEMBERED, FORGOTTEN)

    async def run(self, who: str, work: Callable[[], T]) -> T:
        """What `work` returns. `who`: whose tries are counted, until `forget`."""
        tries = self._tried.get(who, 0)
        self._tried[who] = tries + 1
        await self._turn(tries)
        done = asyncio.get_running_loop().run_in_executor(self._thread, work)
        done.add_done_callback(self._ended)
        return await asyncio.shield(done)

    def forget(self, who: str) -> None:
        """The password was right."""
        self._tried.pop(who, None)

    def close(self) -> None:
        """Begin nothing any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, tries: int) -> None:
        if not self._busy:
            self._busy = True
            return
        waiting = _Waiting(tries, next(self._numbers), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._waiting) > self._most:
            last = max(self._waiting, key=lambda one: one[:2])
            self._waiting.remove(last)
            last.turn.set_exception(_full())
        try:
            async with asyncio.timeout(PATIENCE):
                await waiting.turn
        except BaseException as error:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif waiting.turn.done() and not waiting.turn.cancelled() and waiting.turn.exception() is None:
                self._next()
            if isinstance(error, TimeoutError):
                raise _full() from None
            raise

    def _next(self) -> None:
        if not self._waiting:
            self._busy = False
            return
        first = min(self._waiting, key=lambda one: one[:2])
        self._waiting.remove(first)
        first.turn.set_result(None)

    def _ended(self, done: asyncio.Future[T]) -> None:
        if not done.cancelled():
            done.exception()  # else asyncio logs it where nobody waits any more
        self._next()


class Threads:
    """All threads of the API."""

    def __init__(self) -> None:
        self._tokens, self._audit = ThreadPoolExecutor(2, "ims-tokens"), ThreadPoolExecutor(1, "ims-audit")
        self.known, self.strangers = PasswordQueue("ims-known"), PasswordQueue("ims-strangers")

    async def accounts(self, work: Callable[[], T]) -> T:
        """What `work` returns, which reads or writes the accounts."""
        return await asyncio.get_running_loop().run_in_executor(self._tokens, work)

    async def audit(self, work: Callable[[], None]) -> None:
        """Run `work`, which writes the audit log."""
        await asyncio.get_running_loop().run_in_executor(self._audit, work)

    def close(self) -> None:
        """Begin nothing any more."""
        self._audit.shutdown()  # what was answered is written
        self._tokens.shutdown(wait=False, cancel_futures=True)
        self.known.close()
        self.strangers.close()


def _full() -> HTTPException:
    return later(2, "too many logins at once", 503)
