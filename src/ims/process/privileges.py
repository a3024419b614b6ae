"""From root, which sockets need, to a user who may do nothing: before the first hostile octet is looked at."""

from __future__ import annotations

import ctypes
import os
import pwd
import shlex
import sys
from pathlib import Path

from ims.path_owners import give_new_folder

PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITY_LINES = ("CapInh", "CapPrm", "CapEff", "CapAmb")


def user_to_become(name: str | None) -> pwd.struct_passwd | None:
    """The user to become: `name`, else `ims` or `nobody`; None where we aren't root or `root` is asked for.

    Raises ValueError where there is no such user.
    """
    if os.geteuid() != 0 or name == "root":
        return None
    for candidate in (name,) if name else ("ims", "nobody"):
        try:
            return pwd.getpwnam(candidate)
        except KeyError:
            continue
    found = name or "ims or nobody"
    raise ValueError(f"there is no user {found!r}; make one (useradd --system ims), or say user = 'root'")


def refuse_owner(store: Path, user: pwd.struct_passwd | None) -> None:
    """Raises ValueError where a store that isn't empty belongs to another than `user` (None: root stays root), with the
    line to type. Changes nothing."""
    if os.geteuid() != 0 or not store.is_dir() or not any(store.iterdir()):
        return
    found = store.stat()
    if user is None:
        if found.st_uid != 0:
            owner = user_name(found.st_uid)
            way = "give it to root" if owner.startswith("user ") else f"set user = {owner!r}, or run it as that user"
            raise ValueError(
                f"{store} belongs to {owner}, and the sensor stays root, whose files {owner} couldn't write to; {way}"
            )
    elif found.st_uid != user.pw_uid:
        owner = user_name(found.st_uid)
        raise ValueError(f"{store} belongs to {owner}, and the sensor becomes {user.pw_name}; {_remedy(store, user)}")


def _remedy(store: Path, user: pwd.struct_passwd) -> str:
    """Only what is a store already is ever said to be given away as a whole."""
    if not (store / "store.json").is_file():
        return "it is no store: set `store` to a folder of its own"
    return f"chown -R {user.pw_name} {shlex.quote(os.path.realpath(store))}, or set `user`"


def user_name(number: int) -> str:
    """A user's name, or `user 12345` where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def prepare_store(store: Path, user: pwd.struct_passwd | None) -> None:
    """Make the store's folder that user's, if it is absent or empty. Raises what `refuse_owner` raises, ValueError for
    a link of another's on the way, OSError."""
    refuse_owner(store, user)
    if user is None:
        return
    if not store.exists() or (store.is_dir() and not any(store.iterdir())):
        give_new_folder(store, user.pw_uid, user.pw_gid)


def become(user: pwd.struct_passwd | None, stay_root: bool = False) -> None:
    """Be that user for good (None: the one we are), without groups and capabilities (capabilities(7)), and never
    gain any again. `stay_root`: keep root's, as was asked for.

    To be called before other threads begin: capabilities are a thread's own. Raises OSError.
    """
    no_new_privileges()
    libc = ctypes.CDLL(None, use_errno=True)
    if user is not None:
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    elif not stay_root:
        _must(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient capabilities can't be dropped")
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        _must(libc.capset(header, (ctypes.c_uint32 * 6)()), "capabilities can't be dropped")


def refuse_private_kernels() -> None:
    """Have compiled kernels read from root's folder alone from now on, here and in what we start (kernel_cache.py):
    what the user we have become could write would run on root's terminal."""
    os.environ["IMS_CACHE_DIR"] = "none"
    if "ims.kernels" in sys.modules:
        sys.modules["ims.kernels"].forget_cache()


def no_new_privileges() -> None:
    """Never gain any again, nor any program that we start (prctl(2)); threads that begin later inherit it.

    Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs can't be set")


def _must(result: int, complaint: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), complaint)


def capabilities() -> dict[str, int]:
    """The process's capability sets, as bits."""
    lines = (line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(value, 16) for name, value, *_ in lines if name in CAPABILITY_LINES}
