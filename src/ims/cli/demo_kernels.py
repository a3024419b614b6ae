"""Kernels that `ims demo` needs later, compiled beside its first part: half a minute with an empty cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

COMPILE = 'from ims.process.warm_up import compile_all; compile_all(); print("stages", flush=True)'
"""The stages come last: setup.sh has begun with them, and making traffic takes as long as the other kernels."""


@contextmanager
def compiling_beside() -> Iterator[Callable[[], object]]:
    """Begin to compile. The yielded function waits until the stages from frames to a store are ready, lest an ingest
    compile them at the same time. Errors are ignored: they show where a kernel is needed."""
    with subprocess.Popen(
        [sys.executable, "-c", COMPILE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline
        finally:
            process.kill()
