"""The system where services are installed: this one, or an image in a folder, with users of its own."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

RUNNING_SYSTEMD = Path("/run/systemd/system")
TOOLS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Folders of useradd, which aren't in an ordinary user's PATH."""


class Account(NamedTuple):
    """The part of a passwd(5) line that is needed here."""

    uid: int
    gid: int


class Machine:
    """A system below `root`. Its users come from its own files; on this system, from nsswitch's sources."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Raises ValueError where `root` holds no system."""
        self.root = root
        self.units_differ = False
        """whether a step found a unit's file to change"""
        if not self.is_this and not all((root / "etc" / name).is_file() for name in ("passwd", "group")):
            raise ValueError(f"{root} holds no system: expected a folder with etc/passwd and etc/group")

    @property
    def is_this(self) -> bool:
        """Whether it is the running system."""
        return self.root == Path("/")

    @property
    def runs_systemd(self) -> bool:
        """Whether a service manager runs there."""
        return self.is_this and RUNNING_SYSTEMD.is_dir()

    def where(self, path: str) -> Path:
        """A path of that system, as we reach it."""
        return self.root / path.lstrip("/")

    def user(self, name: str) -> Account | None:
        """A user of that system; None if there is none."""
        fields = self._fields("passwd", name)
        return None if fields is None else Account(int(fields[2]), int(fields[3]))

    def group(self, name: str) -> int | None:
        """The number of a group of that system; None if there is none."""
        fields = self._fields("group", name)
        return None if fields is None else int(fields[2])

    def members(self, group: str) -> list[str]:
        """Users whom the group lists, without those whose primary group it is."""
        fields = self._fields("group", group)
        return [] if fields is None else [name for name in fields[3].split(",") if name]

    def reload_needed(self, units: Sequence[str]) -> bool:
        """Whether a file of these units has changed since the service manager read it; True if it can't tell."""
        try:
            return "yes" in self.run(["systemctl", "show", "--property=NeedDaemonReload", "--value", *units]).split()
        except OSError:
            return True

    def run(self, words: Sequence[str]) -> str:
        """Run a program that changes users, or systemctl; what it printed. Raises OSError, in one line, if it fails."""
        program = shutil.which(words[0], path=os.pathsep.join([*TOOLS, os.environ.get("PATH", "")]))
        if program is None:
            package = "systemd" if words[0] == "systemctl" else "passwd"
            raise OSError(f"{words[0]} is missing; on Debian: apt-get install {package}")
        done = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False)
        if done.returncode:
            message = " ".join(done.stderr.split()) or f"it ended with status {done.returncode}"
            raise OSError(f"{' '.join(words)}: {message}")
        return done.stdout

    def change_users(self, words: Sequence[str]) -> None:
        """Run useradd, groupadd or usermod on that system's files. Raises OSError, in one line, if it fails."""
        self.run([words[0], *([] if self.is_this else ["--prefix", str(self.root)]), *words[1:]])

    def _fields(self, file: str, name: str) -> list[str] | None:
        """The fields of a line of passwd(5) or group(5)."""
        if self.is_this:
            with suppress(KeyError):
                entry = pwd.getpwnam(name) if file == "passwd" else grp.getgrnam(name)
                return [",".join(field) if isinstance(field, list) else str(field) for field in entry]
            return None
        lines = (line.split(":") for line in (self.root / "etc" / file).read_text().splitlines())
        return next((fields for fields in lines if fields[0] == name and len(fields) >= 4), None)
