"""From root, which sockets need, to a user without privileges, before the first hostile octet is read."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shlex
import sys
from pathlib import Path
from typing import Any

from ims.path_owners import give_new_folder

PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITY_LINES = ("CapInh", "CapPrm", "CapEff", "CapAmb")


def user_to_become(name: str | None) -> pwd.struct_passwd | None:
    """The user to become: `name`, else `ims` or `nobody`; None where we aren't root or `name` is `root`. Raises
    ValueError where there is no such user."""
    if os.geteuid() != 0 or name == "root":
        return None
    for candidate in (name,) if name else ("ims", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(candidate)
    found = name or "ims or nobody"
    raise ValueError(f"there is no user {found!r}; make one (useradd --system ims), or say user = 'root'")


def stays_root(name: str | None) -> bool:
    """Whether root stays root; `name`: a daemon's setting `user`."""
    return os.geteuid() == 0 and name == "root"


def refuse_owner(store: Path, user: pwd.struct_passwd | None) -> None:
    """Raises ValueError where a store that isn't empty belongs to another than `user` (None: root stays root), with the
    line to type. Changes nothing."""
    if os.geteuid() != 0 or not store.is_dir() or is_to_be_made(store):
        return
    uid = store.stat().st_uid
    if uid == (0 if user is None else user.pw_uid):
        return
    owner = user_name(uid)
    if user is None:
        remedy = "give it to root" if owner.startswith("user ") else f"set user = {owner!r}, or run it as that user"
        raise ValueError(
            f"{store} belongs to {owner}, and the sensor stays root: {owner} couldn't write to its files; {remedy}"
        )
    remedy = f"chown -R {user.pw_name} {shlex.quote(os.path.realpath(store))}, or set `user`"
    if not (store / "store.json").is_file():  # chown -R is only for what is a store already
        remedy = "it is no store: set `store` to a folder of its own"
    raise ValueError(f"{store} belongs to {owner}, and the sensor becomes {user.pw_name}; {remedy}")


def is_to_be_made(store: Path) -> bool:
    """Whether a store is absent or empty. Raises OSError."""
    return not store.exists() or (store.is_dir() and not any(store.iterdir()))


def user_name(number: int) -> str:
    """A user's name, or `user 12345` where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def prepare_store(store: Path, user: pwd.struct_passwd | None) -> None:
    """Make the store's folder that user's, if it is absent or empty. Raises what `refuse_owner` raises, ValueError for
    another user's link on the way, OSError."""
    refuse_owner(store, user)
    if user is not None and is_to_be_made(store):
        give_new_folder(store, user.pw_uid, user.pw_gid)


def become(user: pwd.struct_passwd | None, stay_root: bool = False) -> None:
    """Be that user for good (None: the present one), without groups and capabilities, and never gain any again.
    `stay_root`: keep root's. To be called before other threads begin: capabilities are a thread's own. Raises OSError.
    """
    no_new_privileges()
    if user is not None:
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    elif not stay_root:
        problem = "ambient capabilities can't be dropped"
        call_libc("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, problem=problem)
        set_capabilities(0, 0, "capabilities can't be dropped")


def set_capabilities(permitted: int, effective: int, problem: str = "") -> None:
    """What this thread, and those that it starts, may put in force, and what is in force (capabilities(7)). Raises
    OSError."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    call_libc("capset", header, (ctypes.c_uint32 * 6)(effective, permitted), problem=problem)


def call_libc(function: str, *arguments: Any, problem: str = "") -> None:
    """Call a function of libc that returns 0. Raises OSError with `problem`, or the system's words without one."""
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments):
        raise OSError(ctypes.get_errno(), problem or os.strerror(ctypes.get_errno()))


def refuse_private_kernels() -> None:
    """Have compiled kernels read only from root's folder from now on, here and in programs that we start
    (kernel_cache.py): those that the user we have become could write would run on root's terminal."""
    os.environ["IMS_CACHE_DIR"] = "none"
    if "ims.kernels" in sys.modules:
        sys.modules["ims.kernels"].forget_cache()


def no_new_privileges() -> None:
    """Never gain any again, nor any program that we start (prctl(2)); later threads inherit it. Raises OSError."""
    call_libc("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, problem="no_new_privs can't be set")


def capabilities() -> dict[str, int]:
    """The process's capability sets, as bits."""
    lines = (line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(value, 16) for name, value, *_ in lines if name in CAPABILITY_LINES}
