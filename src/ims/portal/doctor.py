"""What is wrong with a portal's files, before it matters. Part of `ims doctor`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ims.portal.checks import portal_checks
from ims.portal.config import PortalConfig
from ims.portal.federation.monitored_space import DAMAGED, kept, path_beside
from ims.process.doctor import OK, WARNING, WRONG, Finding, findings, root
from ims.process.start_checks import Running, findings_of
from ims.queryd.doctor import ends
from ims.text import quantity

AUDIT_LEAST, AUDIT_LOW = 16 << 20, 256 << 20
"""Free bytes below which lines will soon be lost, and below which there is a warning."""


def examine_portal(config: PortalConfig, file: Path | None = None) -> Iterator[Finding]:
    """All findings for a portal with this configuration, from this file, on this machine."""
    yield from findings_of(portal_checks(config, Running("portal", file) if file is not None else None))
    looks = {
        "user": partial(root, config.user), "audit": partial(audit_disk, config),
        "monitored": partial(kept_prefixes, config),
    }  # fmt: skip
    if config.tls is not None:
        looks["certificates"] = partial(ends, config.tls, "portal")
    yield from findings(looks)


def audit_disk(config: PortalConfig) -> Iterator[Finding]:
    """Whether there is room for the audit log, where every line counts."""
    folder = next(path for path in config.audit.absolute().parents if path.exists())
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**20:,.0f} MiB free for the audit log at {folder}"
    if free >= AUDIT_LOW:
        yield Finding(OK, "audit", text)
    else:
        level, more = (WRONG, ": lines are lost, or will be") if free < AUDIT_LEAST else (WARNING, "")
        yield Finding(level, "audit", text + more, "free some, or move `audit`")


def kept_prefixes(config: PortalConfig) -> Iterator[Finding]:
    """Whether the portal will know at its start what silent sensors watched."""
    path = path_beside(config.accounts)
    try:
        known = kept(path)
    except ValueError as error:
        yield Finding(WRONG, "monitored", f"{error}: {DAMAGED}", "put back a copy of it, before the portal starts")
    else:
        if known:
            yield Finding(OK, "monitored", f"{path} says what {quantity(len(known), 'sensor')} watched")
