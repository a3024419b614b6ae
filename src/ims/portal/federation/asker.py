"""For whom a question is asked of sensors, what it may take, and what it took."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Effort:
    """Seconds of work that a question has taken: of the sensor that worked longest in each round, as it says, and of
    the portal's own threads, on a processor. Waiting isn't work, but for sensors where none says how long it worked,
    or where the question was refused for room before any could."""

    seconds: float = 0.0


@dataclass(frozen=True)
class Asker:
    """For whom a question is asked. `behalf`: a pseudonym, by which sensors give each a turn; `known_only`: those are
    asked alone of whom it is known what they watch; `until`: when the answer must be there, by time.monotonic();
    `effort`: where is noted what it takes."""

    behalf: str = ""
    known_only: bool = False
    until: float = float("inf")
    effort: Effort = field(default_factory=Effort)


NOBODY = Asker()
_asker: ContextVar[Asker] = ContextVar("asker", default=NOBODY)
"""Of this thread; a question reads it once, when it is made, and takes it to the threads that ask sensors."""


@dataclass(frozen=True)
class Budget:
    """What one question may take. `rows` and `octets`: of all sensors' parts together."""

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
