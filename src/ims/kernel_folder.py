"""Folders of compiled kernels: who alone can write them, which one is this user's own, and which are no longer used.

What is loaded from such a folder runs as code. None is in /tmp under a predictable name, which others could take first.
Where a user has no home, nothing is kept.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from ims.path_owners import is_of_no_user

OTHERS_MAY_WRITE = 0o022
NONE = "none"
"""The value of `$IMS_CACHE_DIR` for no private folder: for a process of root's that acts as another user, who could
otherwise write code there that runs with root's powers."""
OURS = re.compile(r"kernels-[0-9a-f]{20}(\.gone)?")
DAY = 86_400
UNUSED_DAYS = 30


def refusal_of(folder: Path) -> str | None:
    """Why `folder` isn't root's alone: which of it and the folders above it others can write, or is a link. None if it
    is. Raises OSError where it can't be read, FileNotFoundError where it is absent."""
    return next(filter(None, map(refusal_at, (*reversed(folder.parents), folder))), None)


def refusal_at(step: Path) -> str | None:
    """As `refusal_of`, without the folders above."""
    status = step.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return f"{step} is not a folder"
    if status.st_uid != 0 or status.st_mode & OTHERS_MAY_WRITE:
        return f"others than root can write to {step} (owner {status.st_uid}, mode {stat.S_IMODE(status.st_mode):o})"
    return None


def private_folder(folder: Path) -> Path:
    """Make `folder` if it is absent, and return its real path if only this user can write to it. Raises PermissionError
    where it belongs to someone else, others may write into it or, for root, could put another in its place."""
    folder = Path(os.path.realpath(folder.parent), folder.name)  # what is checked is what is used
    refuse_replacers(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & OTHERS_MAY_WRITE:
        raise PermissionError(
            f"the kernel cache {folder} must be a folder of user {os.geteuid()} that nobody else can write to "
            f"(found owner {status.st_uid}, mode {stat.S_IMODE(status.st_mode):o}); "
            "set IMS_CACHE_DIR to another folder"
        )
    refuse_replacers(folder)  # now that all folders exist
    return folder


def refuse_replacers(folder: Path) -> None:
    """Raises PermissionError for a folder that others could replace (`replacer_of`), or whose path has a link."""
    linked = folder.parent if os.path.realpath(folder.parent) != str(folder.parent) else None
    if replacer := replacer_of(folder) or linked:
        raise PermissionError(
            f"the kernel cache {folder} must not be below {replacer}, where others than root could replace it; "
            "set IMS_CACHE_DIR to another folder"
        )


def replacer_of(folder: Path) -> Path | None:
    """Of the folders above one of root's: one in which another user could put another folder in its place. None for an
    ordinary user, over whose home whoever could do that has power already."""
    if os.geteuid() != 0:
        return None
    for parent in Path(os.path.realpath(folder)).parents:
        try:
            status = parent.stat()
        except FileNotFoundError:
            continue
        some = status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid != 0)
        if (some and not status.st_mode & stat.S_ISVTX) or (status.st_uid != 0 and not is_of_no_user(status.st_uid)):
            return parent
    return None


def own_folder(name: str) -> Path | None:
    """The folder of that name in `$IMS_CACHE_DIR` (`none`: there is none), else in `$XDG_CACHE_HOME/ims` or
    `~/.cache/ims`, else in the same of the home that passwd(5) has for this user: root's own, where its environment
    names another user's.

    Raises PermissionError for one that isn't private, and OSError where there is none that can be written to.
    """
    chosen = os.environ.get("IMS_CACHE_DIR")
    if chosen == NONE:
        return None
    if chosen:
        return _used(private_folder(Path(chosen)), name)
    refused: PermissionError | None = None
    for cache in _caches():
        if replacer_of(cache / "ims") is None:
            try:
                return _used(private_folder(cache / "ims"), name)
            except OSError as error:
                if isinstance(error, PermissionError) and "kernel cache" in str(error):
                    refused = refused or error
    raise refused or FileNotFoundError("no home in which compiled kernels can be kept")


def _caches() -> Iterator[Path]:
    if named := os.environ.get("XDG_CACHE_HOME"):
        yield Path(named)
    elif home := os.environ.get("HOME"):
        yield Path(home) / ".cache"
    with contextlib.suppress(KeyError):
        yield Path(pwd.getpwuid(os.geteuid()).pw_dir) / ".cache"


def _used(folder: Path, name: str) -> Path:
    """The folder of that name in `folder`, made or, once a day, touched; then unused others are removed."""
    inner = folder / name
    new = not inner.exists()
    private_folder(inner)
    now = time.time()
    with contextlib.suppress(OSError):  # a read-only file system
        if new or now - inner.stat().st_mtime > DAY:
            os.utime(inner)
            prune(folder, inner, now - UNUSED_DAYS * DAY)
    return inner


def prune(folder: Path, kept: Path, before: float) -> None:
    """Remove kernels of other sources that nobody used since `before` (seconds since 1970), where `folder` holds
    kernels alone. Other processes may do the same, or begin to use one, meanwhile."""
    entries = list(folder.iterdir())
    if not all(OURS.fullmatch(entry.name) and entry.is_dir() and not entry.is_symlink() for entry in entries):
        return
    for entry in entries:
        gone = entry if entry.suffix else entry.with_suffix(".gone")
        with contextlib.suppress(OSError):
            if entry != kept and entry.stat().st_mtime < before:
                entry.rename(gone)
                if gone.stat().st_mtime < before:
                    shutil.rmtree(gone)
                else:  # somebody began to use it at this moment
                    gone.rename(entry)
