"""Wrong passwords: after a few, a name must wait, longer each time. Names that don't exist wait alike.

A wait stops guessing, but lets anybody keep an account from logging in by password; its tokens stay valid, and no wait
is longer than `LONGEST`. The portal's RateLimit slows guessing from one address before this does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cachetools import FIFOCache

FREE = 5  # wrong guesses before a name waits: then 1, 2, 4, ... seconds
LONGEST = 900.0
NAMES = 65_536
"""Names remembered. Forgetting one by guessing at others takes as many argon2 hashes: the better part of an hour."""


class LoginBackoff:
    """How often each name was tried in vain. Thread-safe; `ticks` is a clock that never goes back."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks, self._lock = ticks, threading.Lock()
        self._tried: FIFOCache[str, tuple[int, float]] = FIFOCache(NAMES)  # name -> tries, not before

    def may_try(self, name: str) -> bool:
        """Whether this name may be tried now. The try counts as wrong until `forget`, so that a hundred at once don't
        slip through while the first is checked."""
        key, now = name.casefold(), self._ticks()
        with self._lock:
            tries, not_before = self._tried.get(key, (0, now))
            if now < not_before:
                return False
            tries = 1 if now - not_before > LONGEST else tries + 1
            wait = min(LONGEST, 2.0 ** min(tries - FREE, 30)) if tries >= FREE else 0.0
            self._tried.pop(key, None)  # so that it is the newest
            self._tried[key] = (tries, now + wait)
            return True

    def forget(self, name: str) -> None:
        """The password was right."""
        with self._lock:
            self._tried.pop(name.casefold(), None)

    def __len__(self) -> int:
        return len(self._tried)
