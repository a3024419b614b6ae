"""What is wrong with a portal's files, before it matters. Part of `ims doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ims.portal.checks import portal_checks
from ims.portal.config import PortalConfig
from ims.queryd.doctor import ends
from ims.sensor.check import Running, findings_of
from ims.sensor.doctor import findings, root
from ims.sensor.finding import Finding


def examine_portal(config: PortalConfig, file: Path | None = None) -> Iterator[Finding]:
    """All findings for a portal with this configuration, from this file, on this machine."""
    yield from findings_of(portal_checks(config, Running("portal", file) if file is not None else None))
    looks = {"user": partial(root, config.user)}
    if config.tls is not None:
        looks["certificates"] = partial(ends, config.tls, "portal")
    yield from findings(looks)
