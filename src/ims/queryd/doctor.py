"""What is wrong with a query daemon's files, before it matters. Part of `ims doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from ims.pki.credentials import Credentials, expiry_warnings
from ims.pki.revocations import Revocations
from ims.queryd.config import QuerydConfig, TlsConfig
from ims.queryd.daemon import needs
from ims.sensor.doctor import access, findings, program
from ims.sensor.finding import OK, WARNING, WRONG, Finding
from ims.store.reader import open_store


def examine_queryd(config: QuerydConfig) -> Iterator[Finding]:
    """All findings for a query daemon with this configuration on this machine."""
    checks = {"user": partial(program, config.user), "access": partial(access, config.user, needs(config))}
    if config.tls is not None:
        checks["certificates"] = partial(certificates, config.tls, "sensor")
    return findings({**checks, "store": partial(_store, config)})


def certificates(tls: TlsConfig, role: str) -> Iterator[Finding]:
    """Whether a daemon's certificate, key and authority belong together and last, and its list can be used."""
    try:
        credentials = Credentials.read(tls.certificate, tls.key, tls.ca, roles=(role,))
    except (OSError, ValueError) as error:
        yield Finding(WRONG, "certificates", str(error), "docs/pki.md tells how to issue another")
        return
    warnings = expiry_warnings(credentials, datetime.now(UTC))
    for warning in warnings:
        said, _, remedy = warning.partition("; ")
        yield Finding(WARNING, "certificates", said, remedy)
    if not warnings:
        until = f"{credentials.expires:%Y-%m-%d}"
        yield Finding(OK, "certificates", f"of {role} {credentials.identity.name}, until {until}")
    problem = Revocations(tls.revoked, credentials.ca).problem
    if problem is None:
        yield Finding(OK, "revoked", f"{tls.revoked} is a list of the authority's")
    else:
        yield Finding(WRONG, "revoked", problem, "copy the authority's revoked.pem there")


def _store(config: QuerydConfig) -> Iterator[Finding]:
    try:
        with open_store(config.store) as store:
            sensors = ", ".join(store.sensors)
    except (OSError, ValueError) as error:
        yield Finding(WRONG, "store", str(error), "correct `store`")
        return
    yield Finding(OK, "store", f"{config.store} holds packets of {sensors}")
