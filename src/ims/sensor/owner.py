"""Commands that root types, on files of another user: they act as that user, so that nothing of root's is left there.

A file that root leaves in a daemon's folder stops the daemon, which may not write to it. What is kept of root's powers
is to read any file (CAP_DAC_READ_SEARCH, capabilities(7)): captures to ingest, and this program, may be root's own.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ims.cause import owner_and_group
from ims.sensor.access import tried_as
from ims.sensor.privileges import CAPABILITY_VERSION_3, no_new_privileges

PR_SET_KEEPCAPS = 8
DAC_READ_SEARCH = 1 << 2
OF_A_CACHE = ("IMS_CACHE_DIR", "XDG_CACHE_HOME")


class Owner(NamedTuple):
    """Whom files belong to: user and group, the user's name and home where there are any."""

    uid: int
    gid: int
    name: str
    home: str


def owner_of(path: Path) -> Owner | None:
    """Whom what is written at `path` is to belong to: the owner of what is there, else of the folder that it will be
    in. None where that is root.

    Raises ValueError for a file of root's in a folder of another's, with the line to type; and for a link of another's
    on the way, who could have root write wherever it leads.
    """
    path = path.absolute()
    for step in (path, *path.parents):
        if step.is_symlink() and step.lstat().st_uid != 0:
            whose = owner_and_group(step.lstat())
            raise ValueError(
                f"{step} is a link of {whose}, who could have it lead anywhere; give the place it leads to"
            )
    at = next(step for step in (path, *path.parents) if step.exists())
    found = at.stat()
    if found.st_uid == 0 and at == path and not path.is_dir():
        folder = path.parent.stat()
        if folder.st_uid != 0:
            theirs = owner_and_group(folder)
            line = f"chown -h {theirs.replace('user ', '').replace(', group ', ':')} {shlex.quote(str(path))}"
            raise ValueError(
                f"{path} belongs to root in a folder of {theirs}, who can't write to it; type `{line}` first"
            )
    if found.st_uid == 0:
        return None
    try:
        user = pwd.getpwuid(found.st_uid)
    except KeyError:
        return Owner(found.st_uid, found.st_gid or found.st_uid, f"user {found.st_uid}", "/nonexistent")
    return Owner(found.st_uid, found.st_gid or user.pw_gid, user.pw_name, user.pw_dir)


def act_as_owner(path: Path) -> str | None:
    """Where root runs this process, be for good the user whom what is written at `path` is to belong to; who that is,
    if another than root. To be called before other threads begin and before kernels are imported, whose cache is a
    user's own.

    Raises ValueError where that user can't be become, with the line to type.
    """
    owner = owner_of(path) if os.geteuid() == 0 else None
    if owner is None:
        return None
    try:
        _become(owner)
    except OSError as error:
        line = shlex.join(["runuser", "-u", owner.name, "--", "ims", *sys.argv[1:]])
        raise ValueError(f"{path} is {owner.name}'s, who can't be become ({error.strerror}); type `{line}`") from None
    os.environ["HOME"] = owner.home
    for name in OF_A_CACHE:
        folder = os.environ.get(name)
        if folder and (not Path(folder).is_dir() or Path(folder).stat().st_uid != owner.uid):
            del os.environ[name]
    if "ims.kernels" in sys.modules:
        sys.modules["ims.kernels"].forget_cache()
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


def _become(owner: Owner) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges()
    if libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.setgroups([])
    os.setresgid(owner.gid, owner.gid, owner.gid)
    os.setresuid(owner.uid, owner.uid, owner.uid)
    for kept in (DAC_READ_SEARCH, 0):  # root in a container may lack it
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        if not libc.capset(header, (ctypes.c_uint32 * 6)(kept, kept)):
            return
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
