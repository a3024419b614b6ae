"""Folders of the system itself, in which nothing of ours is made and which are never made ours."""

from __future__ import annotations

import os
from pathlib import Path

SHARED = (
    "", "boot", "dev", "dev/shm", "etc", "home", "media", "mnt", "opt", "proc", "root", "run", "run/user", "srv", "sys",
    "tmp", "usr", "usr/local", "var", "var/cache", "var/lib", "var/log", "var/mail", "var/opt", "var/run", "var/spool",
    "var/tmp",
)  # fmt: skip
"""Folders below / that many programs share (Filesystem Hierarchy Standard 3.0): one's own folder may be in them."""
OWN = ("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin", "/sys", "/usr")
"""Folders that belong to the system with all that is in them, but for /usr/local's folders."""


def refuse_system_folder(
    folder: Path, named: str, example: str = "/var/lib/ims/store", in_etc: bool = False, shared: bool = False
) -> None:
    """Raises ValueError where `folder`, links followed, is one of the system's. `named`: what it was to be; `in_etc`:
    it may be a folder in /etc; `shared`: or one that many programs share, such as /mnt, for nothing there is removed or
    given away."""
    found = Path(os.path.realpath(folder))
    if in_etc and found.is_relative_to("/etc") and str(found) != "/etc":
        return
    inside = next((place for place in OWN if found.is_relative_to(place) and not _is_local(found)), None)
    if inside is None and (shared or str(found)[1:] not in SHARED):
        return
    said = f"{folder}" if str(folder) == str(found) else f"{folder}, which is {found},"
    raise ValueError(f"{said} belongs to the system; expected a folder of its own for {named}, such as {example}")


def _is_local(found: Path) -> bool:
    return found.is_relative_to("/usr/local") and len(found.parts) > 4
