"""`ims doctor`: which daemon a file of settings is for, and findings for it as the machine's unit starts it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ims.install.environment_file import parse_environment
from ims.install.sandbox import sandbox_findings
from ims.install.unit import installation, unit_text
from ims.install.unit_file import UnitFile, installed, option
from ims.process.doctor import WRONG, Finding
from ims.process.file_access import Need, Way, tried_as
from ims.settings.toml import read_text, read_toml

TAKEN = "address already in use"
EXAMPLES = "docs/sensor.md, docs/deploy.md and docs/scale.md have examples"
LAKE = "IMS_LAKE"
OF_A_CALLER = re.compile("AWS_|.*_proxy$", re.IGNORECASE)
"""Variables of a caller's bucket, which a unit hasn't unless its file sets them."""


def examine_file(file: Path) -> Iterable[Finding]:
    """All findings for the daemon whose settings the file holds. Raises ValueError and OSError, in one line, for a file
    that can't be read or is no daemon's."""
    return DAEMONS[daemon_of(file)](file)


def daemon_of(file: Path) -> str:
    """The daemon whose settings a file holds: `sensor`, `queryd`, `portal` or `ship`. Raises as `examine_file`."""
    from ims.portal.config import PortalConfig
    from ims.queryd.config import QuerydConfig
    from ims.sensor.config import SensorConfig

    text = read_text(file, EXAMPLES)
    if _unit_of("ship", file) is not None or file.suffix == ".env" or LAKE in parse_environment(text).variables:
        return "ship"
    keys = set(read_toml(file, EXAMPLES))
    models: Mapping[str, type[BaseModel]] = {"sensor": SensorConfig, "queryd": QuerydConfig, "portal": PortalConfig}
    found = {name: len(keys & set(model.model_fields)) for name, model in models.items()}
    if not any(found.values()):
        has = f"its keys are {', '.join(sorted(keys))}" if keys else "it has no keys"
        no_settings = f"{file} holds the settings of no sensor, query daemon or portal, nor sets {LAKE} for the shipper"
        raise ValueError(f"{no_settings}: {has}; {EXAMPLES}")
    return max(found, key=lambda name: found[name])


def examine_sensor_file(file: Path) -> Iterable[Finding]:
    """For a sensor's settings."""
    from ims.sensor.config import read_config
    from ims.sensor.doctor import examine

    config = read_config(file)
    return [*examine(config, file), *_kept_by_unit("sensor", file, [Need("the store", config.store, Way.CHANGE_ALL)])]


def examine_queryd_file(file: Path) -> Iterable[Finding]:
    """For a query daemon's."""
    from ims.queryd.checks import needs
    from ims.queryd.config import read_queryd_config
    from ims.queryd.doctor import examine_queryd

    config = read_queryd_config(file)
    needed = [*needs(config), *_certificates(config.tls)]
    return [*_as_unit("queryd", file, lambda: examine_queryd(config, file)), *_kept_by_unit("queryd", file, needed)]


def examine_portal_file(file: Path) -> Iterable[Finding]:
    """For a portal's."""
    from ims.portal.checks import needs
    from ims.portal.config import read_portal_config
    from ims.portal.doctor import examine_portal

    config = read_portal_config(file)
    found = [*_as_unit("portal", file, lambda: examine_portal(config, file))]
    try:
        needed = [*needs(config), *_certificates(config.tls), *_certificates(config.https)]
        if config.export_folder is None:  # the daemon's TMPDIR may differ from the caller's
            needed = [need for need in needed if need.path != Path(tempfile.gettempdir())]
    except ValueError:  # the lake's URI, which is among the findings already
        return found
    return [*found, *_kept_by_unit("portal", file, needed)]


