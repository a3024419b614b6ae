"""Files that a daemon needs after it has given up its privileges, tried before that as the user it becomes.

Tried in a child process that gives up what the daemon will give up: of owners, groups, access lists, capabilities and
mounts the kernel alone knows what follows from them. Nothing is changed by trying.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import pwd
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ims.cause import DENIED, cause, mode_and_owner, on_the_way
from ims.process.privileges import become, refuse_private_kernels

MOST_ENTRIES = 20_000
"""Of a folder and all below it that are looked at: 0.1 s."""
OPENED_TO_WRITE = ("lock", "ship.lock", "heartbeat")
"""Files of a store that are written to where they are."""
LOST_AND_FOUND = "lost+found"
"""Root's own folder, mode 0700, where a file system of its own is mounted."""


class Way(Enum):
    """What is to be done with a file or a folder; with a folder and everything in it for the last two."""

    REACH = "reached"
    READ = "read"
    CHANGE = "written to"
    READ_ALL = "read as a whole"
    CHANGE_ALL = "written to as a whole"


class Need(NamedTuple):
    """A file or folder that a daemon needs: `named` is what it is, such as `the list of revoked certificates`.

    A file that is absent is no obstacle to reading, for whoever reads it has more to say of that; where it is to be
    written to, it has to be possible to make it, and whatever is beside it (journals, its successor).
    """

    named: str
    path: Path
    way: Way = Way.READ
    without: tuple[str, ...] = ()
    """names in a folder, and of what is below it, that aren't needed"""


class Obstacle(NamedTuple):
    """A need that can't be met: what stands in the way (the file itself or a folder on the way to it) and the error."""

    need: Need
    blocked_by: Path
    error: int


def obstacles(user: pwd.struct_passwd | None, needs: Sequence[Need], stay_root: bool = False) -> list[Obstacle]:
    """What that user (None: the one we are) can't use; arguments are `become`'s. Raises OSError where it can't be
    tried. To be called before other threads begin: the child has none of them."""

    def attempt() -> list[Any]:
        return [
            (index, str(path), error)
            for index, need in enumerate(needs)
            for path, error in itertools.islice(_blocked(need), 1)
        ]

    found = tried_as(user, attempt, stay_root)
    return [Obstacle(needs[index], Path(path), error) for index, path, error in found]


def tried_as(user: pwd.struct_passwd | None, attempt: Callable[[], Any], stay_root: bool = False) -> Any:
    """What `attempt` returns (as JSON has it) to that user, in a child process; other arguments are `become`'s.

    Raises the built-in ValueError or OSError that it raises there, with its words; OSError where it can't be tried.
    """
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of a library; the child calls none
        child = os.fork()
    if child == 0:
        _report(write, user, attempt, stay_root)
    os.close(write)
    with open(read, "rb") as pipe:  # noqa: PTH123  # a descriptor
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        reason = said.decode(errors="replace") or f"it ended with {os.waitstatus_to_exitcode(status)}"
        raise OSError(f"what {_name(user)} may do can't be tried: {reason}")
    kind, told = json.loads(said)
    if kind != "returned":
        raise RAISED[kind](told)
    return told


def refuse_obstacles(user: pwd.struct_passwd | None, needs: Sequence[Need], stay_root: bool = False) -> None:
    """Raises PermissionError, in one line, for the first thing that user can't use."""
    for obstacle in obstacles(user, needs, stay_root):
        remedy = READ_ONLY_REMEDY if obstacle.error == errno.EROFS else REMEDY if user is not None else OWN_REMEDY
        raise PermissionError(f"{sentence(user, obstacle)}; {remedy}")


def check_program_readable(user: pwd.struct_passwd | None) -> None:
    """Whether that user can read Python and this program: what is imported later fails otherwise, at any moment.

    Raises PermissionError with what stands in the way.
    """
    if user is None:
        return
    files = (Path(os.__file__), Path(__file__), Path(np.__file__))
    for obstacle in obstacles(user, [Need("the program", file) for file in files]):
        raise PermissionError(
            f"{sentence(user, obstacle)}; install it elsewhere, such as in /opt/ims, or set user = 'root'"
        )


