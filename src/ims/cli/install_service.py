"""`ims install-service`: users, folders, example settings and units of services."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ims.install.machine import Machine
    from ims.install.service import Service
    from ims.install.step import Step

EXAMPLES = """\b
Examples:
  ims install-service sensor --dry-run
  ims install-service sensor queryd
  ims install-service portal
  ims install-service ship --uninstall
"""


def install_service(
    names: Annotated[list[str], typer.Argument(metavar="SERVICE...", help="sensor, queryd, portal or ship.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Stop it and remove its unit; data, settings and users stay.")
    ] = False,
    root: Annotated[Path, typer.Option(metavar="DIR", help="Install in the system of that folder, an image.")] = Path(
        "/"
    ),
) -> None:
    """Make what a service needs: users, folders with owners and modes, example settings, the unit. As root.

    What is there stays: settings are never overwritten, units are, and drop-ins of yours stay. Nothing is started.
    """
    from ims.install.machine import Machine
    from ims.install.removal import left_behind, steps_back
    from ims.install.service import chosen, steps
    from ims.install.unit import installation, refuse_unreachable

    machine, services = Machine(root.absolute()), chosen(names)
    program = installation()
    if not dry_run:
        _refuse_others(machine)
        if machine.is_this and not uninstall:
            refuse_unreachable(program)
    done = _run(steps_back(services) if uninstall else steps(services, program), machine, dry_run)
    if not done:
        print("nothing was to be done")
    elif not (dry_run or uninstall):
        _say_next(services, machine)
    if uninstall and (left := left_behind(services, machine)):
        print(f"left as they are: {', '.join(left)}")


def _refuse_others(machine: Machine) -> None:
    """Raises PermissionError for who isn't root, OSError where there is no systemd."""
    import shutil

    if os.geteuid() != 0:
        raise PermissionError("only root can install a service: run it with sudo, or look with --dry-run")
    if machine.is_this and not machine.runs_systemd and shutil.which("systemctl") is None:
        raise OSError("this machine has no systemd, for which units are; on Debian: apt-get install systemd")


def _run(all_steps: Iterable[Step], machine: Machine, dry_run: bool) -> int:
    """Do, or name, what is due: one line each. Returns how many."""
    done = 0
    for step in all_steps:
        try:
            due = step.due(machine)
        except PermissionError as error:
            if not dry_run:
                raise
            print(f"can't look at {error.filename}: root is told more")
            continue
        if due is None:
            continue
        done += 1
        if dry_run:
            print(f"would {due}")
        else:
            step.do(machine)
            print(due, flush=True)
    return done


def _say_next(services: list[Service], machine: Machine) -> None:
    if machine.is_this and not machine.runs_systemd:
        print("systemd doesn't run here: it finds the units when it starts")
    for service in services:
        files = " and ".join(settings.path for settings in service.settings)
        print(f"{service.name}: see to {files}, then: systemctl enable --now ims-{service.name}")
