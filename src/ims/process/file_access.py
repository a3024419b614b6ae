"""Files that a daemon needs after it has given up its privileges, tried before that as the user it becomes.

A child process gives up the same privileges and tries: only the kernel knows what owners, groups, access lists,
capabilities and mounts allow together. Trying changes nothing.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pwd
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ims.cause import DENIED, cause, mode_and_owner, on_the_way
from ims.process.privileges import become, refuse_private_kernels, user_name

MOST_ENTRIES = 20_000
"""Entries below a folder that are checked: 0.1 s."""
OPENED_TO_WRITE = ("lock", "ship.lock", "heartbeat")
"""Files of a store that are changed in place."""
LOST_AND_FOUND = "lost+found"
"""Root's own folder, mode 0700, at the top of a file system."""


class Way(Enum):
    """How a file or a folder is used; the last two include everything in a folder."""

    REACH = "reached"
    READ = "read"
    CHANGE = "written to"
    READ_ALL = "read as a whole"
    CHANGE_ALL = "written to as a whole"


class Need(NamedTuple):
    """A file or folder that a daemon needs: `named` is what it is, such as `the list of revoked certificates`.

    An absent file is no obstacle to reading: its reader has a better message. Where it is to be written to, making it
    and others beside it (journals, its successor) must be possible.
    """

    named: str
    path: Path
    way: Way = Way.READ
    without: tuple[str, ...] = ()
    """names in a folder, and of what is below it, that aren't needed"""


class Obstacle(NamedTuple):
    """A need that can't be met: what blocks it (the file itself or a folder on the way to it) and the error."""

    need: Need
    blocked_by: Path
    error: int


def obstacles(user: pwd.struct_passwd | None, needs: Sequence[Need], stay_root: bool = False) -> list[Obstacle]:
    """What that user (None: the present one) can't use; arguments are `become`'s. Raises OSError where it can't be
    tried. To be called before other threads begin: the child has none of them."""

    def attempt() -> list[Any]:
        return [(i, str(path), error) for i, need in enumerate(needs) for path, error in islice(_blocked(need), 1)]

    found = tried_as(user, attempt, stay_root)
    return [Obstacle(needs[i], Path(path), error) for i, path, error in found]


def tried_as(user: pwd.struct_passwd | None, attempt: Callable[[], Any], stay_root: bool = False) -> Any:
    """What `attempt` returns (as JSON has it) to that user, in a child process; other arguments are `become`'s. Raises
    the built-in ValueError or OSError that it raises there, with its words; OSError where it can't be tried."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of a library; the child calls none
        child = os.fork()
    if child == 0:
        _report(write, user, attempt, stay_root)
    os.close(write)
    with open(read, "rb") as pipe:  # noqa: PTH123  # a descriptor
        message = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        reason = message.decode(errors="replace") or f"it ended with {os.waitstatus_to_exitcode(status)}"
        raise OSError(f"what {_name(user)} may do can't be tried: {reason}")
    kind, result = json.loads(message)
    if kind != "returned":
        raise RAISED[kind](result)
    return result


def refuse_obstacles(
    user: pwd.struct_passwd | None, needs: Sequence[Need], stay_root: bool = False, remedy: str = ""
) -> None:
    """Raises PermissionError, in one line with a remedy, for the first thing that user can't use."""
    for obstacle in obstacles(user, needs, stay_root):
        usual = READ_ONLY_REMEDY if obstacle.error == errno.EROFS else REMEDY if user is not None else OWN_REMEDY
        raise PermissionError(f"{sentence(user, obstacle)}; {remedy or usual}")


def check_program_readable(user: pwd.struct_passwd | None) -> None:
    """Whether that user can read Python and this program: a later import would fail. Raises PermissionError."""
    if user is not None:
        program = [Need("the program", Path(file)) for file in (os.__file__, __file__, np.__file__)]
        refuse_obstacles(user, program, remedy="install it elsewhere, such as in /opt/ims, or set user = 'root'")


RAISED: dict[str, type[Exception]] = {"denied": PermissionError, "system": OSError, "value": ValueError}
"""What an attempt in a child may raise, subclasses first."""
READ_ONLY_REMEDY = "mount it for writing; where systemd's unit forbids it, `ims doctor` has the lines that allow it"
REMEDY = "change the mode or the owner, or set `user` to another"
OWN_REMEDY = "change the mode or the owner, or run this as another user"


def sentence(user: pwd.struct_passwd | None, obstacle: Obstacle) -> str:
    """An obstacle in words: the file, the user, the mode."""
    (named, path, way, _), blocked_by, error = obstacle
    who = f"{_name(user)}, who this process becomes" if user is not None else f"{_name(None)}, who runs this"
    problem = f"{named} {path} can't be {way.value} by {who}"
    if error not in DENIED:
        return f"{problem}: {blocked_by}: {os.strerror(error)}"
    return f"{problem}: {'it' if blocked_by == path else blocked_by} {mode_and_owner(blocked_by)}"


def _name(user: pwd.struct_passwd | None) -> str:
    return user.pw_name if user is not None else user_name(os.geteuid())


def _report(pipe: int, user: pwd.struct_passwd | None, attempt: Callable[[], Any], stay_root: bool) -> None:
    """In the child: become that user, try, write the result, end."""
    code = 1
    try:
        become(user, stay_root)
        if user is not None:
            refuse_private_kernels()
        try:
            message, code = json.dumps(["returned", attempt()]), 0
        except tuple(RAISED.values()) as error:
            kind = next(name for name, each in RAISED.items() if isinstance(error, each))
            message, code = json.dumps([kind, cause(error)]), 0
    except BaseException as error:
        message = repr(error)
    with contextlib.suppress(OSError), open(pipe, "wb") as end:  # a descriptor
        end.write(message.encode(errors="replace"))
    os._exit(code)


def _blocked(need: Need) -> Iterator[tuple[Path, int]]:
    """Where this process is stopped, and by which error."""
    path, change = need.path.absolute(), need.way in (Way.CHANGE, Way.CHANGE_ALL)
    stopped = on_the_way(path)
    if stopped is not None:
        if stopped[1] != errno.ENOENT:
            yield stopped
        elif change:
            yield from _folder(next(parent for parent in path.parents if parent.exists()), change)
        return
    if need.way is Way.REACH:
        return
    if path.is_dir():
        yield from _folder(path, change)
    else:
        yield from _file(path, change)
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
        if os.path.lexists(path):  # writers make folders and remove them
            yield path, errno.EACCES
    elif change and not os.access(path, os.W_OK):
        writable_disk = not os.statvfs(path).f_flag & os.ST_RDONLY
        yield path, errno.EACCES if writable_disk else errno.EROFS


def _below(path: Path, change: bool, without: Collection[str]) -> Iterator[tuple[Path, int]]:
    """Everything below a folder; most files are replaced, for which only their folders must be writable."""
    left, folders = MOST_ENTRIES, [path]
    while folders and left > 0:
        for entry in _entries(folders.pop()):
            left -= 1
            if entry.name in (*without, LOST_AND_FOUND) or entry.is_symlink():  # links are refused when opened
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _folder(Path(entry.path), change)
                folders.append(Path(entry.path))
            else:
                mode = os.R_OK | os.W_OK if change and entry.name in OPENED_TO_WRITE else os.R_OK
                if not os.access(entry.path, mode) and os.path.lexists(entry.path):
                    yield Path(entry.path), errno.EACCES


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return ()
