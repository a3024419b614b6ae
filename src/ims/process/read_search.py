"""One of root's privileges in reserve: to read any file (CAP_DAC_READ_SEARCH, capabilities(7)).

A process that became another user may hold it without having it in force; it is put in force only to open what root
named, such as a capture, and never for a name in that user's files.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from ims.path_owners import is_roots
from ims.process.privileges import CAPABILITY_VERSION_3, call_libc, set_capabilities

DAC_READ_SEARCH = 1 << 2
PR_SET_KEEPCAPS = 8


def keep_capabilities() -> None:
    """Keep permitted capabilities through a change of user (prctl(2)), but not in force. Raises OSError."""
    call_libc("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)


def is_in_reserve() -> bool:
    """Whether this thread may put it in force, and it isn't."""
    header, sets = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    try:
        call_libc("capget", header, sets)
    except OSError:
        return False
    effective, permitted = sets[:2]
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
    """As `reading_any_file`, but only for a file that, with all folders on the way, is root's: another user could have
    replaced it by a link to any file."""
    is_safe = False
    with reading_any_file(), suppress(OSError):
        is_safe = is_roots(path)
    with reading_any_file() if is_safe else nullcontext():
        yield
