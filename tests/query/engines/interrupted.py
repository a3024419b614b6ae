"""An engine that is interrupted all the time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ims.query.engines.duckdb import Engine
from ims.query.engines.prepared import MergeEngine


@contextmanager
def interrupted_again_and_again(engine: Engine | MergeEngine) -> Iterator[None]:
    """As by deadlines, whatever it does meanwhile."""
    over = threading.Event()

    def interrupt() -> None:
        while not over.is_set():
            engine.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
