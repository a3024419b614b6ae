"""Kernels that `ims demo` comes to later, compiled in a process beside what it does first: on a machine that has none
in its cache, half a minute."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

COMPILE = 'from ims.process.warm_up import compile_all; compile_all(); print("stages", flush=True)'
"""The stages come last: setup.sh has begun with them, and making traffic takes as long as the others."""


@contextmanager
def compiling_beside() -> Iterator[Callable[[], object]]:
    """Begin to compile. What is yielded waits until the stages from frames to a store are ready, which an ingest would
    else compile once more at the same time; whoever comes to another kernel that isn't there yet compiles it himself.
    Whether it works is no matter here: what is wrong shows where it is needed."""
    with subprocess.Popen(
        [sys.executable, "-c", COMPILE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline
        finally:
            process.kill()