RAISED: dict[str, type[Exception]] = {"denied": PermissionError, "system": OSError, "value": ValueError}
"""What an attempt in a child may raise, the narrower first."""
READ_ONLY_REMEDY = "mount it for writing; where systemd's unit forbids it, `ims doctor` has the lines that allow it"
REMEDY = "change the mode or the owner, or set `user` to another"
OWN_REMEDY = "change the mode or the owner, or run this as another user"


def sentence(user: pwd.struct_passwd | None, obstacle: Obstacle) -> str:
    """What can't be done, by whom, and why: the file, the user, the mode."""
    (named, path, way, _), blocked_by, error = obstacle
    who = f"{_name(user)}, who this process becomes" if user is not None else f"{_name(None)}, who runs this"
    said = f"{named} {path} can't be {way.value} by {who}"
    if error not in DENIED:
        return f"{said}: {blocked_by}: {os.strerror(error)}"
    it = "it" if blocked_by == path else str(blocked_by)
    return f"{said}: {it} {mode_and_owner(blocked_by)}"


def _name(user: pwd.struct_passwd | None) -> str:
    try:
        return (user or pwd.getpwuid(os.geteuid())).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def _report(pipe: int, user: pwd.struct_passwd | None, attempt: Callable[[], Any], stay_root: bool) -> None:
    """The child: become that user, try, write what was found, end. Never returns."""
    code = 1
    try:
        become(user, stay_root)
        if user is not None:
            refuse_private_kernels()
        try:
            said, code = json.dumps(["returned", attempt()]), 0
        except tuple(RAISED.values()) as error:
            kind = next(name for name, each in RAISED.items() if isinstance(error, each))
            said, code = json.dumps([kind, cause(error)]), 0
    except BaseException as error:
        said = repr(error)
    with contextlib.suppress(OSError), open(pipe, "wb") as end:  # a descriptor
        end.write(said.encode(errors="replace"))
    os._exit(code)


def _blocked(need: Need) -> Iterator[tuple[Path, int]]:
    """Where this process is stopped, and by which error."""
    path = need.path.absolute()
    way = on_the_way(path)
    if way is not None:
        if way[1] != errno.ENOENT:
            yield way
        elif need.way in (Way.CHANGE, Way.CHANGE_ALL):
            folder = next(parent for parent in path.parents if parent.exists())
            yield from _folder(folder, change=True)
        return
    if need.way is Way.REACH:
        return
    if path.is_dir():
        yield from _folder(path, need.way in (Way.CHANGE, Way.CHANGE_ALL))
    else:
        yield from _file(path, need.way in (Way.CHANGE, Way.CHANGE_ALL))
        if need.way is Way.CHANGE:
            yield from _folder(path.parent, change=True)
    if need.way in (Way.READ_ALL, Way.CHANGE_ALL):
        yield from _below(path, need.way is Way.CHANGE_ALL, need.without)


def _file(path: Path, change: bool) -> Iterator[tuple[Path, int]]:
    try:
        os.close(os.open(path, (os.O_RDWR if change else os.O_RDONLY) | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY))
    except OSError as error:
        yield path, error.errno or errno.EIO


def _folder(path: Path, change: bool) -> Iterator[tuple[Path, int]]:
    if not os.access(path, os.R_OK | os.X_OK):
        if os.path.lexists(path):  # not one that was there a moment ago: writers make folders and remove them
            yield path, errno.EACCES
    elif change and not os.access(path, os.W_OK):
        writable_disk = not os.statvfs(path).f_flag & os.ST_RDONLY
        yield path, errno.EACCES if writable_disk else errno.EROFS


def _below(path: Path, change: bool, without: Collection[str]) -> Iterator[tuple[Path, int]]:
    """Everything below a folder; most files are replaced, so that writing wants their folders' leave alone."""
    left, folders = MOST_ENTRIES, [path]
    while folders and left > 0:
        for entry in _entries(folders.pop()):
            left -= 1
            if (
                entry.name in without or entry.name == LOST_AND_FOUND or entry.is_symlink()
            ):  # refused where it is opened
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _folder(Path(entry.path), change)
                folders.append(Path(entry.path))
            elif not os.access(entry.path, _mode_needed(entry, change)) and os.path.lexists(entry.path):
                yield Path(entry.path), errno.EACCES


def _mode_needed(entry: os.DirEntry[str], change: bool) -> int:
    return os.R_OK | os.W_OK if change and entry.name in OPENED_TO_WRITE else os.R_OK


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return ()
