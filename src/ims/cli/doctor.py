"""`ims doctor`: what is wrong with a box, before it matters."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ims.process.doctor import Finding

EXAMPLES = """\b
Examples:
  ims doctor --config sensor.toml
  ims doctor --config portal.toml --format json
  ims doctor --config /etc/ims/lake.env
  ims doctor --ship STORE --to LAKE
"""
STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def doctor(
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings of a sensor, a query daemon, a portal or the shipper's unit."),
    ] = None,
    queryd: Annotated[Path | None, typer.Option(metavar="FILE", help="A query daemon's: docs/deploy.md.")] = None,
    portal: Annotated[Path | None, typer.Option(metavar="FILE", help="A portal's: docs/deploy.md.")] = None,
    ship: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A store that is to be shipped; with --to: docs/scale.md.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="URI", help="The lake that it is shipped to.")] = None,
    format: Annotated[str, typer.Option(metavar="table|json", help="How findings are printed.")] = "table",
) -> None:
    """Look at all that a daemon's start checks, as `--check` does, and besides at interfaces, offloads, routes, ARP,
    firewall, clock, disk. Changes nothing.

    Exits with 1 where something is wrong.
    """
    from ims.process.doctor import WRONG

    if format not in ("table", "json"):
        raise ValueError(f"--format {format!r}: expected table or json")
    if config is None and queryd is None and portal is None and ship is None:
        raise ValueError("expected --config FILE, or --ship DIR --to URI")
    if (ship is None) != (to is None):
        raise ValueError("--ship and --to go together")
    from ims.install.doctor import examine_file, examine_portal_file, examine_queryd_file

    findings = [
        *(examine_file(config) if config is not None else ()),
        *(examine_queryd_file(queryd) if queryd is not None else ()),
        *(examine_portal_file(portal) if portal is not None else ()),
        *_ship(ship, to),
    ]
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


def _ship(store: Path | None, uri: str | None) -> Iterable[Finding]:
    if store is None or uri is None:
        return ()
    from ims.lake.ship_checks import ship_checks
    from ims.process.start_checks import findings_of

    return findings_of(ship_checks(store, uri))
