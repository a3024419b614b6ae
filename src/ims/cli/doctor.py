"""`ims doctor`: what is wrong with a box, before it matters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Exit, Option

from ims.cli.options import examples

if TYPE_CHECKING:
    from ims.process.doctor import Finding

EXAMPLES = examples(
    "ims doctor --config sensor.toml",
    "ims doctor --config portal.toml --format json",
    "ims doctor --config /etc/ims/lake.env",
    "ims doctor --ship STORE --to LAKE",
)
STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def doctor(
    config: Annotated[
        Path | None, Option(metavar="FILE", help="Settings of a sensor, query daemon, portal or the shipper's unit.")
    ] = None,
    queryd: Annotated[Path | None, Option(metavar="FILE", help="A query daemon's: docs/deploy.md.")] = None,
    portal: Annotated[Path | None, Option(metavar="FILE", help="A portal's: docs/deploy.md.")] = None,
    ship: Annotated[Path | None, Option(metavar="DIR", help="A store to ship; with --to: docs/scale.md.")] = None,
    to: Annotated[str | None, Option(metavar="URI", help="The lake that it is shipped to.")] = None,
    format: Annotated[str, Option(metavar="table|json", help="How findings are printed.")] = "table",
) -> None:
    """Check all that a daemon's start checks, as `--check` does, and also interfaces, offloads, routes, ARP, firewall,
    clock, disk. Changes nothing.

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

    findings: list[Finding] = []
    for file, examine in ((config, examine_file), (queryd, examine_queryd_file), (portal, examine_portal_file)):
        findings += examine(file) if file is not None else ()
    if ship is not None and to is not None:
        from ims.lake.ship_checks import ship_checks
        from ims.process.start_checks import findings_of

        findings += findings_of(ship_checks(ship, to))
    if format == "json":
        print(json.dumps([finding._asdict() for finding in findings]))
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for level, subject, found, remedy in findings:
            text = Text(found + (f"\n→ {remedy}" if remedy else ""))
            table.add_row(Text(level, style=STYLES[level]), Text(subject), text)
        Console(highlight=False).print(table)
    if any(finding.level == WRONG for finding in findings):
        raise Exit(1)
