"""`ims doctor`: what is wrong with a box, before it matters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\b
Examples:
  ims doctor --config sensor.toml
  ims doctor --config sensor.toml --format json
"""
STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def doctor(
    config: Annotated[Path, typer.Option(metavar="FILE", help="The sensor's settings in TOML: docs/sensor.md.")],
    format: Annotated[str, typer.Option(metavar="table|json", help="How findings are printed.")] = "table",
) -> None:
    """Look at capabilities, interfaces, offloads, routes, ARP, firewall, clock, disk; change nothing.

    Exits with 1 where something is wrong.
    """
    from ims.config import read_config
    from ims.sensor.doctor import examine
    from ims.sensor.finding import WRONG

    if format not in ("table", "json"):
        raise ValueError(f"--format {format!r}: wanted table or json")
    findings = list(examine(read_config(config)))
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
