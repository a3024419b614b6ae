"""A query daemon yields: to the live sensor on its machine, which must lose no packet for a question; and in itself
long scans to the short steps of which everybody waits for some.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
DAEMON, SCANS = 5, 10
"""As of nice(1): a quarter, and a ninth, of a processor beside somebody who wants all of it."""


def yield_to_others(nice: int = DAEMON) -> None:
    """Have this thread, and those that it starts from now on, give way to others on the machine; who does so already,
    by more, goes on with it."""
    own = threading.get_native_id()
    with suppress(OSError):  # a unit's filter of system calls forbids it: ours, which has `Nice=`
        os.setpriority(os.PRIO_PROCESS, own, max(nice, os.getpriority(os.PRIO_PROCESS, own)))


def at_low_priority(make: Callable[[], T]) -> T:
    """What `make` returns, called in a thread of its own: threads that it starts have its priority, as Linux has it."""

    def made() -> T:
        yield_to_others(SCANS)
        return make()

    with ThreadPoolExecutor(1, "ims-made") as thread:
        return thread.submit(made).result()
