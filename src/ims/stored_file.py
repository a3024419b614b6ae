"""Files of a store, or of a lake in a folder, opened without following a link: whoever can write there could have a
reader with other rights, such as who ships to a lake, hand on any file.

DuckDB and Arrow open by path. For them what is there is looked at when the list of files is made: who puts a link there
between that and the opening isn't found out, and gets an answer only from a file that is Parquet of our columns.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
BY_LINK = (errno.ELOOP, errno.ENOTDIR)
OF_A_SENSOR = 4
"""Of a part's path that are looked at: sensor=, date=, hour=, and the file."""


def open_stored(store: Path, name: str) -> BinaryIO:
    """A file, by its path relative to the store, to read its octets.

    Raises ValueError where it, or a folder on the way to it, is a link or no regular file, and OSError.
    """
    *folders, last = name.split("/")
    at = os.open(store, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    where = store
    try:
        for folder in folders:
            where /= folder
            inner = _opened(where, FOLDER, at)
            os.close(at)
            at = inner
        return _regular(where / last, at)
    finally:
        os.close(at)


def open_regular(path: Path) -> BinaryIO:
    """A file whose folder is trusted. Raises as `open_stored`."""
    return _regular(path, None)


def _regular(path: Path, folder: int | None) -> BinaryIO:
    file = _opened(path, FILE, folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ValueError(f"{path} is no regular file; a store, or a lake, holds files")
    return open(file, "rb", buffering=0)  # noqa: PTH123  # a descriptor


def _opened(path: Path, flags: int, folder: int | None) -> int:
    if path.name in ("", ".."):
        raise ValueError(f"{path} leads out of its store")
    try:
        return os.open(path if folder is None else path.name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in BY_LINK and path.is_symlink():
            raise ValueError(_is_link(path)) from None
        raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from None


def refuse_link(file: Path) -> None:
    """Raises ValueError where a part of a table, or a sensor's folder on the way to it, is a link. What isn't there is
    left to who opens it. Looked at once: parts never change."""
    _refuse_part(str(file))


@lru_cache(1 << 17)
def _refuse_part(file: str) -> None:  # 4.5 us a file of 12 in a folder, then 1 us
    steps = [file]
    while len(steps) < OF_A_SENSOR:
        steps.append(os.path.dirname(steps[-1]))  # noqa: PTH120
    for step in reversed(steps):
        _refuse(step)


@lru_cache(1 << 17)
def _refuse(step: str) -> None:
    if os.path.islink(step):  # noqa: PTH114  # 2 us
        raise ValueError(_is_link(Path(step)))


def _is_link(path: Path) -> str:
    return f"{path} is a link; a store, or a lake, holds files"
