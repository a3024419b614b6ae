"""Passwords guessed wrong: after a few, a name waits, longer each time. Names that don't exist wait alike.

A wait stops guessing, and lets whoever wants keep an account from logging in by password; tokens and sessions go on,
and no wait is longer than `LONGEST`. From one address, guessing is slowed by the portal's RateLimit before it is here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

FREE = 5
"""Wrong guesses before a name waits: then 1, 2, 4, ... seconds."""
LONGEST = 900.0
NAMES = 65_536
"""Names remembered. Forgetting one by guessing at others takes as many argon2 hashes: the better part of an hour."""


class LoginBackoff:
    """How often each name was tried in vain. Thread-safe; `ticks` is a clock that never goes back."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._lock = threading.Lock()
        self._tried: OrderedDict[str, tuple[int, float]] = OrderedDict()  # name -> tries, not before

    def may_try(self, name: str) -> bool:
        """Whether this name may be tried now. The try counts as wrong until `forget`, so that a hundred at once don't
        slip through while the first is worked out."""
        key = name.casefold()
        now = self._ticks()
        with self._lock:
            tries, not_before = self._tried.get(key, (0, now))
            if now < not_before:
                return False
            if tries and now - not_before > LONGEST:
                tries = 0
            tries += 1
            wait = min(LONGEST, 2.0 ** min(tries - FREE, 30)) if tries >= FREE else 0.0
            self._tried[key] = (tries, now + wait)
            self._tried.move_to_end(key)
            if len(self._tried) > NAMES:
                self._tried.popitem(last=False)
            return True

    def forget(self, name: str) -> None:
        """The password was right."""
        with self._lock:
            self._tried.pop(name.casefold(), None)

    def __len__(self) -> int:
        return len(self._tried)
