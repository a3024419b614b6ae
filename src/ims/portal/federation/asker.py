"""For whom sensors are asked a question, what it may cost, and what it cost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Effort:
    """Seconds of work of a question: of the sensor that worked longest in each round, as it says, and processor time of
    the portal's threads. Waiting counts only where no sensor says how long it worked, or could before a refusal."""

    seconds: float = 0.0


@dataclass(frozen=True)
class Asker:
    """For whom a question is asked. `behalf`: a pseudonym, by which sensors give each a turn; `known_only`: ask only
    sensors whose monitored space is known; `until`: the deadline, by time.monotonic(); `effort`: counts the cost."""

    behalf: str = ""
    known_only: bool = False
    until: float = float("inf")
    effort: Effort = field(default_factory=Effort)


NOBODY = Asker()
_asker: ContextVar[Asker] = ContextVar("asker", default=NOBODY)
"""Of this thread; a question reads it once, when it is made, and passes it to the threads that ask sensors."""


@dataclass(frozen=True)
class Budget:
    """What one question may cost. `rows` and `octets`: of all sensors' parts together."""

    seconds: float = 30.0
    rows: int = 50_000_000
    octets: int = 2 << 30


def asker() -> Asker:
    """For whom this thread asks."""
    return _asker.get()


@contextmanager
def behalf(
    who: str, known_only: bool = False, until: float = float("inf"), effort: Effort | None = None
) -> Iterator[None]:
    """Ask on somebody's behalf in this thread: sensors give each a turn. The rest is as in `Asker`."""
    pseudonym = hashlib.blake2b(who.encode(), digest_size=8).hexdigest()
    token = _asker.set(Asker(pseudonym, known_only, until, effort or Effort()))
    try:
        yield
    finally:
        _asker.reset(token)
