"""What each service needs on a machine: its user, folders with owners and modes, example settings, a unit.

One table: `ims install-service` applies it, and `docs/deploy.md` shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ims.install.step import Folder, Group, Reload, Settings, Step, Unit, User
from ims.install.unit import FOLDER, unit_text

GROUP = "ims"
"""The sensor's group, whose members may read the store, the settings and the keys."""


class Service(NamedTuple):
    """One daemon: `ims NAME`, started by the unit ims-NAME."""

    name: str
    user: str
    folders: tuple[Folder, ...]
    settings: tuple[Settings, ...]

    @property
    def unit(self) -> str:
        """The name of its unit's file."""
        return f"ims-{self.name}.service"


def _toml(name: str) -> Settings:
    return Settings(f"/etc/ims/{name}", "root", GROUP, 0o640, f"settings/{name}")


ETC = Folder("/etc/ims", "root", GROUP, 0o750)
TLS = Folder("/etc/ims/tls", "root", GROUP, 0o750)
HTTPS = Folder("/etc/ims/https", "root", GROUP, 0o750)
STATE = Folder("/var/lib/ims", "ims", GROUP, 0o750)
STORE = Folder("/var/lib/ims/store", "ims", GROUP, 0o750)
PORTAL = Folder("/var/lib/ims-portal", "ims", GROUP, 0o700)

LAKE = Settings("/etc/ims/lake.env", "root", "root", 0o600, "settings/lake.env")
"""A bucket's credentials, which systemd reads as root."""

SERVICES = {
    service.name: service
    for service in (
        Service("sensor", "ims", (ETC, STATE, STORE), (_toml("sensor.toml"),)),
        Service("queryd", "ims-query", (ETC, TLS, STATE, STORE), (_toml("queryd.toml"),)),
        Service("portal", "ims", (ETC, TLS, HTTPS, PORTAL), (_toml("portal.toml"), _toml("registry.toml"))),
        Service("ship", "ims", (ETC, STATE, STORE), (LAKE,)),
    )
}


def chosen(names: Sequence[str]) -> list[Service]:
    """Services by name, each once, in the table's order. Raises ValueError for a name that isn't in the table."""
    for name in names:
        if name not in SERVICES:
            *first, last = SERVICES
            raise ValueError(f"there is no service {name!r}; expected {', '.join(first)} or {last}")
    return [service for name, service in SERVICES.items() if name in names]


def steps(services: Sequence[Service], program: Path) -> Iterator[Step]:
    """All that those services need, in the order of making, without duplicates. `program`: the folder of ims."""
    made: list[Step] = [Group(GROUP), User("ims", GROUP)]
    for service in services:
        made += [User(service.user, GROUP), *service.folders, *service.settings]
    made += [Unit(f"{FOLDER}/{service.unit}", unit_text(service.name, program)) for service in services]
    yield from dict.fromkeys(made)
    yield Reload(tuple(service.unit for service in services))
