"""Scans yield: to the live sensor on the machine, which must lose no packet for a question, and to the short steps of
which everybody waits for some. (The whole daemon does by its unit, which has `Nice=`.)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
SCANS = 10
"""As of nice(1): a ninth of a processor beside somebody who wants all of it."""


def at_low_priority(make: Callable[[], T]) -> T:
    """What `make` returns, called in a thread of its own: threads that it starts have its priority, as Linux has it.
    Who yields by more already goes on so."""

    def made() -> T:
        own = threading.get_native_id()
        with suppress(OSError):  # a unit's filter of system calls forbids it, as ours does
            os.setpriority(os.PRIO_PROCESS, own, max(SCANS, os.getpriority(os.PRIO_PROCESS, own)))
        return make()

    with ThreadPoolExecutor(1, "ims-made") as thread:
        return thread.submit(made).result()
