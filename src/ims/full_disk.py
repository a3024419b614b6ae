"""Adds the file's name to a full disk's error: writes to an open file, Arrow's writers and copies raise it without."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, file too large: what only writing raises."""


@contextmanager
def naming(place: str | Path) -> Iterator[None]:
    """A context that writes `place`. Raises OSError with that name where a disk is full, unless it names another file;
    other errors stay as they are."""
    try:
        yield
    except OSError as error:
        # A copy that fails names its source first, and then what couldn't be written.
        if error.errno not in FULL or (error.filename is not None and error.filename2 is None):
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(place)) from error
