"""`ims doctor`: what is wrong with a box, before it matters."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ims.sensor.finding import Finding

EXAMPLES = """\b
Examples:
  ims doctor --config sensor.toml
  ims doctor --config portal.toml --format json
  ims doctor --ship STORE --to LAKE
"""
TAKEN = "address already in use"
STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def doctor(
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings in TOML of a sensor, a query daemon or a portal, by its keys."),
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
    from ims.sensor.finding import WRONG

    if format not in ("table", "json"):
        raise ValueError(f"--format {format!r}: wanted table or json")
    if config is None and queryd is None and portal is None and ship is None:
        raise ValueError("wanted --config FILE, or --ship DIR --to URI")
    if (ship is None) != (to is None):
        raise ValueError("--ship and --to go together")
    findings = [*_config(config), *_queryd(queryd), *_portal(portal), *_ship(ship, to)]
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


def _config(file: Path | None) -> Iterable[Finding]:
    if file is None:
        return ()
    from ims.config import SensorConfig
    from ims.portal.config import PortalConfig
    from ims.queryd.config import QuerydConfig
    from ims.settings_file import read_toml

    keys = set(read_toml(file, "docs/sensor.md and docs/deploy.md have examples"))
    known = {
        _sensor: set(SensorConfig.model_fields), _queryd: set(QuerydConfig.model_fields),
        _portal: set(PortalConfig.model_fields),
    }  # fmt: skip
    return max(known, key=lambda examine: len(keys & known[examine]))(file)


def _sensor(file: Path) -> Iterable[Finding]:
    from ims.config import read_config
    from ims.sensor.doctor import examine

    return examine(read_config(file), file)


def _queryd(file: Path | None) -> Iterable[Finding]:
    if file is None:
        return ()
    from ims.queryd.config import read_queryd_config
    from ims.queryd.doctor import examine_queryd

    return _as_unit("queryd", file, lambda: examine_queryd(read_queryd_config(file), file))


def _portal(file: Path | None) -> Iterable[Finding]:
    if file is None:
        return ()
    from ims.portal.config import read_portal_config
    from ims.portal.doctor import examine_portal

    return _as_unit("portal", file, lambda: examine_portal(read_portal_config(file), file))


def _as_unit(name: str, file: Path, examine: Callable[[], Iterable[Finding]]) -> Iterable[Finding]:
    """What there is to find for the user as whom the machine's unit starts the daemon: root, who asks, may read keys
    and open ports that a unit's user may not."""
    from ims.install.unit import started_by
    from ims.sensor.access import tried_as
    from ims.sensor.finding import Finding

    user = started_by(name, file) if os.geteuid() == 0 else None
    if user is None:
        return examine()
    found = [Finding(*each) for each in tried_as(user, lambda: [tuple(each) for each in examine()])]
    if all(TAKEN not in each.found for each in found):
        return found
    # Only root sees who has a port: it may be the very daemon.
    of_root = {each.subject: each for each in examine()}
    return [of_root.get(each.subject, each) if TAKEN in each.found else each for each in found]


def _ship(store: Path | None, uri: str | None) -> Iterable[Finding]:
    if store is None or uri is None:
        return ()
    from ims.lake.ship_checks import ship_checks
    from ims.sensor.check import findings_of

    return findings_of(ship_checks(store, uri))