def examine_ship_file(file: Path) -> Iterable[Finding]:
    """For the variables that the shipper's unit reads: the store and the lake of the command that the unit starts."""
    import pyarrow.fs  # noqa: F401  # before the child, whose user may be unable to read it

    import ims.lake.bucket  # noqa: F401
    from ims.lake.ship_checks import ship_checks, ship_needs
    from ims.process.start_checks import findings_of

    environment = parse_environment(read_text(file, EXAMPLES))
    if not environment.variables.get(LAKE):
        lines = ", ".join(map(str, environment.left_out))
        ignored = f" (line {lines}: systemd ignores what isn't NAME=VALUE, `export` included)" if lines else ""
        raise ValueError(f"{file} sets no {LAKE}{ignored}; docs/scale.md has an example")
    unit = installed("ims-ship")
    ours = UnitFile("ims-ship", [unit_text("ship", installation())])
    words = (unit or ours).command(environment.variables)
    store, uri = option(words, "--store"), option(words, "--to")
    if not store or not uri:
        raise ValueError(f"ims-ship.service starts no `ims ship --store DIR --to URI`: {' '.join(words)}")
    user = unit.user() if unit is not None and _reads(unit, file) and os.geteuid() == 0 else None

    def examine() -> list[tuple[str, ...]]:  # only in a child
        for name in [name for name in os.environ if OF_A_CALLER.match(name)]:
            del os.environ[name]
        if user is not None:
            os.environ["HOME"] = user.pw_dir
        os.environ.update(environment.variables)
        return [tuple(each) for each in findings_of(ship_checks(Path(store), uri))]

    found = [Finding(*each) for each in tried_as(user, examine, stay_root=user is None)]
    return [*found, *_kept_by_unit("ship", file, ship_needs(Path(store), uri))]


DAEMONS: Mapping[str, Callable[[Path], Iterable[Finding]]] = {
    "sensor": examine_sensor_file, "queryd": examine_queryd_file, "portal": examine_portal_file,
    "ship": examine_ship_file,
}  # fmt: skip
"""By command: `ims WORD`."""


def _as_unit(name: str, file: Path, examine: Callable[[], Iterable[Finding]]) -> Iterable[Finding]:
    """The findings for the user of the machine's unit: root, who runs the doctor, may read keys and open ports that the
    unit's user may not."""
    unit = _unit_of(name, file)
    user = unit.user() if unit is not None and os.geteuid() == 0 else None
    if user is None:
        return examine()
    found = [Finding(*each) for each in tried_as(user, lambda: [tuple(each) for each in examine()])]
    if all(TAKEN not in each.found for each in found):
        return found
    # Only root sees which process has a port: it may be the daemon itself.
    of_root = {each.subject: each for each in examine()}
    return [of_root.get(each.subject, each) if TAKEN in each.found else each for each in found]


def _kept_by_unit(name: str, file: Path, needs: Sequence[Need]) -> Iterable[Finding]:
    """What the unit that starts the daemon with this file forbids it."""
    unit = _unit_of(name, file)
    if unit is None:
        return ()
    found = list(sandbox_findings(unit, needs))
    stranger = unit.stranger()
    if stranger:
        text = f"{unit.name}.service runs as {stranger}, a user whom this machine doesn't have"
        found.insert(0, Finding(WRONG, "unit", text, f"`ims install-service {name}` makes ours"))
    return found


def _unit_of(name: str, file: Path) -> UnitFile | None:
    """This machine's unit, if it starts `ims NAME` with these settings."""
    with suppress(OSError):
        unit = installed(f"ims-{name}")
        return unit if unit is not None and _reads(unit, file) else None
    return None


def _reads(unit: UnitFile, file: Path) -> bool:
    for path in (
        *(word.removeprefix("-") for word in unit.words("EnvironmentFile")),
        option(unit.command(), "--config"),
    ):
        with suppress(OSError):
            if path and file.samefile(path):
                return True
    return False


def _certificates(settings: Any) -> list[Need]:
    """The certificate, its key and the authority that a table of settings names."""
    names = {"certificate": "the certificate", "key": "its key", "ca": "the authority"}
    found = {name: getattr(settings, key, None) for key, name in names.items()}
    return [Need(name, path) for name, path in found.items() if path is not None]
