"""What is wrong with a query daemon's files, before it matters. Part of `ims doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ims.pki.credentials import expiry_warnings
from ims.pki.revocations import Revocations
from ims.process.doctor import OK, WARNING, WRONG, Finding, findings, root
from ims.process.start_checks import Running, findings_of
from ims.process.tls import TlsConfig
from ims.queryd.checks import queryd_checks, read_credentials
from ims.queryd.config import QuerydConfig
from ims.store.reader import open_store
from ims.store.verify import bad_heartbeats, unlisted_files
from ims.text import quantity


def examine_queryd(config: QuerydConfig, file: Path | None = None) -> Iterator[Finding]:
    """All findings for a query daemon with this configuration, from this file, on this machine."""
    yield from findings_of(queryd_checks(config, Running("queryd", file) if file is not None else None))
    looks = {"user": partial(root, config.user), "store": partial(_store, config)}
    if config.tls is not None:
        looks["certificates"] = partial(ends, config.tls, "sensor")
    yield from findings(looks)


def ends(tls: TlsConfig, role: str) -> Iterator[Finding]:
    """Whether a daemon's certificate and authority last, and its list can be used."""
    try:
        credentials = read_credentials(tls, role)
    except (OSError, ValueError):  # the start checks report it
        return
    for warning in expiry_warnings(credentials, datetime.now(UTC)):
        text, _, remedy = warning.partition("; ")
        yield Finding(WARNING, "certificates", text, remedy)
    problem = Revocations(tls.revoked, credentials.ca).problem
    if problem is None:
        yield Finding(OK, "revoked", f"{tls.revoked} is a list of the authority's")
    else:
        yield Finding(WRONG, "revoked", problem, "copy the authority's revoked.pem there")


def _store(config: QuerydConfig) -> Iterator[Finding]:
    try:
        with open_store(config.store) as store:
            sensors = ", ".join(store.sensors)
        unlisted = unlisted_files(config.store)
        spoiled = bad_heartbeats(config.store)
    except FileNotFoundError as error:
        yield Finding(WRONG, "store", f"{error}, which is waited for", "start the sensor, or correct `store`")
        return
    except (OSError, ValueError):  # the start checks report it
        return
    yield Finding(OK, "store", f"{config.store} holds packets of {sensors}")
    if unlisted:
        text = f"{quantity(len(unlisted), 'file')} that nothing lists, such as {unlisted[0]}: no question sees them"
        yield Finding(WARNING, "store", text, f"`ims store verify {config.store}` lists them")
    for damage in spoiled:
        yield Finding(WARNING, "store", f"{damage.file}: {damage.why}", damage.remedy)
