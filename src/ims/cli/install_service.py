"""`ims install-service`: users, folders, example settings and units of services."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ims.cli.options import examples

if TYPE_CHECKING:
    from ims.install.machine import Machine
    from ims.install.service import Service
    from ims.install.step import Step

EXAMPLES = examples(
    "ims install-service sensor --dry-run",
    "ims install-service sensor queryd",
    "ims install-service portal",
    "ims install-service ship --uninstall",
)


def install_service(
    names: Annotated[list[str], Argument(metavar="SERVICE...", help="sensor, queryd, portal or ship.")],
    *,
    dry_run: Annotated[bool, Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    uninstall: Annotated[bool, Option("--uninstall", help="Stop it and remove its unit; all else stays.")] = False,
    root: Annotated[Path, Option(metavar="DIR", help="Install in the system of that folder, an image.")] = Path("/"),
) -> None:
    """Make what a service needs: users, folders with owners and modes, example settings, the unit. As root.

    What is there stays: settings are never overwritten, units are, and drop-ins of yours stay. Nothing is started.
    """
    from ims.install.machine import Machine
    from ims.install.removal import left_behind, steps_back
    from ims.install.service import chosen, steps
    from ims.install.unit import installation, refuse_unreachable

    machine, services, program = Machine(root.absolute()), chosen(names), installation()
    if not dry_run:
        _refuse_others(machine)
        if machine.is_this and not uninstall:
            refuse_unreachable(program)
    done = _run(steps_back(services) if uninstall else steps(services, program), machine, dry_run)
    if not done:
        print("nothing to do")
    elif not (dry_run or uninstall):
        _say_next(services, machine)
    if uninstall and (left := left_behind(services, machine)):
        print(f"left as they are: {', '.join(left)}")


def _refuse_others(machine: Machine) -> None:
    """Raises PermissionError unless the user is root, OSError if there is no systemd."""
    if os.geteuid() != 0:
        raise PermissionError("only root can install a service: run it with sudo, or look with --dry-run")
    if machine.is_this and not machine.runs_systemd and shutil.which("systemctl") is None:
        raise OSError("systemd is required and isn't installed; on Debian: apt-get install systemd")


def _run(all_steps: Iterable[Step], machine: Machine, dry_run: bool) -> int:
    """Do what is due, or only name it: one line each. Returns how many steps were due."""
    done = 0
    for step in all_steps:
        try:
            due = step.due(machine)
        except PermissionError as error:
            if not dry_run:
                raise
            print(f"can't look at {error.filename}: root is told more")
            continue
        if due is not None:
            done += 1
            if not dry_run:
                step.do(machine)
            print(f"would {due}" if dry_run else due, flush=True)
    return done


def _say_next(services: list[Service], machine: Machine) -> None:
    if machine.is_this and not machine.runs_systemd:
        print("systemd doesn't run here: it finds the units when it starts")
    for service in services:
        files = " and ".join(settings.path for settings in service.settings)
        print(f"{service.name}: see to {files}, then: systemctl enable --now ims-{service.name}")
