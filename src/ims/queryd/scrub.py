"""A daily check of a whole store, in the background: the log names what is damaged, missing, or listed by nothing.

It only warns; questions about damaged files are refused anyway (store/damage.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from ims.cause import cause
from ims.queryd.low_priority import lower_priority
from ims.store.verify import Fault, Progress, verify_store

FIRST_SECONDS = 60.0
EVERY_SECONDS = 86_400.0
RATE = 64 << 20
"""Octets a second: a terabyte in four and a half hours."""
MOST_LINES = 100
"""Of one round."""


class Scrub:
    """`start` it, `stop` it. For one store."""

    def __init__(
        self, store: Path, first: float = FIRST_SECONDS, every: float = EVERY_SECONDS, rate: float = RATE
    ) -> None:
        self._store, self._first, self._every, self._rate = store, first, every, rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scrub", daemon=True)
        self._log: Any = structlog.get_logger()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, soon."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        lower_priority()
        wait = self._first
        while not self._stopping.wait(wait):
            wait = self._every
            try:
                found = verify_store(self._store, self._paced(time.monotonic()))
            except InterruptedError:
                return
            except (OSError, ValueError) as error:
                self._log.warning("the store can't be looked through", why=cause(error))
                continue
            self._log_faults([fault for fault in found.faults if fault.kind != "leftover"])

    def _paced(self, began: float) -> Callable[[Progress], None]:
        def wait(progress: Progress) -> None:
            ahead = progress.octets_done / self._rate - (time.monotonic() - began)
            if self._stopping.wait(ahead) if ahead > 0 else self._stopping.is_set():
                raise InterruptedError("it is being stopped")

        return wait

    def _log_faults(self, faults: list[Fault]) -> None:
        for fault in faults[:MOST_LINES]:
            self._log.warning("store", file=fault.file, kind=fault.kind, why=fault.why, remedy=fault.remedy)
        if len(faults) > MOST_LINES:
            self._log.warning("store", others=len(faults) - MOST_LINES, remedy="`ims store verify` lists them")
