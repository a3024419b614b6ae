"""`ims registry`: a portal's sensors, asked who they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Exit, Option, Typer

from ims.cli.options import Format, examples
from ims.cli.start import act_as_owner
from ims.cli.stderr import warn

if TYPE_CHECKING:
    from ims.pki.credentials import Credentials

app = Typer(no_args_is_help=True, rich_markup_mode=None, help="The sensors that a portal asks.")

Config = Annotated[
    Path, Option(metavar="FILE", help="The portal's settings: its certificate asks, its registry is meant.")
]
File = Annotated[Path | None, Option("--registry", metavar="FILE", help="Another registry than the settings'.")]


def _settings(config: Path, registry: Path | None) -> tuple[Path, Credentials | None]:
    from ims.portal.config import read_portal_config
    from ims.queryd.checks import read_credentials

    settings = read_portal_config(config)
    return registry or settings.registry, None if settings.tls is None else read_credentials(settings.tls, "portal")


@app.command(
    epilog=examples(
        "ims registry add sensor-a --address sensor-a.example.net:9443 --config portal.toml",
        "ims registry add sensor-b --address 127.0.0.1:9501 --organisation 'Example ISP' --config portal.toml",
    )
)
def add(
    name: Annotated[str, Argument(metavar="NAME", help="The sensor's name, as in its certificate.")],
    *,
    address: Annotated[str, Option(metavar="HOST:PORT", help="Where its query daemon listens.")],
    config: Config,
    registry: File = None,
    organisation: Annotated[str, Option(metavar="NAME", help="Whose it is.")] = "",
    time_zone: Annotated[str, Option(metavar="ZONE", help="Where it is, such as Europe/Vienna.")] = "UTC",
    also: Annotated[
        list[str] | None, Option(metavar="NAME", help="Another name that its store may hold; give any number.")
    ] = None,
) -> None:
    """Ask a sensor for its serial number, name and blocks, show them, and append an entry to the registry.

    Nothing is appended where the sensor isn't called so, or has an entry already.
    """
    from ims.portal.federation.fault import Fault
    from ims.portal.federation.merge import MergeEngines
    from ims.portal.federation.registry import RegisteredSensor, Registry
    from ims.portal.federation.registry_file import MERGING_OCTETS, add_entry, disagreements, entry
    from ims.portal.federation.sensor_identity import address_of, ask_identity
    from ims.settings.toml import checked

    file, credentials = _settings(config, registry)
    act_as_owner(file)
    Registry(file)  # refused, if it is, before the sensor is asked
    place = address_of(address)
    if credentials is None and not place.is_local:
        raise ValueError(f"{config} has no [tls]: without a certificate only sensors on loopback can be asked")
    try:
        asked = place if credentials is not None else place.model_copy(update={"serial": None})
        found = ask_identity(asked, credentials, MergeEngines(1, MERGING_OCTETS))
    except Fault as fault:
        raise ValueError(f"{address}: {fault.for_operators}") from None
    answered = {
        "serial": None if found.identity is None else found.identity.serial,
        "block": [{"name": block, "prefix": prefix} for block, prefix in found.blocks],
    }
    named = {"name": name, "address": address, "organisation": organisation, "time_zone": time_zone}
    sensor = checked(RegisteredSensor, {**named, "sensors": also or [], **answered})
    wrong = disagreements(sensor, found)
    if wrong:
        raise ValueError(f"{address}: {wrong[0]}")
    add_entry(file, sensor)
    print(entry(sensor), end="")
    warn(f"appended to {file}; a portal that runs asks it at once")


@app.command(
    epilog=examples("ims registry check --config portal.toml", "ims registry check --config portal.toml --format json")
)
def check(*, config: Config, registry: File = None, format: Format = "table") -> None:
    """Ask each registered sensor for its serial number, name and blocks, and compare. Exit status 1 where one disagrees
    or doesn't answer."""
    from ims.cli.present import print_rows
    from ims.portal.federation.registry import Registry
    from ims.portal.federation.registry_file import compare

    file, credentials = _settings(config, registry)
    compared = compare(Registry(file).sensors(), credentials)
    if format == "table":
        for one in compared:
            print(f"{one.sensor.name}: {'; '.join(one.wrong) or 'agrees'}")
    else:
        names = ("sensor", "address", "agrees", "serial", "blocks", "wrong")
        rows = []
        for one in compared:
            blocks = [] if one.found is None else [f"{name}={prefix}" for name, prefix in one.found.blocks]
            serial = one.found.identity.serial if one.found is not None and one.found.identity is not None else None
            row = (one.sensor.name, one.sensor.address, not one.wrong, serial, blocks, list(one.wrong))
            rows.append(dict(zip(names, row, strict=True)))
        print_rows(rows, format, names=names)
    if any(one.wrong for one in compared):
        raise Exit(1)
