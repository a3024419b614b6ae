"""Removal of a service's unit. Data, settings, keys and users stay, and are listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ims.install.machine import Machine
from ims.install.service import Service
from ims.install.step import Reload, Step
from ims.install.unit import FOLDER


@dataclass(frozen=True)
class Stop:
    """Stop a unit, and no longer start it with the machine."""

    unit: str

    def due(self, machine: Machine) -> str | None:
        """If its file is there and systemd runs, which it doesn't in an image."""
        there = machine.runs_systemd and machine.where(f"{FOLDER}/{self.unit}").exists()
        return f"stop {self.unit}, and no longer start it with the machine" if there else None

    def do(self, machine: Machine) -> None:
        """systemctl(1)."""
        machine.run(["systemctl", "disable", "--now", self.unit])


@dataclass(frozen=True)
class Unlink:
    """Remove a file of systemd's."""

    path: str

    def due(self, machine: Machine) -> str | None:
        """If it is there."""
        file = machine.where(self.path)
        if not (file.is_symlink() or file.exists()):
            return None
        machine.units_differ = True
        return f"remove {self.path}"

    def do(self, machine: Machine) -> None:
        """Remove it; the target of a link stays."""
        machine.where(self.path).unlink(missing_ok=True)  # disabled units have lost their link by now


def steps_back(services: Sequence[Service]) -> Iterator[Step]:
    """The steps that remove those services' units."""
    for service in services:
        yield Stop(service.unit)
        yield Unlink(f"{FOLDER}/multi-user.target.wants/{service.unit}")
        yield Unlink(f"{FOLDER}/{service.unit}")
    yield Reload(tuple(service.unit for service in services))


def left_behind(services: Sequence[Service], machine: Machine) -> list[str]:
    """What is still there: folders with their content, settings, drop-ins, users."""
    paths = [folder.path for service in services for folder in service.folders]
    paths += [settings.path for service in services for settings in service.settings]
    paths += [f"{FOLDER}/{service.unit}.d" for service in services]
    users = dict.fromkeys(service.user for service in services)
    return [path for path in dict.fromkeys(paths) if machine.where(path).exists()] + [
        f"the user {user}" for user in users if machine.user(user) is not None
    ]
