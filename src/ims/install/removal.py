"""Removal of a service's unit. Data, settings, keys and users stay, and are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ims.install.machine import Machine
from ims.install.service import Service
from ims.install.step import Reload, Step
from ims.install.unit import FOLDER


@dataclass(frozen=True)
class Stop:
    """A unit that runs, or starts with the machine, no longer does."""

    unit: str

    def due(self, machine: Machine) -> str | None:
        """Where its file is there, and somebody can be told: in an image nothing runs."""
        there = machine.runs_systemd and machine.where(f"{FOLDER}/{self.unit}").exists()
        return f"stop {self.unit}, and no longer start it with the machine" if there else None

    def do(self, machine: Machine) -> None:
        """systemctl(1)."""
        machine.run(["systemctl", "disable", "--now", self.unit])


@dataclass(frozen=True)
class Unlink:
    """A file of systemd's that is removed."""

    path: str

    def due(self, machine: Machine) -> str | None:
        """Where it is there."""
        file = machine.where(self.path)
        if not (file.is_symlink() or file.exists()):
            return None
        machine.units_differ = True
        return f"remove {self.path}"

    def do(self, machine: Machine) -> None:
        """Remove it; what it links to stays."""
        machine.where(self.path).unlink(missing_ok=True)  # disabled units have lost their link by now


def steps_back(services: Sequence[Service]) -> Iterator[Step]:
    """What takes those services' units away."""
    for service in services:
        unit = f"ims-{service.name}.service"
        yield Stop(unit)
        yield Unlink(f"{FOLDER}/multi-user.target.wants/{unit}")
        yield Unlink(f"{FOLDER}/{unit}")
    yield Reload(tuple(f"ims-{service.name}.service" for service in services))


def left_behind(services: Sequence[Service], machine: Machine) -> list[str]:
    """What is still there of them: folders with all that is in them, settings, drop-ins, users."""
    paths = [folder.path for service in services for folder in service.folders]
    paths += [settings.path for service in services for settings in service.settings]
    paths += [f"{FOLDER}/ims-{service.name}.service.d" for service in services]
    users = dict.fromkeys(service.user for service in services)
    return [path for path in dict.fromkeys(paths) if machine.where(path).exists()] + [
        f"the user {user}" for user in users if machine.user(user) is not None
    ]
