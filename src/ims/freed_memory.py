"""Memory that is freed goes back to the system: of daemons that have large answers for a moment and run for months."""

from __future__ import annotations

import ctypes
import os

M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3
"""mallopt(3)"""
ARENAS, LARGE = 2, 1 << 20


def give_back_freed() -> None:
    """Have what is freed go back to the system; call it before Arrow is imported. Arrow's own allocator keeps it (40
    MiB of a query daemon with 64 MiB of `memory`, 300 MiB of a portal beside a hundred hostile callers), and the C
    library does in a place for each of many threads (another 40 MiB). Where that isn't glibc, it is left as it is."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE)
