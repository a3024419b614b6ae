"""What is wrong with a portal's files, before it matters. Part of `ims doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ims.portal.config import PortalConfig
from ims.portal.daemon import needs
from ims.portal.registry import Registry
from ims.queryd.doctor import certificates
from ims.sensor.doctor import access, findings, program
from ims.sensor.finding import OK, WRONG, Finding


def examine_portal(config: PortalConfig) -> Iterator[Finding]:
    """All findings for a portal with this configuration on this machine."""
    checks = {"user": partial(program, config.user), "access": partial(access, config.user, needs(config))}
    if config.tls is not None:
        checks["certificates"] = partial(certificates, config.tls, "portal")
    return findings({**checks, "registry": partial(_registry, config)})


def _registry(config: PortalConfig) -> Iterator[Finding]:
    try:
        sensors = Registry(config.registry).sensors()
    except (OSError, ValueError) as error:
        yield Finding(WRONG, "registry", str(error), "correct it; docs/deploy.md has an example")
        return
    yield Finding(OK, "registry", f"{config.registry} names {len(sensors)} sensors")
