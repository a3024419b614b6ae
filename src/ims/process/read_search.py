"""One power of root's, held in reserve: to read any file (CAP_DAC_READ_SEARCH, capabilities(7)).

A process that became another user may hold it without having it in force; then it is in force only while something is
opened that root named, such as a capture, and never for a name that stands in that user's files.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ims.path_owners import is_roots
from ims.process.privileges import CAPABILITY_VERSION_3

DAC_READ_SEARCH = 1 << 2
PR_SET_KEEPCAPS = 8


def keep_capabilities() -> None:
    """Have what may be in force outlast a change of user (prctl(2)); in force is none then. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def set_capabilities(permitted: int, effective: int) -> None:
    """What this thread, and those that it starts, may put in force, and what is in force. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(_header(), (ctypes.c_uint32 * 6)(effective, permitted)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def is_in_reserve() -> bool:
    """Whether this thread may put it in force, and it isn't."""
    sets = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capget(_header(), sets):
        return False
    effective, permitted = sets[0], sets[1]
    return bool(permitted & ~effective & DAC_READ_SEARCH)


@contextmanager
def reading_any_file() -> Iterator[None]:
    """Inside, this thread may read any file, if that is in reserve; else nothing changes."""
    if not is_in_reserve():
        yield
        return
    set_capabilities(DAC_READ_SEARCH, DAC_READ_SEARCH)
    try:
        yield
    finally:
        set_capabilities(DAC_READ_SEARCH, 0)


@contextmanager
def reading_file_of_root(path: Path) -> Iterator[None]:
    """As `reading_any_file`, but only for a file that, with all folders on the way, is root's: another could have put a
    link to any file in its place."""
    with reading_any_file():
        try:
            is_safe = is_roots(path)
        except OSError:
            is_safe = False
    if not is_safe:
        yield
        return
    with reading_any_file():
        yield


def _header() -> ctypes.Array[ctypes.c_uint32]:
    return (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
