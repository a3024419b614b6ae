"""`ims install-service` in an image's folder: users, folders, settings and units are made once, and changes stay."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ims.install.service import SERVICES
from ims.install.unit import installation, unit_text
from ims.portal.config import read_portal_config
from ims.portal.federation.registry import Registry
from ims.queryd.config import read_queryd_config

from .image import ALL, AS_ROOT, UNITS, Image

pytestmark = AS_ROOT


def test_users_folders_settings_and_units_are_made(image: Image) -> None:
    image.lines(*ALL)
    assert {"ims", "ims-query"} <= set(image.numbers("passwd").values())
    for user in ("ims", "ims-query"):
        [line] = [
            line for line in (image.folder / "etc/passwd").read_text().splitlines() if line.startswith(f"{user}:")
        ]
        assert image.numbers("group")[int(line.split(":")[3])] == "ims"
        assert line.endswith(":/nonexistent:/usr/sbin/nologin")
    assert {path: image.entry(path) for path in (
        "etc/ims", "etc/ims/tls", "etc/ims/https", "var/lib/ims", "var/lib/ims/store",
        "var/lib/ims-portal", "etc/ims/sensor.toml", "etc/ims/queryd.toml", "etc/ims/portal.toml",
        "etc/ims/registry.toml", "etc/ims/lake.env",
    )} == {
        "etc/ims": ("root:ims", 0o750), "etc/ims/tls": ("root:ims", 0o750), "etc/ims/https": ("root:ims", 0o750),
        "var/lib/ims": ("ims:ims", 0o750), "var/lib/ims/store": ("ims:ims", 0o750),
        "var/lib/ims-portal": ("ims:ims", 0o700),
        "etc/ims/sensor.toml": ("root:ims", 0o640), "etc/ims/queryd.toml": ("root:ims", 0o640),
        "etc/ims/portal.toml": ("root:ims", 0o640), "etc/ims/registry.toml": ("root:ims", 0o640),
        "etc/ims/lake.env": ("root:root", 0o600),
    }  # fmt: skip
    for name in ALL:
        unit = image.folder / UNITS / f"ims-{name}.service"
        assert unit.read_text() == unit_text(name, installation())
        assert image.entry(f"{UNITS}/{unit.name}") == ("root:root", 0o644)
        assert f"{installation()}/bin/ims" in unit.read_text()
    etc = image.folder / "etc/ims"
    assert tomllib.loads((etc / "sensor.toml").read_text())["store"] == "/var/lib/ims/store"
    assert str(read_queryd_config(etc / "queryd.toml").store) == "/var/lib/ims/store"
    assert str(read_portal_config(etc / "portal.toml").registry) == "/etc/ims/registry.toml"
    assert Registry(etc / "registry.toml").sensors() == ()  # `ims registry add` fills it


def test_a_unit_s_user_and_folders_are_those_of_the_table() -> None:
    for name, service in SERVICES.items():
        unit = unit_text(name, Path("/opt/ims"))
        assert f"\nUser={service.user}\nGroup=ims\n" in unit
        assert f"ExecStart=/opt/ims/bin/ims {name} " in unit
        for settings in service.settings:
            assert settings.path in unit or settings.path == "/etc/ims/registry.toml"  # the portal's settings name it
