"""Scans have low priority: the live sensor must lose no packet for a question, and everybody waits for short steps.
(The whole daemon has low priority by its unit, which sets `Nice=`.)"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
SCANS = 10
"""As of nice(1): a ninth of a processor beside a process that could use all of it."""


def at_low_priority(make: Callable[[], T]) -> T:
    """What `make` returns, called in a thread of low priority, which threads that it starts inherit (on Linux)."""
    with ThreadPoolExecutor(1, "ims-made", lower_priority) as thread:
        return thread.submit(make).result()


def lower_priority() -> None:
    """Lower this thread's priority, unless it is lower already or a unit's filter of system calls forbids it."""
    own = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, own, max(SCANS, os.getpriority(os.PRIO_PROCESS, own)))
