"""`ims doctor`: what is wrong with a box, before it matters."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ims.sensor.finding import Finding

EXAMPLES = """\b
Examples:
  ims doctor --config sensor.toml
  ims doctor --config sensor.toml --format json
  ims doctor --queryd queryd.toml
  ims doctor --portal portal.toml
"""
STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def doctor(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A sensor's settings in TOML: docs/sensor.md.")
    ] = None,
    queryd: Annotated[Path | None, typer.Option(metavar="FILE", help="A query daemon's: docs/deploy.md.")] = None,
    portal: Annotated[Path | None, typer.Option(metavar="FILE", help="A portal's: docs/deploy.md.")] = None,
    format: Annotated[str, typer.Option(metavar="table|json", help="How findings are printed.")] = "table",
) -> None:
    """Look at capabilities, interfaces, offloads, routes, ARP, firewall, clock, disk; and whether the user that a
    daemon becomes can use its files. Changes nothing.

    Exits with 1 where something is wrong.
    """
    from ims.sensor.finding import WRONG

    if format not in ("table", "json"):
        raise ValueError(f"--format {format!r}: wanted table or json")
    if config is None and queryd is None and portal is None:
        raise ValueError("wanted --config FILE, --queryd FILE or --portal FILE")
    findings = [*_sensor(config), *_queryd(queryd), *_portal(portal)]
    if format == "json":
        print(json.dumps([finding._asdict() for finding in findings]))
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for level, subject, found, remedy in findings:
            said = Text(found + (f"\n→ {remedy}" if remedy else ""))
            table.add_row(Text(level, style=STYLES[level]), Text(subject), said)
        Console(highlight=False).print(table)
    if any(finding.level == WRONG for finding in findings):
        raise typer.Exit(1)


def _sensor(file: Path | None) -> Iterable[Finding]:
    if file is None:
        return ()
    from ims.config import read_config
    from ims.sensor.doctor import examine

    return examine(read_config(file), file)


def _queryd(file: Path | None) -> Iterable[Finding]:
    if file is None:
        return ()
    from ims.queryd.config import read_queryd_config
    from ims.queryd.doctor import examine_queryd

    return examine_queryd(read_queryd_config(file))


def _portal(file: Path | None) -> Iterable[Finding]:
    if file is None:
        return ()
    from ims.portal.config import read_portal_config
    from ims.portal.doctor import examine_portal

    return examine_portal(read_portal_config(file))
