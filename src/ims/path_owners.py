"""Owners of the folders through which a path leads: whoever owns one of them can put something else in its place.

A path is walked from `/` in opened folders, links one by one. Where each folder on the way is root's, nobody else can
change where the path leads: what was found holds until it is used. Folders that root lets a group, or everybody, write
to are root's decision; in one with the sticky bit, as /tmp, an entry is its owner's alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

MOST_LINKS = 40
"""As the kernel follows (path_resolution(7))."""
FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Step(NamedTuple):
    """A folder, link or file on the way."""

    path: Path
    status: os.stat_result


def steps_to(path: Path) -> list[Step]:
    """What a path leads through, `/` first, as far as it exists: folders and links, and last what is there, or the
    folder that it would be made in. Raises OSError where that can't be read."""
    return _walked(path)[0]


def _walked(path: Path) -> tuple[list[Step], list[str]]:
    """Those steps, and the names that lead on from the last of them that is no link, in reverse order."""
    found: list[Step] = []
    left = list(reversed(path.absolute().parts[1:]))
    links = 0
    at, where = os.open("/", FOLDER), Path("/")
    try:
        found.append(Step(where, os.fstat(at)))
        while left:
            name = left.pop()
            if name == "..":
                where, at = where.parent, _reopened(at, "..")
                found.append(Step(where, os.fstat(at)))
                continue
            try:
                status = os.stat(name, dir_fd=at, follow_symlinks=False)
            except FileNotFoundError:
                left.append(name)
                break
            found.append(Step(where / name, status))
            if stat.S_ISLNK(status.st_mode):
                links += 1
                if links > MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
                target = Path(os.readlink(name, dir_fd=at))
                if target.is_absolute():
                    where, at = Path("/"), _reopened(at, "/")
                    found.append(Step(where, os.fstat(at)))
                left += reversed([part for part in target.parts if part != "/"])
            elif stat.S_ISDIR(status.st_mode):
                where, at = where / name, _reopened(at, name)
                found[-1] = Step(where, os.fstat(at))  # it may be another than a moment ago
            else:
                break
    finally:
        os.close(at)
    return found, left


def give_new_folder(path: Path, uid: int, gid: int) -> None:
    """Make a folder, and what is missing above it as root's, and give it to that user; an existing one, if it is empty.
    What is given away is the folder that was opened, through no link but root's own. Raises ValueError for a link of
    another user, OSError."""
    steps, left = _walked(path)
    above = Path("/")
    for step in steps:
        if not stat.S_ISLNK(step.status.st_mode):
            above = step.path
        elif step.status.st_uid != 0 and not is_of_no_user(step.status.st_uid):
            raise ValueError(f"{step.path} is a link of user {step.status.st_uid}; give the place it leads to")
    where, at = Path("/"), os.open("/", FOLDER)
    try:
        for name in (*above.parts[1:], *reversed(left)):
            where /= name
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=at)
            at = _reopened(at, name)
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
        try:
            if not os.listdir(folder):  # noqa: PTH208  # a descriptor
                os.fchown(folder, uid, gid)
        finally:
            os.close(folder)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), str(where)) from None
    finally:
        os.close(at)


def _reopened(folder: int, name: str) -> int:
    inner = os.open(name, FOLDER, dir_fd=folder)
    os.close(folder)
    return inner


def is_of_no_user(uid: int) -> bool:
    """Whether it stands for owners who don't exist in this user namespace, as of / in a user's own namespace."""
    overflow = int(Path("/proc/sys/kernel/overflowuid").read_text())
    return uid == overflow and Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def is_roots(path: Path) -> bool:
    """Whether root owns everything that a path leads through, and what is there. Raises OSError."""
    return all(step.status.st_uid == 0 or is_of_no_user(step.status.st_uid) for step in steps_to(path))
