"""Commands that root types, on files of another user: they act as that user, so that nothing of root's is left there.

A file that root leaves in a daemon's folder stops the daemon, which may not write to it. Who acts is found out folder
by folder (path_owners.py), so that nobody who owns one of them can have it act as root, or as a third user.

Of root's powers at most one is kept, to read any file (read_search.py): for the whole run where that user couldn't read
this program, which a checkout in root's home is, and in reserve where captures are to be read. While it is in force, a
link in that user's files could lead to root's: a store's files are opened without following any (stored_file.py).
Nothing that he could have written is loaded as code: compiled kernels come from /var/cache/ims, or are compiled in
memory.

What remains: the process has root's terminal, so that Ctrl-C ends it. We start no program of that user's on it; but for
`ims ship` to a bucket, a `credential_process` in his ~/.aws/config is started by the object store's client. Who doesn't
trust him so far types `runuser --pty -u NAME -- ims ...`, which has a terminal of its own.
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
from ims.process.privileges import no_new_privileges, refuse_private_kernels, user_name
from ims.process.read_search import DAC_READ_SEARCH, keep_capabilities, set_capabilities


class Owner(NamedTuple):
    """Whom files belong to: user and group, the user's name and home where there are any."""

    uid: int
    gid: int
    name: str
    home: str


def owner_of(path: Path) -> Owner | None:
    """Whom what is written at `path` is to belong to: the owner of what is there, else of the folder that it will be
    in. None where that, and each folder on the way, is root's.

    Raises ValueError for what is root's below a folder of another's, who could put something else in its place; for a
    link of another's, who could have root write wherever it leads; and where folders belong to several users. OSError
    where it can't be looked at.
    """
    steps = steps_to(path)
    of_others = [step for step in steps if step.status.st_uid != 0 and not is_of_no_user(step.status.st_uid)]
    if not of_others:
        return None
    for step in of_others:
        if stat.S_ISLNK(step.status.st_mode):
            whose = owner_and_group(step.status)
            raise ValueError(
                f"{step.path} is a link of {whose}, who could have it lead anywhere; give the place it leads to"
            )
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
    """Why what is root's can't be written to below a folder of another's, and what to type."""
    theirs = owner_and_group(folder.status)
    if by_link:
        return f"{path} leads to {end.path} through {folder.path} of {theirs}; give the place it leads to"
    whole = "" if not stat.S_ISDIR(end.status.st_mode) else "-R "
    line = f"chown {whole}-h {theirs.replace('user ', '').replace(', group ', ':')} {shlex.quote(str(end.path))}"
    if not whole and folder.path == end.path.parent:
        return f"{end.path} belongs to root in a folder of {theirs}, who can't write to it; type `{line}` first"
    return (
        f"{end.path} belongs to root below {folder.path} of {theirs}, who could put something else in its place; "
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
    """Where root runs this process, be for good the user whom what is written at `path` is to belong to; who that is,
    if another than root. `captures`: root's right to read them is kept in reserve. To be called before other threads
    begin.

    Raises ValueError as `owner_of` does, and where that user can't be become, with the line to type; OSError.
    """
    owner = owner_of(path) if os.geteuid() == 0 else None
    if owner is None:
        return None
    try:
        _become(owner, captures)
    except OSError as error:
        line = _as_user(owner.uid, owner.gid)
        raise ValueError(f"{path} is {owner.name}'s, which isn't possible ({error.strerror}); type `{line}`") from None
    os.environ["HOME"] = owner.home
    os.environ.pop("XDG_CACHE_HOME", None)
    return owner.name


def tried_as_owner(path: Path, attempt: Callable[[], Any]) -> Any:
    """What `attempt` returns, as JSON has it, to the user that `act_as_owner` would be; this process stays who it is.
    Raises the ValueError or OSError that it raises."""
    owner = owner_of(path) if os.geteuid() == 0 else None
    if owner is None:
        return attempt()

    def as_owner() -> Any:
        _become(owner)
        return attempt()

    return tried_as(None, as_owner, stay_root=True)


def groups_of(owner: Owner) -> list[int]:
    """All groups that the user is in; none where he has no name."""
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
    if not all(os.access(place, wanted) for place, wanted in program.items()):
        kept = DAC_READ_SEARCH, DAC_READ_SEARCH
    else:
        kept = (DAC_READ_SEARCH if captures else 0), 0
    with contextlib.suppress(OSError):  # root in a container may lack it
        set_capabilities(*kept)
        return
    set_capabilities(0, 0)


def _program() -> set[Path]:
    """What this program is read from, now and later."""
    named = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    files = {Path(file) for file in named if file}
    places = {Path(place) for place in (sys.prefix, sys.base_prefix, *sys.path) if place}
    return files | places | {file.parent for file in files}
