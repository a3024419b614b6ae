"""Files and folders of a system: written atomically, and reached without following links.

Folders on the way may belong to a service's user, who can put a link there at any moment: each is opened from the one
above it, and changes are made in the opened folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ims.full_disk import naming
from ims.install.machine import Machine

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def parent_of(machine: Machine, path: str) -> Iterator[tuple[int, str]]:
    """The opened parent folder of `path`, and the name in it; missing folders on the way are made, root's."""
    *folders, name = Path(path).parts[1:]
    opened = os.open(machine.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    way = machine.root
    try:
        for folder in folders:
            way /= folder
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, mode=0o755, dir_fd=opened)
            try:
                inner = os.open(folder, FOLDER_FLAGS, dir_fd=opened)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                raise ValueError(f"{way} is a link, or no folder: make {path} yourself, or a folder there") from None
            os.close(opened)
            opened = inner
        yield opened, name
    finally:
        os.close(opened)


def write(machine: Machine, path: str, text: str, mode: int, owner: tuple[int, int], *, over: bool) -> None:
    """Write a file with owner and mode, atomically and synced. `over`: replace an existing one, which otherwise stays.
    Raises OSError, FileExistsError among them."""
    with naming(path), parent_of(machine, path) as (parent, name):
        beside = f".{name}.new"
        with contextlib.suppress(FileNotFoundError):  # of a killed process
            os.unlink(beside, dir_fd=parent)
        try:
            _write(parent, beside, text, mode, owner)
            if over:
                os.rename(beside, name, src_dir_fd=parent, dst_dir_fd=parent)
            else:
                os.link(beside, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=parent)
        os.fsync(parent)


def _write(parent: int, name: str, text: str, mode: int, owner: tuple[int, int]) -> None:
    with os.fdopen(os.open(name, NEW_FILE, 0o600, dir_fd=parent), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
