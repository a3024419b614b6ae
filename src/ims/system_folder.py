"""Folders of the system, in which we make nothing and which never become ours."""

from __future__ import annotations

import os
from pathlib import Path

SHARED = (
    "", "boot", "dev", "dev/shm", "etc", "home", "media", "mnt", "opt", "proc", "root", "run", "run/user", "srv", "sys",
    "tmp", "usr", "usr/local", "var", "var/cache", "var/lib", "var/log", "var/mail", "var/opt", "var/run", "var/spool",
    "var/tmp",
)  # fmt: skip
"""Folders below / that many programs share (Filesystem Hierarchy Standard 3.0): our folder may be in them."""
OWN = ("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin", "/sys", "/usr")
"""Folders that belong to the system with all that is in them, except those in /usr/local."""


def refuse_system_folder(
    folder: Path, named: str, example: str = "/var/lib/ims/store", in_etc: bool = False, shared: bool = False
) -> None:
    """Raises ValueError where `folder`, links followed, is one of the system's. `named`: its purpose; `in_etc`: it may
    be a folder in /etc; `shared`: or one that many programs share, such as /mnt, where nothing is removed or given
    away."""
    found = Path(os.path.realpath(folder))
    if in_etc and found.is_relative_to("/etc") and str(found) != "/etc":
        return
    is_local = found.is_relative_to("/usr/local") and len(found.parts) > 4
    is_own = not is_local and any(map(found.is_relative_to, OWN))
    if not is_own and (shared or str(found)[1:] not in SHARED):
        return
    name = f"{folder}" if str(folder) == str(found) else f"{folder}, which is {found},"
    raise ValueError(f"{name} belongs to the system; expected a folder of its own for {named}, such as {example}")
