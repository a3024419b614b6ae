"""The system that services are installed in: this one, or an image in a folder, whose users are in its own files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

RUNNING_SYSTEMD = Path("/run/systemd/system")
TOOLS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where useradd is, which an ordinary user's PATH doesn't name."""


class Account(NamedTuple):
    """A line of passwd(5), as far as it matters here."""

    uid: int
    gid: int


class Machine:
    """A system below `root`. Its users come from its own files: on this system, from whatever it asks (nsswitch)."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Raises ValueError where `root` holds no system."""
        self.root = root
        self.units_differ = False
        """whether a step found that a unit's file was to be changed"""
        if not self.is_this and not (self._file("etc/passwd").is_file() and self._file("etc/group").is_file()):
            raise ValueError(f"{root} holds no system: expected a folder with etc/passwd and etc/group")

    @property
    def is_this(self) -> bool:
        """Whether it is the system that we run in."""
        return self.root == Path("/")

    @property
    def runs_systemd(self) -> bool:
        """Whether there is a service manager to be told."""
        return self.is_this and RUNNING_SYSTEMD.is_dir()

    def where(self, path: str) -> Path:
        """A path of that system, as we reach it."""
        return self._file(path.lstrip("/"))

    def user(self, name: str) -> Account | None:
        """A user of that system; None if there is none."""
        if self.is_this:
            import pwd

            try:
                found = pwd.getpwnam(name)
            except KeyError:
                return None
            return Account(found.pw_uid, found.pw_gid)
        fields = self._line("etc/passwd", name)
        return None if fields is None else Account(int(fields[2]), int(fields[3]))

    def group(self, name: str) -> int | None:
        """The number of a group of that system; None if there is none."""
        if self.is_this:
            import grp

            try:
                return grp.getgrnam(name).gr_gid
            except KeyError:
                return None
        fields = self._line("etc/group", name)
        return None if fields is None else int(fields[2])

    def members(self, group: str) -> list[str]:
        """Users whom the group lists; those whose first group it is aren't among them."""
        if self.is_this:
            import grp

            return list(grp.getgrnam(group).gr_mem)
        fields = self._line("etc/group", group)
        return [] if fields is None else [name for name in fields[3].split(",") if name]

    def reload_needed(self, units: Sequence[str]) -> bool:
        """Whether the service manager has read another file of one of these units than the one that is there. True
        where it doesn't say."""
        try:
            return "yes" in self.run(["systemctl", "show", "--property=NeedDaemonReload", "--value", *units]).split()
        except OSError:
            return True

    def run(self, words: Sequence[str]) -> str:
        """Run a program that changes users or asks or tells the service manager; what it printed. Raises OSError, in
        one line, if it can't."""
        path = os.pathsep.join([*TOOLS, os.environ.get("PATH", "")])
        program = shutil.which(words[0], path=path)
        if program is None:
            package = {"systemctl": "systemd"}.get(words[0], "passwd")
            raise OSError(f"{words[0]} is missing; on Debian: apt-get install {package}")
        done = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"it ended with status {done.returncode}"
            raise OSError(f"{' '.join(words)}: {said}")
        return done.stdout

    def change_users(self, words: Sequence[str]) -> None:
        """Run useradd, groupadd or usermod on that system's files. Raises OSError, in one line, if it can't."""
        self.run([words[0], *([] if self.is_this else ["--prefix", str(self.root)]), *words[1:]])

    def _file(self, path: str) -> Path:
        return self.root / path

    def _line(self, file: str, name: str) -> list[str] | None:
        lines = (line.split(":") for line in self._file(file).read_text().splitlines())
        return next((fields for fields in lines if fields[0] == name and len(fields) >= 4), None)
