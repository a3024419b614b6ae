"""Returns freed memory to the system: for daemons that have large answers for a moment and run for months."""

from __future__ import annotations

import ctypes
import gc
import os
import traceback

M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3
"""mallopt(3)"""
ARENAS, LARGE = 2, 1 << 20
THRESHOLDS = 700, 10, 10
"""CPython's own: gc.get_threshold()"""


def give_back_freed() -> None:
    """Return freed memory to the system; call it before Arrow is imported. Arrow's own allocator keeps it (40 MiB of a
    query daemon with 64 MiB of `memory`, 300 MiB of a portal beside a hundred hostile callers), and so does glibc for
    each of many threads (another 40 MiB). Another C library is left as it is."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE)


def collect_garbage() -> None:
    """Collect garbage as often as Python does by default: commands, which are short, turn it almost off. Call it when a
    daemon has loaded what it needs, which is never scanned again. (Without it, tables of failed questions and closed
    connections were kept for good: 450 MiB in 90 s of a portal beside a hundred hostile callers.)"""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def let_go(error: BaseException) -> None:
    """Clear the local variables that an error and its causes keep alive; their tracebacks' lines remain."""
    seen: set[int] = set()
    errors: list[BaseException | None] = [error]
    while errors:
        one = errors.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            errors += [one.__cause__, one.__context__]
