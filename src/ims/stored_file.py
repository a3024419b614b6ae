"""Files of a store, or of a lake in a folder, opened without following a link: through links, whoever can write there
could make a reader with other rights, such as one that ships to a lake, pass on any file.

DuckDB and Arrow open by path. For them links are refused when the list of files is made: a link put there between that
and the opening isn't noticed, and gives an answer only from a file that is Parquet of our columns.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NO_FILE = "it is no regular file; a store, or a lake, holds files"
A_LINK = "it is a link; a store, or a lake, holds files"
BY_LINK = (errno.ELOOP, errno.ENOTDIR)


def open_stored(store: Path, name: str) -> BinaryIO:
    """A file, by its path relative to the store, to read its octets. Raises OSError, also where it, or a folder on the
    way to it, is a link or no regular file."""
    *folders, last = name.split("/")
    where, at = store, os.open(store, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
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
        raise _refused(path, NO_FILE)
    return open(file, "rb", buffering=0)  # noqa: PTH123  # a descriptor


def _opened(path: Path, flags: int, folder: int | None) -> int:
    if path.name in ("", ".."):
        raise _refused(path, "it leads out of its store")
    try:
        return os.open(path if folder is None else path.name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in BY_LINK and path.is_symlink():
            raise _refused(path, A_LINK) from None
        raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from None


def refuse_links(files: Iterable[Path]) -> None:
    """Raises OSError where a part of a table, or a folder of the table on the way to it, is a link; missing files are
    ignored. Parts never change, and are checked once; their folders each time."""
    for folder in sorted({parent for file in files for parent in _folders(_checked(str(file)))}):
        if os.path.islink(folder):  # noqa: PTH114  # 2 us
            raise _refused(Path(folder), A_LINK)


@lru_cache(1 << 17)
def _checked(file: str) -> str:
    """The folder of a part that is no link."""
    if os.path.islink(file):  # noqa: PTH114
        raise _refused(Path(file), A_LINK)
    return os.path.dirname(file)  # noqa: PTH120


@lru_cache(1 << 17)
def _folders(folder: str) -> tuple[str, ...]:
    """A part's folder and those above it, up to the table's: `packets/sensor=…/date=…/hour=…`."""
    found = [folder]
    while "=" in os.path.basename(found[-1]):  # noqa: PTH119
        found.append(os.path.dirname(found[-1]))  # noqa: PTH120
    return tuple(found)


def _refused(path: Path, why: str) -> OSError:
    return OSError(errno.ELOOP, why, str(path))
