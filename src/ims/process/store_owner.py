"""Commands that root types, on files of another user: they act as that user, and leave no files of root's there, which
would stop that user's daemon.

The owner is found folder by folder (path_owners.py), so that no owner of one of them can have the command act as root
or as a third user.

At most one of root's privileges is kept, to read any file (read_search.py): for the whole run where that user can't
read this program (a checkout in root's home), and in reserve where captures are read. While it is in force, a link in
that user's files could lead to root's, so a store's files are opened without following links (stored_file.py). Nothing
that the user could have written is loaded as code: kernels come from /var/cache/ims, or are compiled in memory.

What remains: the process has root's terminal, so that Ctrl-C ends it. It starts no program of that user's, except that
the object store's client of `ims ship` runs a `credential_process` of the user's ~/.aws/config. To avoid that, type
`runuser --pty -u NAME -- ims ...`, which has a terminal of its own.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ims.cause import owner_and_group
from ims.path_owners import Step, is_of_no_user, steps_to
from ims.process.file_access import tried_as
from ims.process.privileges import no_new_privileges, refuse_private_kernels, set_capabilities, user_name
from ims.process.read_search import DAC_READ_SEARCH, keep_capabilities


class Owner(NamedTuple):
    """A user and a group, with the user's name and home where there are any."""

    uid: int
    gid: int
    name: str
    home: str


def owner_of(path: Path) -> Owner | None:
    """The owner for what is written at `path`: of what is there, else of the folder that it will be in. None where
    that, and each folder on the way, is root's.

    Raises ValueError for what is root's below another user's folder, who could replace it; for another user's link,
    who could have root write anywhere; and where folders belong to several users. OSError where it can't be examined.
    """
    steps = steps_to(path)
    of_others = [step for step in steps if step.status.st_uid != 0 and not is_of_no_user(step.status.st_uid)]
    if not of_others:
        return None
    for step in of_others:
        if stat.S_ISLNK(step.status.st_mode):
            whose = owner_and_group(step.status)
            raise ValueError(f"{step.path} is a symbolic link of {whose}, who could redirect it; give its target")
    end = [step for step in steps if not stat.S_ISLNK(step.status.st_mode)][-1]
    uid = end.status.st_uid
    if uid not in {step.status.st_uid for step in of_others}:
        raise ValueError(_roots_below(path, end, of_others[-1], any(stat.S_ISLNK(s.status.st_mode) for s in steps)))
    for step in of_others:
        if step.status.st_uid != uid:
            raise ValueError(
                f"{end.path} is {user_name(uid)}'s, below {step.path}, which is {user_name(step.status.st_uid)}'s, who "
                f"could put something else in its place; type `{_as_user(uid, end.status.st_gid)}`"
            )
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return Owner(uid, end.status.st_gid or uid, f"user {uid}", "/nonexistent")
    return Owner(uid, end.status.st_gid or user.pw_gid, user.pw_name, user.pw_dir)


def _roots_below(path: Path, end: Step, folder: Step, by_link: bool) -> str:
    """Why root's files below another user's folder can't be written to, and what to type."""
    theirs = owner_and_group(folder.status)
    if by_link:
        return f"{path} leads to {end.path} through {folder.path} of {theirs}; give its target"
    whole = "" if not stat.S_ISDIR(end.status.st_mode) else "-R "
    line = f"chown {whole}-h {theirs.replace('user ', '').replace(', group ', ':')} {shlex.quote(str(end.path))}"
    if not whole and folder.path == end.path.parent:
        return f"{end.path} belongs to root in a folder of {theirs}, who can't write to it; type `{line}` first"
    return (
        f"{end.path} belongs to root below {folder.path} of {theirs}, who could replace it; "
        f"move it elsewhere, or type `{line}` first"
    )


def _as_user(uid: int, gid: int) -> str:
    """The line that runs this command as that user, who may have no name."""
    try:
        who = ["runuser", "-u", pwd.getpwuid(uid).pw_name, "--"]
    except KeyError:
        who = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--"]
    return shlex.join([*who, "ims", *sys.argv[1:]])


def act_as_owner(path: Path, captures: bool = False) -> str | None:
    """Where root runs this process, become for good the owner of what is written at `path`; returns the name, None for
    root. `captures`: root's right to read them is kept in reserve. To be called before other threads begin.

    Raises ValueError as `owner_of` does, and where the process can't become that user, with the line to type; OSError.
    """
    owner = owner_of(path) if os.geteuid() == 0 else None
    if owner is None:
        return None
    try:
        _become(owner, captures)
    except OSError as error:
        line = _as_user(owner.uid, owner.gid)
        problem = f"{path} is {owner.name}'s, and this process can't become that user ({error.strerror})"
        raise ValueError(f"{problem}; type `{line}`") from None
    os.environ["HOME"] = owner.home
    os.environ.pop("XDG_CACHE_HOME", None)
    return owner.name


def tried_as_owner(path: Path, attempt: Callable[[], Any]) -> Any:
    """What `attempt` returns, as JSON has it, to the user that `act_as_owner` would become; this process keeps its
    user. Raises the ValueError or OSError that it raises."""
    owner = owner_of(path) if os.geteuid() == 0 else None
    if owner is None:
        return attempt()

    def as_owner() -> Any:
        _become(owner)
        return attempt()

    return tried_as(None, as_owner, stay_root=True)


def groups_of(owner: Owner) -> list[int]:
    """All groups that the user is in; none where it has no name."""
    try:
        return os.getgrouplist(pwd.getpwuid(owner.uid).pw_name, owner.gid)
    except KeyError:
        return []


def _become(owner: Owner, captures: bool = False) -> None:
    program = {place: os.R_OK | (os.X_OK if place.is_dir() else 0) for place in _program() if place.exists()}
    no_new_privileges()
    keep_capabilities()
    os.setgroups(groups_of(owner))
    os.setresgid(owner.gid, owner.gid, owner.gid)
    os.setresuid(owner.uid, owner.uid, owner.uid)
    refuse_private_kernels()
    effective = 0 if all(os.access(place, mode) for place, mode in program.items()) else DAC_READ_SEARCH
    with contextlib.suppress(OSError):  # root in a container may lack it
        set_capabilities(DAC_READ_SEARCH if captures else effective, effective)
        return
    set_capabilities(0, 0)


def _program() -> set[Path]:
    """What this program is read from, now and later."""
    named = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    files = {Path(file) for file in named if file}
    places = {Path(place) for place in (sys.prefix, sys.base_prefix, *sys.path) if place}
    return files | places | {file.parent for file in files}
