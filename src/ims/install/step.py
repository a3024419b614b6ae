"""One thing that a service needs on a machine: made if it is missing, otherwise left.

A step looks first (`due`), so a dry run prints what an installation does, and a second installation does nothing. A
folder's parent may belong to a service's user: folders are opened without following links, and owner and mode are set
on what was opened, so nobody can have root give away a folder of the system.
"""

from __future__ import annotations

import contextlib
import os
import stat
from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from ims.install.machine import Account, Machine
from ims.install.place import FOLDER_FLAGS, parent_of, write
from ims.install.unit import shipped


class Step(Protocol):
    """A step of an installation. Both methods raise OSError, and ValueError for what an operator must decide."""

    @abstractmethod
    def due(self, machine: Machine) -> str | None:
        """What is to be done, in words that follow "would"; None if nothing. Changes nothing."""

    @abstractmethod
    def do(self, machine: Machine) -> None:
        """Do it."""


@dataclass(frozen=True)
class Group:
    """A system group."""

    name: str

    def due(self, machine: Machine) -> str | None:
        """Made if missing."""
        return f"make the group {self.name}" if machine.group(self.name) is None else None

    def do(self, machine: Machine) -> None:
        """groupadd(8)."""
        machine.change_users(["groupadd", "--system", self.name])


@dataclass(frozen=True)
class User:
    """A system user without home and shell, in a group."""

    name: str
    group: str

    def due(self, machine: Machine) -> str | None:
        """Made if missing; an existing user is put into the group."""
        account = machine.user(self.name)
        if account is None:
            return f"make the user {self.name}, of the group {self.group}"
        if account.gid != machine.group(self.group) and self.name not in machine.members(self.group):
            return f"put the user {self.name} into the group {self.group}"
        return None

    def do(self, machine: Machine) -> None:
        """useradd(8), or usermod(8)."""
        if machine.user(self.name) is not None:
            machine.change_users(["usermod", "--append", "--groups", self.group, self.name])
            return
        nobody = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
        machine.change_users(["useradd", "--system", "--gid", self.group, *nobody, self.name])


@dataclass(frozen=True)
class Folder:
    """A folder with owner and mode."""

    path: str
    user: str
    group: str
    mode: int

    def due(self, machine: Machine) -> str | None:
        """Made if missing; owner and mode are corrected. A link is an operator's, and left."""
        owner = f"{self.user}:{self.group}, {self.mode:04o}"
        try:
            status = machine.where(self.path).lstat()
        except FileNotFoundError:
            return f"make the folder {self.path} ({owner})"
        if stat.S_ISLNK(status.st_mode):
            return None
        if not stat.S_ISDIR(status.st_mode):
            raise ValueError(f"{self.path} is not a folder, and a service needs one there: move it away")
        mode = stat.S_IMODE(status.st_mode)
        if (status.st_uid, status.st_gid) == _ids(machine, self.user, self.group) and mode == self.mode:
            return None
        found = f"{status.st_uid}:{status.st_gid}, {mode:04o}"
        return f"give the folder {self.path} its owner and mode ({owner}; found {found})"

    def do(self, machine: Machine) -> None:
        """Make it, and missing folders above it."""
        uid, gid = _owner(machine, self.user, self.group)
        with parent_of(machine, self.path) as (parent, name):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, mode=0o700, dir_fd=parent)
            folder = os.open(name, FOLDER_FLAGS, dir_fd=parent)
            try:
                os.fchown(folder, uid, gid)
                os.fchmod(folder, self.mode)
            finally:
                os.close(folder)


@dataclass(frozen=True)
class Settings:
    """A file of settings: an example, if there is none."""

    path: str
    user: str
    group: str
    mode: int
    source: str
    """the example among the package's files"""

    def due(self, machine: Machine) -> str | None:
        """Written if missing; an existing one is an operator's."""
        try:
            machine.where(self.path).lstat()
        except FileNotFoundError:
            return f"write example settings to {self.path} ({self.user}:{self.group}, {self.mode:04o})"
        return None

    def do(self, machine: Machine) -> None:
        """Write the example."""
        owner = _owner(machine, self.user, self.group)
        write(machine, self.path, shipped(self.source), self.mode, owner, over=False)


@dataclass(frozen=True)
class Unit:
    """A unit's file: the shipped one replaces an existing one. Operators' changes are drop-ins, and stay."""

    path: str
    text: str

    def due(self, machine: Machine) -> str | None:
        """Written if it is missing or differs."""
        file = machine.where(self.path)
        if file.is_symlink():
            raise ValueError(f"{self.path} is a link to {file.readlink()}: systemctl unmask {file.name}, or remove it")
        there = file.exists()
        if there and file.read_text(encoding="utf-8") == self.text:
            return None
        machine.units_differ = True
        return f"{'replace' if there else 'write'} the unit {self.path}"

    def do(self, machine: Machine) -> None:
        """Write it."""
        write(machine, self.path, self.text, 0o644, (0, 0), over=True)


@dataclass(frozen=True)
class Reload:
    """Have the service manager reread units, if needed for one of `units`."""

    units: tuple[str, ...]

    def due(self, machine: Machine) -> str | None:
        """If systemd runs, and a unit was changed: now, or by an installation that was killed or couldn't reload."""
        differ = machine.runs_systemd and (machine.units_differ or machine.reload_needed(self.units))
        return "have systemd read its units again" if differ else None

    def do(self, machine: Machine) -> None:
        """systemctl(1)."""
        machine.run(["systemctl", "daemon-reload"])


def _ids(machine: Machine, user: str, group: str) -> tuple[int | None, int | None]:
    account = Account(0, 0) if user == "root" else machine.user(user)
    return None if account is None else account.uid, 0 if group == "root" else machine.group(group)


def _owner(machine: Machine, user: str, group: str) -> tuple[int, int]:
    uid, gid = _ids(machine, user, group)
    if uid is None or gid is None:
        raise OSError(f"there is no user {user}, or no group {group}, though they were just made")
    return uid, gid
